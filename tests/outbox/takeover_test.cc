// Two servers relay one table. The one that works dies, or hangs: the other goes on where it was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>

#include "support/mariadb.h"
#include "support/postgres.h"
#include "support/server_process.h"

namespace postroad::testing {
namespace {

using Run = std::function<void(const std::string&)>;

// A database of its own: how to reach it, and a client's session.
struct Database {
  std::string url;
  Run run;
};

Database InPostgres() {
  static PostgresServer server;
  const std::string url = server.NewDatabase();
  return {url, [sql = std::make_shared<PgSession>(url)](const auto& text) { sql->Run(text); }};
}

Database InMariaDb(MariaDbServer::Make make) {
  static std::map<MariaDbServer::Make, std::unique_ptr<MariaDbServer>> servers;
  auto& server = servers[make];
  if (!server) server = std::make_unique<MariaDbServer>(make);
  const std::string name = server->NewDatabase();
  return {server->UrlOf(name), [sql = std::make_shared<MariaDbSession>(*server, name)](
                                   const auto& text) { sql->One(text); }};
}

Database InSqlite() {
  auto folder = std::make_shared<TempFolder>();
  const std::string path = *folder / "shop.db";
  return {"sqlite:" + path, [folder, path](const std::string& text) {
            sqlite3* db = nullptr;
            EXPECT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
            sqlite3_busy_timeout(db, 10'000);
            EXPECT_EQ(sqlite3_exec(db, text.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
            sqlite3_close(db);
          }};
}

struct Param {
  const char* name;
  std::function<Database()> make;
};
const Param kPostgres = {"Postgres", InPostgres};
const Param kMariaDb = {"MariaDb", [] { return InMariaDb(MariaDbServer::Make::kMariaDb); }};
const Param kMySql = {"MySql", [] { return InMariaDb(MariaDbServer::Make::kMySql); }};
const Param kSqlite = {"Sqlite", InSqlite};

bool Phase(const ServerProcess& server, const std::string& phase) {
  return Eventually([&] {
    return HttpGet(server.http(), "/outbox").body.find("\"phase\":\"" + phase + "\"") !=
           std::string::npos;
  });
}

// How many events of topic t the server's log has.
bool Has(const ServerProcess& server, int count) {
  return Eventually([&] {
    return RunProgram(
               {PostroadProgram(), "topics", "show", "t", "--server", server.grpc(), "-o", "json"})
               .output.find("\"events\":" + std::to_string(count)) != std::string::npos;
  });
}

class TakeOver : public ::testing::TestWithParam<Param> {
 protected:
  void SetUp() override {
    if (GetParam().name == kMySql.name && !HasMySql()) {
      GTEST_SKIP() << "MySQL is not here; ./dev install gets it";
    }
    database = GetParam().make();
    const Ended installed =
        RunProgram({PostroadProgram(), "outbox", "install", "--url", database.url});
    ASSERT_EQ(installed.code, 0) << installed.output;
    const ServerOptions options = {.config = "[[outbox.source]]\nname = \"shop\"\nurl = \"" +
                                             database.url + "\"\n"};
    first = std::make_unique<ServerProcess>(options);
    ASSERT_TRUE(Phase(*first, "leading"));
    second = std::make_unique<ServerProcess>(options);
    ASSERT_TRUE(Phase(*second, "waiting"));
    Post();
    ASSERT_TRUE(Has(*first, 1));
  }
  void Post() { database.run("INSERT INTO postroad_outbox (topic, payload) VALUES ('t', 'x')"); }
  // After what became of the first.
  void ExpectTakenOver() {
    const auto begin = std::chrono::steady_clock::now();
    Post();
    EXPECT_TRUE(Phase(*second, "leading")) << HttpGet(second->http(), "/outbox").body;
    EXPECT_TRUE(Has(*second, 1));
    RecordProperty("milliseconds", std::to_string((std::chrono::steady_clock::now() - begin) /
                                                  std::chrono::milliseconds(1)));
  }

  Database database;
  std::unique_ptr<ServerProcess> first, second;
};

TEST_P(TakeOver, FromOneThatIsKilled) {
  first->process().Signal(SIGKILL);
  first->process().Wait();
  ExpectTakenOver();
}

constexpr auto kNameOf = [](const ::testing::TestParamInfo<Param>& info) {
  return info.param.name;
};
INSTANTIATE_TEST_SUITE_P(Databases, TakeOver,
                         ::testing::Values(kPostgres, kMariaDb, kMySql, kSqlite), kNameOf);

// One that hangs looks to the database as one whose machine is gone: its connection stays, and
// nothing comes. (A process that hangs keeps SQLite's file locked.)
bool Hangs(pid_t pid) {
  const std::string threads = "/proc/" + std::to_string(pid) + "/task";
  for (const auto& thread : std::filesystem::directory_iterator(threads)) {
    const std::string stat = ReadFile(thread.path() / "stat");
    if (stat.compare(stat.rfind(')') + 2, 1, "T") != 0) return false;
  }
  return true;
}

class TakeOverOfHung : public TakeOver {};

TEST_P(TakeOverOfHung, FromOneThatHangsAndWakesLater) {
  first->process().Signal(SIGSTOP);
  ASSERT_TRUE(Eventually([&] { return Hangs(first->process().pid()); }));
  ExpectTakenOver();
  first->process().Signal(SIGCONT);
  EXPECT_TRUE(Phase(*first, "waiting"));
  Post();
  EXPECT_TRUE(Has(*second, 2));
}

INSTANTIATE_TEST_SUITE_P(Databases, TakeOverOfHung, ::testing::Values(kPostgres, kMariaDb, kMySql),
                         kNameOf);

// The client of MariaDB waits for an answer for minutes, and cannot be told not to.
TEST(Drain, EndsInItsTimeThoughTheDatabaseDoesNotAnswer) {
  MariaDbServer database;
  const std::string name = database.NewDatabase(), url = database.UrlOf(name);
  ASSERT_EQ(RunProgram({PostroadProgram(), "outbox", "install", "--url", url}).code, 0);
  ServerProcess server({.flags = {"--server.drain_timeout", "1s"},
                        .config = "[[outbox.source]]\nname = \"shop\"\nurl = \"" + url + "\"\n"});
  ASSERT_TRUE(Phase(server, "leading"));
  MariaDbSession session(database, name);
  session.One("LOCK TABLES postroad_outbox WRITE");
  ASSERT_TRUE(Eventually([&] {
    return session.One(
               "SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE 'Waiting%'") ==
           "1";
  }));
  const Ended ended = server.Stop();
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.output, ::testing::HasSubstr("not drained in time"));
}

}  // namespace
}  // namespace postroad::testing
