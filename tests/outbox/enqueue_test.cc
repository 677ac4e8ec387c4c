// postroad::outbox::Enqueue in transactions of each library: what commits arrives, whole.
#include <gtest/gtest.h>

#include "outbox/sources/sources.h"
#include "outbox_house.h"
#include "postroad/outbox_libpq.h"
#include "postroad/outbox_mariadb.h"
#include "postroad/outbox_pqxx.h"
#include "postroad/outbox_sqlite.h"
#include "support/mariadb.h"
#include "support/postgres.h"

namespace postroad::outbox {
namespace {

Event Whole() {
  return {.topic = "orders",
          .key = "größe 'x'",
          .type = "order.paid",
          .content_type = "application/json",
          .payload = std::string("\0'\\\xff\"", 5),
          .headers = {{"a", "with \"quotes\" and \\"}, {"bc", "tab\tand größe"}},
          .time = FromNanos(1'767'225'600'123'456'000),
          .deliver_at = {},
          .search_keys = {"order-42", "with \"quotes\", {braces} and \\"}};
}

class EnqueueTest : public ::testing::Test {
 protected:
  void StartRelay(const std::string& url) {
    const SourceOptions options = *Complete({.name = "shop", .url = url});
    const Status installed = Install(options);
    ASSERT_TRUE(installed) << installed.error().ToString();
    house.StartRelay(options, NewSource);
  }
  // `id` is the committed one's.
  void ExpectOnlyTheCommitted(const Result<std::string>& id, Duration precision = {}) {
    ASSERT_TRUE(id) << id.error().ToString();
    ASSERT_TRUE(Eventually([&] { return !house.Stored("last").empty(); }));
    const auto events = house.Stored("orders");
    ASSERT_EQ(events.size(), 1u);
    Event expected = Whole();
    expected.id = *id;
    expected.topic = events[0].topic;  // a record has none
    if (precision > Duration{}) *expected.time -= expected.time->time_since_epoch() % precision;
    EXPECT_EQ(events[0], expected);
    journal::ScheduledQuery query;
    query.topic = "later";
    EXPECT_TRUE(Eventually([&] {
      const auto page = house.stack.broker().ListScheduled(auth::Principal::Anyone(), query);
      return page && page->events.size() == 1 &&
             FormatTime(page->events[0].due) == "2199-01-01T00:00:00.25Z";
    }));
    house.relays.clear();
  }
  Event Later() {
    return {.topic = "later", .deliver_at = *ParseTime("2199-01-01T00:00:00.25Z", {})};
  }

  OutboxHouse house;
};

TEST_F(EnqueueTest, Libpqxx) {
  testing::PostgresServer server;
  const std::string url = server.NewDatabase();
  StartRelay(url);
  pqxx::connection connection(url);
  Result<std::string> id;
  {
    pqxx::work work(connection);
    id = Enqueue(work, Whole());
    EXPECT_TRUE(Enqueue(work, Later()));
    work.commit();
  }
  {
    pqxx::work work(connection);
    EXPECT_TRUE(Enqueue(work, Whole()));
    work.abort();
  }
  pqxx::work work(connection);
  EXPECT_TRUE(Enqueue(work, {.topic = "last"}));
  work.commit();
  ExpectOnlyTheCommitted(id);
}

TEST_F(EnqueueTest, Libpq) {
  testing::PostgresServer server;
  const std::string url = server.NewDatabase();
  StartRelay(url);
  PGconn* connection = PQconnectdb(url.c_str());
  const auto run = [&](const char* sql) { PQclear(PQexec(connection, sql)); };
  run("SET TimeZone = 'Asia/Tokyo'");
  run("BEGIN");
  const auto id = Enqueue(connection, Whole());
  EXPECT_TRUE(Enqueue(connection, Later()));
  run("COMMIT");
  run("BEGIN");
  EXPECT_TRUE(Enqueue(connection, Whole()));
  run("ROLLBACK");
  EXPECT_TRUE(Enqueue(connection, {.topic = "last"}));
  ExpectOnlyTheCommitted(id);
  EXPECT_EQ(Enqueue(connection, {.topic = "t", .key = std::string("k\0x", 3)}).error().field,
            "key");
  const auto bad = Enqueue(connection, {.id = "no uuid", .topic = "t"});
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().message.find("uuid"), std::string::npos) << bad.error().message;
  PQfinish(connection);
}

TEST_F(EnqueueTest, MariaDb) {
  testing::MariaDbServer server;
  const std::string database = server.NewDatabase();
  StartRelay(server.UrlOf(database));
  MYSQL* connection = mysql_init(nullptr);
  mysql_options(connection, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  ASSERT_NE(mysql_real_connect(connection, nullptr, "root", "", database.c_str(), 0,
                               server.socket().c_str(), 0),
            nullptr);
  mysql_query(connection, "BEGIN");
  const auto id = Enqueue(connection, Whole());
  EXPECT_TRUE(Enqueue(connection, Later()));
  mysql_query(connection, "COMMIT");
  mysql_query(connection, "BEGIN");
  EXPECT_TRUE(Enqueue(connection, Whole()));
  mysql_query(connection, "ROLLBACK");
  EXPECT_TRUE(Enqueue(connection, {.topic = "last"}));
  ExpectOnlyTheCommitted(id);
  EXPECT_FALSE(Enqueue(connection, {.topic = "t"}, "no_table"));
  mysql_close(connection);
}

TEST_F(EnqueueTest, Sqlite) {
  testing::TempFolder folder;
  StartRelay("sqlite:" + (folder / "shop.db"));
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open((folder / "shop.db").c_str(), &database), SQLITE_OK);
  sqlite3_busy_timeout(database, 10'000);
  const auto run = [&](const char* sql) {
    EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK);
  };
  run("BEGIN");
  const auto id = Enqueue(database, Whole());
  EXPECT_TRUE(Enqueue(database, Later()));
  run("COMMIT");
  run("BEGIN");
  EXPECT_TRUE(Enqueue(database, Whole()));
  run("ROLLBACK");
  EXPECT_TRUE(Enqueue(database, {.topic = "last"}));
  ExpectOnlyTheCommitted(id, std::chrono::milliseconds(1));  // as SQLite's times go
  EXPECT_FALSE(Enqueue(database, {.topic = "t"}, "no_table"));
  sqlite3_close(database);
}

// What the relay would have to set aside is refused where it is written.
TEST(MakeRowTest, RefusesWhatCouldBeNoEvent) {
  EXPECT_EQ(MakeRow({.topic = ""}).error().field, "topic");
  EXPECT_EQ(MakeRow({.topic = "_own"}).error().reason, "SYSTEM_TOPIC");
  EXPECT_EQ(MakeRow({.topic = "t", .key = std::string(2000, 'k')}).error().field, "key");
  const auto row = MakeRow({.topic = "t"});
  ASSERT_TRUE(row);
  EXPECT_EQ(row->event_id.size(), 36u);
  EXPECT_FALSE(row->headers);
}

}  // namespace
}  // namespace postroad::outbox
