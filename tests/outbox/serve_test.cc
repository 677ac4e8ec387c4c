// The relay as users run it: in `postroad serve`, by `postroad relay`, and its commands.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "support/postgres.h"
#include "support/server_process.h"

namespace postroad::testing {
namespace {

using ::testing::HasSubstr;

class ServeOutbox : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { database = std::make_unique<PostgresServer>(); }
  static void TearDownTestSuite() { database.reset(); }

  ServeOutbox() : url(database->NewDatabase()), sql(url) {
    config = "[[outbox.source]]\nname = \"shop\"\nurl = \"" + url + "\"\n";
    WriteFile(folder / "postroad.toml", config);
  }

  Ended Postroad(std::vector<std::string> words) {
    words.insert(words.begin(), PostroadProgram());
    return RunProgram(words);
  }
  // What the log has of a topic, a payload a line.
  std::string Tail(const ServerProcess& server, const std::string& topic) {
    return Postroad({"tail", topic, "--from", "beginning", "--no-follow", "--server", server.grpc(),
                     "-o", "json"})
        .output;
  }
  static size_t Lines(const std::string& text) {
    return static_cast<size_t>(std::ranges::count(text, '\n'));
  }

  static std::unique_ptr<PostgresServer> database;
  const std::string url;
  PgSession sql;
  TempFolder folder;
  std::string config;
};
std::unique_ptr<PostgresServer> ServeOutbox::database;

TEST_F(ServeOutbox, FromAnEmptyDatabaseToTheEvent) {
  const Ended installed = Postroad({"outbox", "install", "--url", url});
  ASSERT_EQ(installed.code, 0) << installed.output;
  EXPECT_EQ(Postroad({"outbox", "install", "--url", url}).code, 0) << "a second time";
  const Ended checked = Postroad({"outbox", "check", "--config", folder / "postroad.toml"});
  EXPECT_EQ(checked.code, 0) << checked.output;
  EXPECT_THAT(checked.output, Not(HasSubstr("but:")));
  ServerProcess server({.config = config});
  ASSERT_TRUE(server.ready());
  sql.Run("SELECT postroad_post('orders', '{\"order\": 42}', key => 'customer-7')");
  EXPECT_TRUE(Eventually([&] { return Lines(Tail(server, "orders")) == 1; }));
  EXPECT_THAT(Tail(server, "orders"), HasSubstr("customer-7"));
}

// examples/outbox/shop.sql, as psql runs it.
TEST_F(ServeOutbox, TheExampleInSqlAlone) {
  ASSERT_EQ(Postroad({"outbox", "install", "--url", url}).code, 0);
  ServerProcess server({.config = config});
  const Ended ran = RunProgram({"psql", "-v", "ON_ERROR_STOP=1", url, "-f",
                                POSTROAD_SOURCE_DIR "/examples/outbox/shop.sql"});
  ASSERT_EQ(ran.code, 0) << ran.output;
  EXPECT_TRUE(Eventually([&] { return Lines(Tail(server, "orders")) == 1; }));
  const std::string event = Tail(server, "orders");
  EXPECT_THAT(event, HasSubstr("\"order.placed\""));
  EXPECT_THAT(event, HasSubstr("customer-7"));
  EXPECT_TRUE(Eventually([&] {
    return Postroad({"scheduled", "list", "--server", server.grpc()}).output.find("reminders") !=
           std::string::npos;
  }));
}

TEST_F(ServeOutbox, CheckTellsOfAMissingTrigger) {
  ASSERT_EQ(Postroad({"outbox", "install", "--url", url}).code, 0);
  sql.Run("DROP TRIGGER postroad_notify ON postroad_outbox");
  const Ended checked = Postroad({"outbox", "check", "--config", folder / "postroad.toml"});
  EXPECT_EQ(checked.code, 0) << "it works without, by looking";
  EXPECT_THAT(checked.output, HasSubstr("but: no trigger wakes the relay"));
}

// The server dies at any moment of relaying: nothing is lost, nothing is there twice.
TEST_F(ServeOutbox, TheServerKilledWhileItRelays) {
  ASSERT_EQ(Postroad({"outbox", "install", "--url", url}).code, 0);
  ServerProcess server({.config = config});
  const int rounds = 5, each = Scaled(20'000);
  for (int round = 0; round < rounds; ++round) {
    sql.Run(
        "INSERT INTO postroad_outbox (topic, payload) SELECT 't', convert_to(i::text, 'UTF8') "
        "FROM generate_series(1, " +
        std::to_string(each) + ") i");
    server.KillAndRestart();
    ASSERT_TRUE(server.ready());
  }
  const std::string all = std::to_string(rounds * each);
  EXPECT_TRUE(Eventually([&] {
    return sql.One(
               "SELECT count(*) FROM postroad_outbox o, postroad_outbox_relay r WHERE "
               "pg_visible_in_snapshot(o.txid, r.seen)") == all;
  }));
  const Ended topic = Postroad({"topics", "show", "t", "--server", server.grpc(), "-o", "json"});
  EXPECT_THAT(topic.output, HasSubstr("\"events\":" + all));
}

TEST_F(ServeOutbox, PoisonIsShownByThePageAndTheCommand) {
  ASSERT_EQ(Postroad({"outbox", "install", "--url", url}).code, 0);
  sql.Run("SELECT postroad_post('_not/yours', 'x')");
  ServerProcess server({.config = config});
  EXPECT_TRUE(Eventually([&] {
    return HttpGet(server.http(), "/outbox").body.find("\"poison_rows\":1") != std::string::npos;
  }));
  const std::string page = HttpGet(server.http(), "/outbox").body;
  EXPECT_THAT(page, HasSubstr("\"topic\":\"_not/yours\""));
  EXPECT_THAT(page, HasSubstr("\"phase\":\"leading\""));
  const std::vector<std::string> from = {"--config", folder / "postroad.toml"};
  const auto poison = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"outbox", "poison"});
    words.insert(words.end(), from.begin(), from.end());
    return Postroad(words);
  };
  EXPECT_THAT(poison({"list"}).output, HasSubstr("Postroad's own and cannot be posted to"));
  sql.Run("UPDATE postroad_outbox SET topic = 'mended'");
  EXPECT_THAT(poison({"retry", "--all"}).output, HasSubstr("1 row to be sent again"));
  EXPECT_TRUE(Eventually([&] { return Lines(Tail(server, "mended")) == 1; }));
  EXPECT_TRUE(Eventually(
      [&] { return poison({"list"}).output.find("no rows are set aside") != std::string::npos; }));
  EXPECT_EQ(poison({"drop", "--id", "1"}).code, 4);
}

TEST_F(ServeOutbox, ASourceThatIsNoMoreIsForgotten) {
  ASSERT_EQ(Postroad({"outbox", "install", "--url", url}).code, 0);
  ServerProcess server({.config = config});
  const auto readers = [&](const std::string& word, std::vector<std::string> more) {
    more.insert(more.begin(), {"outbox", "readers", word});
    return Postroad(more);
  };
  EXPECT_TRUE(Eventually([&] {
    return readers("list", {"--url", url, "-o", "json"}).output.find("\"leads\":true") !=
           std::string::npos;
  }));
  EXPECT_THAT(readers("list", {"--url", url}).output, HasSubstr("shop"));
  EXPECT_THAT(readers("forget", {"shop", "--config", folder / "postroad.toml"}).output,
              HasSubstr("shop is a source of the settings: take it out first"));
  EXPECT_THAT(readers("forget", {"shop", "--url", url}).output,
              HasSubstr("a relay named shop works: stop it first"));
  EXPECT_EQ(server.Stop().code, 0);
  EXPECT_THAT(readers("forget", {"shop", "--url", url}).output, HasSubstr("forgotten: shop"));
  EXPECT_THAT(readers("list", {"--url", url}).output, HasSubstr("nothing is kept of any relay"));
  EXPECT_EQ(readers("forget", {"shop", "--url", url}).code, 4);
}

// `postroad relay` beside the database, the server elsewhere.
TEST_F(ServeOutbox, ARelayOfItsOwnPostsToAServer) {
  ASSERT_EQ(Postroad({"outbox", "install", "--url", url}).code, 0);
  ServerProcess server;
  Process relay({PostroadProgram(), "relay", "--config", folder / "postroad.toml", "--server",
                 server.grpc()});
  sql.Run("SELECT postroad_post('t', i::text) FROM generate_series(1, 5000) i");
  sql.Run("SELECT postroad_post('_bad', 'x'); SELECT postroad_post('t', 'last')");
  EXPECT_TRUE(Eventually([&] { return Lines(Tail(server, "t")) == 5001; })) << relay.Output();
  EXPECT_EQ(sql.One("SELECT count(*) FROM postroad_outbox_poison"), "1");
  relay.Signal(SIGTERM);
  EXPECT_EQ(relay.Wait().code, 0);
}

TEST_F(ServeOutbox, ADatabaseThatIsAwayKeepsNobodyFromBeingServed) {
  ServerProcess server(
      {.config = "[[outbox.source]]\nname = \"gone\"\nurl = \"postgres:///x?host=/nowhere\"\n"});
  ASSERT_TRUE(server.ready());
  EXPECT_TRUE(Eventually([&] {
    return HttpGet(server.http(), "/outbox").body.find("/nowhere") != std::string::npos;
  }));
  EXPECT_THAT(server.process().Output(), HasSubstr("outbox source failed"));
  EXPECT_EQ(server.Stop().code, 0);
}

}  // namespace
}  // namespace postroad::testing
