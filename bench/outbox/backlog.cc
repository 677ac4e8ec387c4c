// A backlog in PostgreSQL to Postroad's log, and what memory it takes.
#include <algorithm>
#include <cstdio>

#include "outbox/common.h"
#include "postroad/postroad.h"

namespace postroad::testing {
namespace {

// Fetch 100, post one and wait for the answer, mark one: rows a second.
double RowByRow(PostgresServer& database, int rows) {
  const std::string url = database.NewDatabase();
  PgSession sql(url);
  sql.Run(
      "CREATE TABLE recorded_events (id bigserial PRIMARY KEY, topic varchar(255), delivered "
      "boolean DEFAULT false, uuid char(36) UNIQUE, payload bytea); INSERT INTO recorded_events "
      "(topic, uuid, payload) SELECT 't', gen_random_uuid(), " +
      std::string(kPayload) + " FROM generate_series(1, " + std::to_string(rows) + ")");
  ServerProcess server;
  auto client = Client::Create({.addresses = {server.grpc()}});
  auto publisher = Publisher::Create(*client, {});
  const auto begin = Clock::now();
  while (true) {
    const auto page = sql.Run(
        "SELECT id, uuid, payload FROM recorded_events WHERE NOT delivered "
        "ORDER BY id LIMIT 100");
    if (page.empty()) break;
    for (const auto& row : page) {
      if (!(*publisher)->Post({.id = row[1], .topic = "t", .payload = row[2]})) return 0;
      sql.Run("UPDATE recorded_events SET delivered = true WHERE id = " + row[0]);
    }
  }
  return rows / Since(begin);
}

void PrintMemory(const Relayed& relayed, int64_t rows) {
  const double half = relayed.memory[4], end = relayed.memory[9];
  std::printf(
      "| memory of the server, backlog of %.1f million rows | %.0f MiB at its end | %.0f MiB at "
      "half of it | %.2f, %.1f B a row more |\n|  | at each tenth: ",
      static_cast<double>(rows) / 1e6, end, half, end / half,
      (end - half) * (1 << 20) / (static_cast<double>(rows) / 2));
  for (const double memory : relayed.memory) std::printf("%.0f ", memory);
  std::printf("MiB |  |  |\n");
}

}  // namespace

void Backlog(PostgresServer& database, int rows) {
  const std::string url = database.NewDatabase();
  Install(url);
  PgSession sql(url);
  const double inserted = Fill(sql, rows);
  const auto copy = Clock::now();
  const Ended copied = RunProgram(
      {"psql", "-q", url, "-c", "\\copy postroad_outbox TO /dev/null WITH (FORMAT binary)"});
  const double bare = copied.code == 0 ? rows / Since(copy) : 0;
  ServerProcess server({.config = Source(url)});
  const Relayed relayed = RelayBacklog(sql, server, rows);
  server.Stop();
  const double slow = RowByRow(database, 2000);
  std::printf(
      "| backlog of %d rows of 256 B to the log | %.0f rows/s | \\copy to nowhere %.0f "
      "rows/s, inserted %.0f rows/s | %.2f of \\copy |\n",
      rows, relayed.rows_per_second, bare, inserted, relayed.rows_per_second / bare);
  std::printf(
      "|  | on the processor %.1f µs a row, %.1f of them the relay's thread; PostgreSQL's session "
      "%.1f |  |  |\n",
      relayed.server_micros, relayed.relay_micros, relayed.database_micros);
  std::printf("| the same row by row, as outbox-event-bus |  | %.0f rows/s | relay %.0f times |\n",
              slow, relayed.rows_per_second / slow);
}

void Memory(PostgresServer& database, int64_t rows) {
  const std::string url = database.NewDatabase();
  Install(url);
  PgSession sql(url);
  Fill(sql, rows);
  ServerProcess server({.config = Source(url)});
  PrintMemory(RelayBacklog(sql, server, rows), rows);
}

}  // namespace postroad::testing
