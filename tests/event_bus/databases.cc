// See databases.h.
#include "event_bus/databases.h"

#include <gtest/gtest.h>

#include "postroad/outbox_libpq.h"
#include "postroad/outbox_mariadb.h"
#include "postroad/outbox_sqlite.h"
#include "support/mariadb.h"
#include "support/postgres.h"

namespace postroad::testing {

using event_bus::EventInput;
using event_bus::EventProducer;

void Database::Transaction(const EventProducer& producer, const std::vector<EventInput>& inputs,
                           const std::string& end) {
  One("BEGIN");
  for (const EventInput& input : inputs) {
    const auto sent = Send(producer, input);
    EXPECT_TRUE(sent) << sent.error().ToString();
  }
  One(end);
}

void Database::Commit(const EventProducer& producer, const std::vector<EventInput>& inputs) {
  Transaction(producer, inputs, "COMMIT");
}

void Database::Rollback(const EventProducer& producer, const std::vector<EventInput>& inputs) {
  Transaction(producer, inputs, "ROLLBACK");
}

int Database::Count(const std::string& where) {
  return std::stoi("0" + One("SELECT COUNT(*) FROM postroad_outbox WHERE " + where));
}

namespace {

class Sqlite final : public Database {
 public:
  Sqlite() {
    EXPECT_EQ(sqlite3_open((folder_ / "shop.db").c_str(), &db_), SQLITE_OK);
    sqlite3_busy_timeout(db_, 10'000);
  }
  ~Sqlite() override { sqlite3_close(db_); }
  std::string url() const override { return "sqlite:" + (folder_ / "shop.db"); }
  std::string One(const std::string& sql) override {
    std::string value;
    const auto keep = [](void* to, int, char** row, char**) {
      if (row[0] != nullptr) *static_cast<std::string*>(to) = row[0];
      return 0;
    };
    // What begins as a reader cannot always become a writer: the transaction writes.
    const std::string text = sql == "BEGIN" ? "BEGIN IMMEDIATE" : sql;
    EXPECT_EQ(sqlite3_exec(db_, text.c_str(), keep, &value, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db_) << ": " << sql;
    return value;
  }
  Result<std::string> Send(const EventProducer& producer, const EventInput& input) override {
    return producer.Send(db_, input);
  }

 private:
  TempFolder folder_;
  sqlite3* db_ = nullptr;
};

class MariaDb final : public Database {
 public:
  MariaDb() : name_(Server().NewDatabase()), connection_(mysql_init(nullptr)) {
    mysql_options(connection_, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    EXPECT_NE(mysql_real_connect(connection_, nullptr, "root", "", name_.c_str(), 0,
                                 Server().socket().c_str(), 0),
              nullptr);
  }
  ~MariaDb() override { mysql_close(connection_); }
  std::string url() const override { return Server().UrlOf(name_); }
  std::string One(const std::string& sql) override {
    EXPECT_EQ(mysql_query(connection_, sql.c_str()), 0) << mysql_error(connection_) << sql;
    MYSQL_RES* result = mysql_store_result(connection_);
    if (result == nullptr) return "";
    MYSQL_ROW row = mysql_fetch_row(result);
    std::string value = row == nullptr || row[0] == nullptr ? "" : row[0];
    mysql_free_result(result);
    return value;
  }
  Result<std::string> Send(const EventProducer& producer, const EventInput& input) override {
    return producer.Send(connection_, input);
  }

 private:
  static MariaDbServer& Server() {
    static MariaDbServer server;
    return server;
  }
  const std::string name_;
  MYSQL* const connection_;
};

class Postgres final : public Database {
 public:
  Postgres() : url_(Server().NewDatabase()), connection_(PQconnectdb(url_.c_str())) {}
  ~Postgres() override { PQfinish(connection_); }
  std::string url() const override { return url_; }
  std::string One(const std::string& sql) override {
    PGresult* result = PQexec(connection_, sql.c_str());
    const auto status = PQresultStatus(result);
    EXPECT_TRUE(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        << PQresultErrorMessage(result) << sql;
    std::string value = PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "";
    PQclear(result);
    return value;
  }
  Result<std::string> Send(const EventProducer& producer, const EventInput& input) override {
    return producer.Send(connection_, input);
  }

 private:
  static PostgresServer& Server() {
    static PostgresServer server;
    return server;
  }
  const std::string url_;
  PGconn* const connection_;
};

}  // namespace

std::unique_ptr<Database> NewSqlite() { return std::make_unique<Sqlite>(); }
std::unique_ptr<Database> NewMariaDb() { return std::make_unique<MariaDb>(); }
std::unique_ptr<Database> NewPostgres() { return std::make_unique<Postgres>(); }

}  // namespace postroad::testing
