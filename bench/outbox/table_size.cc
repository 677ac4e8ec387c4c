// What a table weighs after all its rows are delivered and cleaned, by the ways to clean it.
#include <cstdio>

#include "outbox/common.h"

namespace postroad::testing {
namespace {

constexpr int kWaves = 10;

double Cleaned(const ServerProcess& server) {
  return Metric(server, R"(postroad_outbox_cleaned_rows_total{source="bench"})");
}

// "table 12.0 MiB, indexes 3.1 MiB, 0 dead rows"
std::string Weight(PgSession& sql, const std::string& table) {
  const auto row = sql.Run(
      "SELECT round(pg_table_size(t) / 1048576.0, 1), round(pg_indexes_size(t)"
      " / 1048576.0, 1), (pgstattuple(t)).dead_tuple_count FROM (SELECT '" +
      table + "'::regclass) r(t)")[0];
  return "table " + row[0] + " MiB, indexes " + row[1] + " MiB, " + row[2] + " dead rows";
}

class Trial {
 public:
  Trial(PostgresServer& database, const std::string& table, const std::string& more)
      : url_(database.NewDatabase()), table_(table), more_(more), sql_(url_) {
    sql_.Run("CREATE EXTENSION pgstattuple");
  }
  PgSession& sql() { return sql_; }

  // Rows in waves, each delivered, and cleaned where `retention` is over at once.
  void Deliver(const std::string& retention, int rows, const std::string& insert, bool cleaned) {
    ServerProcess server({.config = Config(retention)});
    for (int wave = 1; wave <= kWaves; ++wave) {
      sql_.Run(insert + " FROM generate_series(1, " + std::to_string(rows / kWaves) + ") i");
      const double now = static_cast<double>(rows) / kWaves * wave;
      while (Stored(server) < now || (cleaned && Cleaned(server) < now)) {
        Sleep(std::chrono::milliseconds(50));
      }
    }
  }
  // A relay with a short retention, until it has removed all.
  double Clean(int rows) {
    const auto begin = Clock::now();
    ServerProcess server({.config = Config("1ms")});
    while (Cleaned(server) < rows) Sleep(std::chrono::milliseconds(50));
    return rows / Since(begin);
  }
  void Print(const std::string& what, const std::string& more = "") {
    std::printf("| %s | %s | %s |  |\n", what.c_str(), Weight(sql_, table_).c_str(), more.c_str());
    std::fflush(stdout);
  }
  const std::string& url() const { return url_; }

 private:
  std::string Config(const std::string& retention) const {
    return Source(url_, "retention = \"" + retention + "\"\n" + more_);
  }

  const std::string url_, table_, more_;
  PgSession sql_;
};

const std::string kInsert =
    "INSERT INTO postroad_outbox (topic, key, type, content_type, payload) SELECT 'orders', 'k' || "
    "i % 1000, 'order.paid', 'text/plain', " +
    std::string(kPayload);
const std::string kRecorded =
    "INSERT INTO recorded_events (topic, uuid, msg_type, mime_type, payload) SELECT 'orders', "
    "gen_random_uuid(), 'order.paid', 'text/plain', " +
    std::string(kPayload);

void AtOnce(PostgresServer& database, int rows) {
  Trial trial(database, "postroad_outbox", "");
  Install(trial.url());
  trial.Deliver("0", rows, kInsert, true);
  trial.Print("retention 0, " + std::to_string(rows) + " rows in " + std::to_string(kWaves) +
              " waves");
  trial.sql().Run("VACUUM postroad_outbox");
  trial.Print("the same after VACUUM");
}

void InBatches(Trial& trial, int rows, const std::string& table, const std::string& insert) {
  trial.Deliver("7d", rows, insert, false);
  trial.Print(table + ": " + std::to_string(rows) + " rows delivered and kept");
  const double rate = trial.Clean(rows);
  trial.Print(table + ": deleted in batches",
              std::to_string(static_cast<int64_t>(rate)) + " rows/s");
  trial.sql().Run("VACUUM " + table);
  trial.Print(table + ": the same after VACUUM");
}

void Batches(PostgresServer& database, int rows) {
  Trial trial(database, "postroad_outbox", "");
  Install(trial.url());
  InBatches(trial, rows, "postroad_outbox", kInsert);
}

void Marked(PostgresServer& database, int rows) {
  Trial trial(database, "recorded_events", "layout = \"recorded_events\"\n");
  trial.sql().Run(
      "CREATE TABLE recorded_events (id bigserial PRIMARY KEY, topic varchar(255), delivered "
      "boolean DEFAULT false, uuid char(36) UNIQUE, stored_timestamp timestamp DEFAULT now(), "
      "send_timestamp timestamp, msg_type varchar(255), mime_type varchar(255), payload bytea)");
  const Ended made = RunProgram({PostroadProgram(), "outbox", "install", "--url", trial.url(),
                                 "--layout", "recorded_events"});
  if (made.code != 0) std::fprintf(stderr, "%s\n", made.output.c_str());
  InBatches(trial, rows, "recorded_events", kRecorded);
}

}  // namespace

void TableSize(PostgresServer& database, int rows) {
  AtOnce(database, rows);
  Batches(database, rows);
  Marked(database, rows);
}

}  // namespace postroad::testing
