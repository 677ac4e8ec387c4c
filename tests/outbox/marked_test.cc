// Postroad's table in MariaDB, MySQL and SQLite: the same suite for all.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <thread>

#include "outbox/sources/sources.h"
#include "outbox_house.h"
#include "support/mariadb.h"

namespace postroad::outbox {
namespace {

using testing::MariaDbServer;
using testing::MariaDbSession;

// A client's session.
class Client {
 public:
  virtual ~Client() = default;
  // The first column of the first row.
  virtual std::string One(const std::string& sql) = 0;
};

// A kind of database, with one database in it.
class Kind {
 public:
  virtual ~Kind() = default;
  virtual std::string url() = 0;
  virtual std::unique_ptr<Client> NewClient() = 0;
};

class SqliteClient final : public Client {
 public:
  explicit SqliteClient(const std::string& path) {
    EXPECT_EQ(sqlite3_open(path.c_str(), &db_), SQLITE_OK);
    sqlite3_busy_timeout(db_, 10'000);
  }
  ~SqliteClient() override { sqlite3_close(db_); }
  std::string One(const std::string& sql) override {
    std::string value;
    char* error = nullptr;
    const auto keep = [](void* to, int, char** row, char**) {
      auto& kept = *static_cast<std::string*>(to);
      if (kept.empty() && row[0] != nullptr) kept = row[0];
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(db_, sql.c_str(), keep, &value, &error), SQLITE_OK) << error << sql;
    sqlite3_free(error);
    return value;
  }

 private:
  sqlite3* db_ = nullptr;
};

class Sqlite final : public Kind {
 public:
  std::string url() override { return "sqlite:" + (folder_ / "shop.db"); }
  std::unique_ptr<Client> NewClient() override {
    return std::make_unique<SqliteClient>(folder_ / "shop.db");
  }

 private:
  testing::TempFolder folder_;
};

MariaDbServer& Server(MariaDbServer::Make make) {
  static std::map<MariaDbServer::Make, std::unique_ptr<MariaDbServer>> servers;
  auto& server = servers[make];
  if (!server) server = std::make_unique<MariaDbServer>(make);
  return *server;
}

class MariaDbClient final : public Client {
 public:
  MariaDbClient(MariaDbServer::Make make, const std::string& database)
      : session_(Server(make), database) {}
  std::string One(const std::string& sql) override { return session_.One(sql); }

 private:
  MariaDbSession session_;
};

class MariaDb final : public Kind {
 public:
  explicit MariaDb(MariaDbServer::Make make) : make_(make) {}
  std::string url() override { return server().UrlOf(database_); }
  std::unique_ptr<Client> NewClient() override {
    return std::make_unique<MariaDbClient>(make_, database_);
  }
  MariaDbServer& server() { return Server(make_); }
  const std::string& database() const { return database_; }

 private:
  const MariaDbServer::Make make_;
  const std::string database_ = server().NewDatabase();
};

constexpr auto kMariaDb = MariaDbServer::Make::kMariaDb, kMySql = MariaDbServer::Make::kMySql;

struct Param {
  const char* name;
  std::function<std::unique_ptr<Kind>()> make;
};
const Param kSqliteParam = {"Sqlite", [] { return std::make_unique<Sqlite>(); }};
const Param kMariaDbParam = {"MariaDb", [] { return std::make_unique<MariaDb>(kMariaDb); }};
const Param kMySqlParam = {"MySql", [] { return std::make_unique<MariaDb>(kMySql); }};

class MarkedOutbox : public ::testing::TestWithParam<Param> {
 protected:
  void SetUp() override {
    if (GetParam().name == kMySqlParam.name && !testing::HasMySql()) {
      GTEST_SKIP() << "MySQL is not here; ./dev install gets it";
    }
    kind = GetParam().make();
    options = *Complete({.name = "shop", .url = kind->url()});
    const Status installed = Install(options);
    EXPECT_TRUE(installed) << installed.error().ToString();
    EXPECT_TRUE(Install(options)) << "a second time";
    sql = kind->NewClient();
  }

  Relay& Start() { return house.StartRelay(options, NewSource); }
  void Post(Client& client, int i, const std::string& topic = "t") {
    client.One("INSERT INTO postroad_outbox (topic, payload) VALUES ('" + topic + "', '" +
               std::to_string(i) + "')");
  }
  bool Arrives(const std::string& topic, size_t count) {
    return Eventually([&] { return house.Stored(topic).size() >= count; });
  }
  bool BecomesOne(const std::string& query, const std::string& value) {
    return Eventually([&] { return sql->One(query) == value; });
  }
  bool IsSqlite() { return options.url.starts_with("sqlite"); }

  std::unique_ptr<Kind> kind;
  SourceOptions options;
  std::unique_ptr<Client> sql;
  OutboxHouse house;
};

TEST_P(MarkedOutbox, EveryFieldOfAnEventArrives) {
  Start();
  sql->One(
      "INSERT INTO postroad_outbox (topic, " + std::string(IsSqlite() ? "\"key\"" : "`key`") +
      ", type, content_type, headers, payload, search_keys, time) VALUES ('orders', 'größe', "
      "'order.paid', 'application/json', '{\"origin\": \"shop\"}', x'0001ff', '[\"a\", \"b\"]', "
      "'2026-01-02 03:04:05.678')");
  sql->One(
      "INSERT INTO postroad_outbox (topic, payload, deliver_at) VALUES ('later', 'x', "
      "'2199-01-01 00:00:00')");
  ASSERT_TRUE(Arrives("orders", 1));
  const Event event = house.Stored("orders")[0];
  EXPECT_EQ(event.id, sql->One("SELECT event_id FROM postroad_outbox ORDER BY id"));
  EXPECT_EQ(event.id.size(), 36u);
  EXPECT_EQ(event.key, "größe");
  EXPECT_EQ(event.type, "order.paid");
  EXPECT_EQ(event.content_type, "application/json");
  EXPECT_EQ(event.payload, std::string("\0\1\xff", 3));
  EXPECT_EQ(event.headers, (std::vector<std::pair<std::string, std::string>>{{"origin", "shop"}}));
  EXPECT_EQ(event.search_keys, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(FormatTime(*event.time), "2026-01-02T03:04:05.678Z");
  journal::ScheduledQuery query;
  query.topic = "later";
  EXPECT_TRUE(Eventually([&] {
    const auto page = house.stack.broker().ListScheduled(auth::Principal::Anyone(), query);
    return page && page->events.size() == 1 &&
           FormatTime(page->events[0].due) == "2199-01-01T00:00:00Z";
  }));
}

TEST_P(MarkedOutbox, NamesWithQuotesInThem) {
  options = *Complete({.name = "odd", .url = kind->url(), .table = "odd\"t`a'ble"});
  for (int time = 1; time <= 2; ++time) {
    const Status installed = Install(options);
    ASSERT_TRUE(installed) << time << installed.error().ToString();
  }
  Start();
  const std::string table = IsSqlite() ? "\"odd\"\"t`a'ble" : "`odd\"t``a'ble";
  const std::string quote = IsSqlite() ? "\"" : "`";
  const std::string own = table + quote;
  sql->One("INSERT INTO " + own + " (topic, payload) VALUES ('_bad', 'x')");
  sql->One("INSERT INTO " + own + " (topic, payload) VALUES ('t', 'x')");
  ASSERT_TRUE(Arrives("t", 1));
  EXPECT_TRUE(BecomesOne("SELECT COUNT(*) FROM " + own + " WHERE delivered", "1"));
  EXPECT_TRUE(BecomesOne("SELECT COUNT(*) FROM " + table + "_poison" + quote, "1"));
}

TEST_P(MarkedOutbox, CommittedOnlyInOrderInPages) {
  options.batch_rows = 7;
  options.batch_bytes = 10;
  Start();
  sql->One("BEGIN");
  Post(*sql, 999);
  sql->One("ROLLBACK");
  for (int i = 0; i < 100; ++i) Post(*sql, i);
  ASSERT_TRUE(Arrives("t", 100));
  const auto payloads = house.Payloads("t");
  ASSERT_EQ(payloads.size(), 100u);
  for (size_t i = 0; i < payloads.size(); ++i) EXPECT_EQ(payloads[i], std::to_string(i));
  EXPECT_TRUE(BecomesOne("SELECT COUNT(*) FROM postroad_outbox WHERE delivered", "100"));
}

// Of databases that have several writers at a time.
class ManyWriters : public MarkedOutbox {};

TEST_P(ManyWriters, ALongTransactionHoldsNobodyUp) {
  Start();
  const auto slow = kind->NewClient();
  slow->One("BEGIN");
  Post(*slow, 1, "slow");
  for (int i = 0; i < 200; ++i) Post(*sql, i);
  ASSERT_TRUE(Arrives("t", 200));
  EXPECT_TRUE(house.Stored("slow").empty());
  slow->One("COMMIT");
  ASSERT_TRUE(Arrives("slow", 1));
  // Nor does one that has locked a row that is sent.
  EXPECT_TRUE(BecomesOne("SELECT COUNT(*) FROM postroad_outbox WHERE delivered", "201"));
  house.control->Set(&Gate::Control::closed, true);
  Post(*sql, 200);
  ASSERT_TRUE(Arrives("t", 201));
  slow->One("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");  // locks no gaps
  slow->One("BEGIN");
  slow->One("SELECT id FROM postroad_outbox ORDER BY id DESC LIMIT 1 FOR UPDATE");
  house.control->Set(&Gate::Control::closed, false);
  Post(*sql, 201);
  ASSERT_TRUE(Arrives("t", 202));
  EXPECT_TRUE(BecomesOne("SELECT COUNT(*) FROM postroad_outbox WHERE delivered", "202"));
  slow->One("COMMIT");
  EXPECT_TRUE(BecomesOne("SELECT COUNT(*) FROM postroad_outbox WHERE delivered", "203"));
  EXPECT_EQ(house.Stored("t").size(), 202u);
}

TEST_P(MarkedOutbox, KilledBetweenAppendAndMarkIsADuplicate) {
  for (int i = 0; i < 10; ++i) Post(*sql, i);
  house.control->Set(&Gate::Control::closed, true);
  Start();
  ASSERT_TRUE(Arrives("t", 10));
  house.KillRelays();
  house.control->Set(&Gate::Control::closed, false);
  Start();
  EXPECT_TRUE(BecomesOne("SELECT COUNT(*) FROM postroad_outbox WHERE NOT delivered", "0"));
  EXPECT_EQ(house.Stored("t").size(), 10u);
}

TEST_P(MarkedOutbox, HeadersCountAsBytesOfABatch) {
  options.batch_bytes = 2'500;
  for (int i = 0; i < 4; ++i) {
    sql->One("INSERT INTO postroad_outbox (topic, payload, headers) VALUES ('t', '" +
             std::to_string(i) + "', '{\"h\": \"" + std::string(1'000, 'x') + "\"}')");
  }
  Start();
  ASSERT_TRUE(Arrives("t", 4));
  EXPECT_TRUE(BecomesOne("SELECT COUNT(*) FROM postroad_outbox WHERE NOT delivered", "0"));
  EXPECT_GE(house.control->Count(&Gate::Control::batches), 2U);
}

// As ORMs make them: the column has no default, and what nobody has marked is NULL.
TEST_P(MarkedOutbox, RowsWithoutAMarkAreSent) {
  sql->One(
      "CREATE TABLE msg (no INTEGER PRIMARY KEY, channel VARCHAR(255), body VARCHAR(255), "
      "sent BOOLEAN)");
  options = *Complete(
      {.name = "m",
       .url = kind->url(),
       .layout = Layout::kColumns,
       .table = "msg",
       .columns = {.id = "no", .topic = "channel", .payload = "body", .delivered = "sent"}});
  ASSERT_TRUE(Install(options));
  sql->One("INSERT INTO msg VALUES (1, 'c', '1', NULL)");
  sql->One("INSERT INTO msg VALUES (2, 'c', NULL, false)");
  house.control->Set(&Gate::Control::failing, true);
  Start();
  EXPECT_TRUE(
      Eventually([&] { return house.Metric("postroad_outbox_lag_rows{source=\"m\"}") == 2; }));
  house.control->Set(&Gate::Control::failing, false);
  ASSERT_TRUE(Arrives("c", 2));
  EXPECT_EQ(house.Payloads("c"), (std::vector<std::string>{"1", ""}));
  EXPECT_TRUE(BecomesOne("SELECT COUNT(*) FROM msg WHERE sent", "2"));
}

TEST_P(MarkedOutbox, OfTwoRelaysOneWorksAndTheOtherTakesOver) {
  Relay& first = Start();
  ASSERT_TRUE(Eventually([&] { return first.state().phase == RelayState::Phase::kLeading; }));
  Relay& second = Start();
  ASSERT_TRUE(Eventually([&] { return second.state().phase == RelayState::Phase::kWaiting; }));
  first.Stop();
  house.relays.erase(house.relays.begin());  // and with it its connection
  ASSERT_TRUE(Eventually([&] { return second.state().phase == RelayState::Phase::kLeading; }));
  Post(*sql, 1);
  EXPECT_TRUE(Arrives("t", 1));
}

TEST_P(MarkedOutbox, PoisonIsSetAsideRetriedAndDropped) {
  Start();
  Post(*sql, 1, "_bad");
  sql->One("INSERT INTO postroad_outbox (topic, payload, search_keys) VALUES ('t', 'x', '{}')");
  Post(*sql, 2);
  ASSERT_TRUE(Arrives("t", 1));
  ASSERT_TRUE(BecomesOne("SELECT COUNT(*) FROM postroad_outbox_poison", "2"));
  Waker waker;
  const auto tool = NewSource(options, waker);
  ASSERT_TRUE(tool->Connect());
  auto rows = tool->ListPoison(10);
  ASSERT_TRUE(rows) << rows.error().ToString();
  ASSERT_EQ(rows->size(), 2u);
  std::ranges::sort(*rows, {}, &PoisonRow::id);
  EXPECT_EQ((*rows)[0].topic, "_bad");
  EXPECT_NE((*rows)[1].reason.find("search_keys"), std::string::npos) << (*rows)[1].reason;
  sql->One("UPDATE postroad_outbox SET topic = 'mended' WHERE topic = '_bad'");
  EXPECT_EQ(tool->RetryPoison((*rows)[0].id), 1u);
  ASSERT_TRUE(Arrives("mended", 1));
  ASSERT_TRUE(BecomesOne("SELECT COUNT(*) FROM postroad_outbox_poison", "1"));
  EXPECT_EQ(tool->DropPoison(std::nullopt), 1u);
  EXPECT_TRUE(BecomesOne("SELECT COUNT(*) FROM postroad_outbox WHERE NOT delivered", "0"));
}

TEST_P(MarkedOutbox, ARelayThatIsNoMoreIsListedAndForgotten) {
  Relay& relay = Start();
  Post(*sql, 1, "_bad");
  ASSERT_TRUE(BecomesOne("SELECT COUNT(*) FROM postroad_outbox_poison", "1"));
  SourceOptions other = options;
  other.name = "other";
  Waker waker;
  const auto tool = NewSource(other, waker);
  ASSERT_TRUE(tool->Connect());
  auto readers = tool->ListReaders();
  ASSERT_TRUE(readers) << readers.error().ToString();
  ASSERT_EQ(readers->size(), 1u);
  EXPECT_EQ((*readers)[0].name, "shop");
  EXPECT_TRUE((*readers)[0].leads);
  EXPECT_EQ((*readers)[0].poison, 1u);
  const Status refused = tool->ForgetReader("shop");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "READER_LEADS");
  relay.Stop();
  house.relays.clear();
  ASSERT_TRUE(Eventually([&] { return !(*tool->ListReaders())[0].leads; }));
  EXPECT_TRUE(tool->ForgetReader("shop"));
  EXPECT_EQ(sql->One("SELECT COUNT(*) FROM postroad_outbox_poison"), "0");
  EXPECT_TRUE(tool->ListReaders()->empty());
  EXPECT_EQ(tool->ForgetReader("shop").error().reason, "NO_READER");
}

TEST_P(MarkedOutbox, RetentionRemovesWhatIsOldAndDelivered) {
  options.retention = std::chrono::hours(1);
  for (int i = 0; i < 10; ++i) Post(*sql, i);
  Start();
  ASSERT_TRUE(BecomesOne("SELECT COUNT(*) FROM postroad_outbox WHERE delivered", "10"));
  sql->One("UPDATE postroad_outbox SET delivered_at = '2020-01-01 00:00:00' WHERE id <= 4");
  house.relays.clear();
  Start();
  EXPECT_TRUE(BecomesOne("SELECT COUNT(*) FROM postroad_outbox", "6"));
}

TEST_P(MarkedOutbox, WhatIsMissingIsNamed) {
  sql->One("ALTER TABLE postroad_outbox DROP COLUMN headers");
  Relay& relay = Start();
  EXPECT_TRUE(Eventually([&] {
    return relay.state().error.find("postroad_outbox has no column headers") != std::string::npos;
  })) << relay.state().error;
  options.table = "other";
  Relay& other = Start();
  EXPECT_TRUE(Eventually([&] {
    return other.state().error.find("there is no table other") != std::string::npos;
  })) << other.state().error;
}

const auto kNameOf = [](const ::testing::TestParamInfo<Param>& info) { return info.param.name; };
INSTANTIATE_TEST_SUITE_P(Kinds, MarkedOutbox,
                         ::testing::Values(kSqliteParam, kMariaDbParam, kMySqlParam), kNameOf);
INSTANTIATE_TEST_SUITE_P(Kinds, ManyWriters, ::testing::Values(kMariaDbParam, kMySqlParam),
                         kNameOf);

// Of those that are servers.
class ServerOutbox : public MarkedOutbox {
 protected:
  MariaDb& database() { return static_cast<MariaDb&>(*kind); }
};

TEST_P(ServerOutbox, KilledUnderLoadAndStartedAgain) {
  options.batch_rows = 20;
  Relay& relay = Start();
  MariaDbServer& server = database().server();
  std::atomic<int> acknowledged = 0;
  std::thread writer([&] {
    MariaDbSession session(server, database().database());
    while (session.Try("INSERT INTO postroad_outbox (topic, payload) VALUES ('t', '" +
                       std::to_string(acknowledged) + "')")) {
      ++acknowledged;
    }
  });
  EXPECT_TRUE(Arrives("t", 100));
  server.Kill();
  writer.join();
  ASSERT_TRUE(Eventually([&] { return relay.state().phase == RelayState::Phase::kConnecting; }));
  EXPECT_GT(house.Metric("postroad_outbox_source_errors_total{source=\"shop\"}"), 0);
  server.Start();
  sql = kind->NewClient();
  for (int i = 0; i < 50; ++i) Post(*sql, -1);
  const int count = std::stoi(sql->One("SELECT COUNT(*) FROM postroad_outbox"));
  EXPECT_GE(count, acknowledged + 50);
  EXPECT_TRUE(BecomesOne("SELECT COUNT(*) FROM postroad_outbox WHERE NOT delivered", "0"));
  const auto payloads = house.Payloads("t");
  ASSERT_EQ(payloads.size(), static_cast<size_t>(count));
  for (int i = 0; i < acknowledged; ++i) EXPECT_EQ(payloads[i], std::to_string(i));
}

// As a replica is, until it is promoted.
TEST_P(ServerOutbox, AReadOnlyServerIsWaitedFor) {
  sql->One("SET GLOBAL read_only = 1");
  Post(*sql, 1);
  Relay& relay = Start();
  EXPECT_TRUE(Eventually([&] {
    return relay.state().error.find("read-only") != std::string::npos;
  })) << relay.state().error;
  EXPECT_TRUE(house.Stored("t").empty());
  sql->One("SET GLOBAL read_only = 0");
  EXPECT_TRUE(Arrives("t", 1));
}

TEST_P(ServerOutbox, ARightThatLacksIsNamed) {
  const std::string& name = database().database();
  sql->One("CREATE USER relay@localhost");
  sql->One("GRANT SELECT, UPDATE ON " + name + ".postroad_outbox TO relay@localhost");
  sql->One("GRANT ALL ON " + name + ".postroad_outbox_poison TO relay@localhost");
  options.url = database().server().UrlOf(name, "relay");
  Relay& poor = Start();
  EXPECT_TRUE(Eventually([&] {
    return poor.state().error.find("GRANT DELETE ON postroad_outbox") != std::string::npos;
  })) << poor.state().error;
}

// The index beside a table that is there, and ids that are text.
TEST_P(ServerOutbox, ATableOfTheUsersOwn) {
  sql->One(
      "CREATE TABLE messages (no CHAR(36) PRIMARY KEY, seq BIGINT NOT NULL, channel VARCHAR(200), "
      "body TEXT, sent BOOLEAN NOT NULL DEFAULT FALSE)");
  options = *Complete({.name = "own",
                       .url = kind->url(),
                       .layout = Layout::kColumns,
                       .table = "messages",
                       .columns = {.id = "no",
                                   .order = "seq",
                                   .topic = "channel",
                                   .payload = "body",
                                   .delivered = "sent"}});
  const Status installed = Install(options);
  ASSERT_TRUE(installed) << installed.error().ToString();
  EXPECT_TRUE(Install(options)) << "a second time";
  EXPECT_EQ(sql->One("SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = "
                     "DATABASE() AND table_name = 'messages' AND index_name = 'undelivered'"),
            "2");
  Start();
  sql->One("INSERT INTO messages (no, seq, channel, body) VALUES ('b', 1, 't', '1')");
  sql->One("INSERT INTO messages (no, seq, channel, body) VALUES ('x', 2, '_bad', '2')");
  sql->One("INSERT INTO messages (no, seq, channel, body) VALUES ('a', 3, 't', '3')");
  ASSERT_TRUE(Arrives("t", 2));
  EXPECT_EQ(house.Payloads("t"), (std::vector<std::string>{"1", "3"}));
  EXPECT_TRUE(BecomesOne("SELECT COUNT(*) FROM messages_poison", "1"));
  EXPECT_TRUE(BecomesOne("SELECT COUNT(*) FROM messages WHERE NOT sent", "1"));
}

// The index is made by SQL that is itself a text in SQL.
TEST_P(ServerOutbox, ATableOfTheUsersOwnWithQuotesInItsNames) {
  sql->One(
      "CREATE TABLE `it's ``theirs` (`no'` CHAR(36) PRIMARY KEY, channel VARCHAR(200), body TEXT, "
      "`se\\nt` BOOLEAN NOT NULL DEFAULT FALSE)");
  options = *Complete(
      {.name = "own",
       .url = kind->url(),
       .layout = Layout::kColumns,
       .table = "it's `theirs",
       .columns = {.id = "no'", .topic = "channel", .payload = "body", .delivered = "se\\nt"}});
  for (int time = 1; time <= 2; ++time) {
    const Status installed = Install(options);
    ASSERT_TRUE(installed) << time << installed.error().ToString();
  }
  EXPECT_EQ(sql->One("SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = "
                     "DATABASE() AND table_name = 'it''s `theirs' AND index_name = 'undelivered'"),
            "2");
  Start();
  sql->One("INSERT INTO `it's ``theirs` (`no'`, channel, body) VALUES ('a', 't', '1')");
  ASSERT_TRUE(Arrives("t", 1));
  EXPECT_TRUE(BecomesOne("SELECT COUNT(*) FROM `it's ``theirs` WHERE `se\\nt`", "1"));
}

INSTANTIATE_TEST_SUITE_P(Kinds, ServerOutbox, ::testing::Values(kMariaDbParam, kMySqlParam),
                         kNameOf);

}  // namespace
}  // namespace postroad::outbox
