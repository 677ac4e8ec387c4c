// The relay from a real PostgreSQL to a real server, each figure beside its bare counterpart of the
// same run: outbox_bench [rows of the backlog, 1,000,000 if not given].
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "postroad/postroad.h"
#include "support/postgres.h"
#include "support/server_process.h"

namespace postroad::testing {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr const char* kPayload = "convert_to(repeat('x', 256), 'UTF8')";

double Since(Clock::time_point begin) { return Seconds(Clock::now() - begin).count(); }

void Sleep(std::chrono::microseconds time) { std::this_thread::sleep_for(time); }

std::string Source(const std::string& url) {
  return "[[outbox.source]]\nname = \"bench\"\nurl = \"" + url + "\"\n";
}

void Install(const std::string& url) {
  const Ended made = RunProgram({PostroadProgram(), "outbox", "install", "--url", url});
  if (made.code != 0) std::fprintf(stderr, "%s\n", made.output.c_str());
}

// One series of /metrics; 0 if it is not there.
double Metric(const ServerProcess& server, const std::string& series) {
  const std::string text = HttpGet(server.http(), "/metrics").body;
  const size_t at = text.find("\n" + series + " ");
  return at == text.npos ? 0 : std::atof(text.c_str() + at + series.size() + 2);
}
double Stored(const ServerProcess& server) {
  return Metric(server, R"(postroad_outbox_events_total{outcome="stored",source="bench"})");
}

double Quantile(std::vector<double>& values, double q) {
  std::ranges::sort(values);
  return values[static_cast<size_t>(q * static_cast<double>(values.size() - 1))];
}

// As outbox-event-bus relays: fetch 100, post one, mark one.
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

void Backlog(PostgresServer& database, int rows) {
  const std::string url = database.NewDatabase();
  Install(url);
  PgSession sql(url);
  const auto insert = Clock::now();
  sql.Run(
      "INSERT INTO postroad_outbox (topic, key, type, content_type, payload) SELECT 'orders', "
      "'k' || i % 1000, 'order.paid', 'text/plain', " +
      std::string(kPayload) + " FROM generate_series(1, " + std::to_string(rows) + ") i");
  const double inserted = rows / Since(insert);
  sql.Run("VACUUM ANALYZE postroad_outbox");
  const auto copy = Clock::now();
  const Ended copied = RunProgram(
      {"psql", "-q", url, "-c", "\\copy postroad_outbox TO /dev/null WITH (FORMAT binary)"});
  const double bare = copied.code == 0 ? rows / Since(copy) : 0;
  ServerProcess server({.config = Source(url)});
  double first = 0, most_memory = 0, memory_at_half = 0;
  Clock::time_point begin{};
  while (true) {
    const double stored = Stored(server);
    const double memory = Metric(server, "process_resident_memory_bytes") / (1 << 20);
    most_memory = std::max(most_memory, memory);
    if (stored > 0 && first == 0) {
      first = stored;
      begin = Clock::now();
    }
    if (stored * 2 >= rows && memory_at_half == 0) memory_at_half = memory;
    if (stored >= rows) break;
    Sleep(std::chrono::milliseconds(20));
  }
  const double relayed = (rows - first) / Since(begin);
  const double slow = RowByRow(database, 2000);
  std::printf(
      "| backlog of %d rows of 256 B to the log | %.0f rows/s | \\copy to nowhere %.0f "
      "rows/s, inserted %.0f rows/s | %.2f of \\copy |\n",
      rows, relayed, bare, inserted, relayed / bare);
  std::printf("| the same row by row, as outbox-event-bus | %.0f rows/s |  | relay %.0f times |\n",
              slow, relayed / slow);
  std::printf("| memory of the server | %.0f MiB at half of it, %.0f MiB at most |  |  |\n",
              memory_at_half, most_memory);
}

void Latency(PostgresServer& database) {
  const std::string url = database.NewDatabase();
  Install(url);
  ServerProcess server({.config = Source(url)});
  constexpr int kEvents = 2000;
  std::vector<std::atomic<int64_t>> delivered(kEvents);
  auto client = Client::Create({.addresses = {server.grpc()}});
  auto subscriber =
      Subscriber::Start(*client, {.subscription = "s",
                                  .create = SubscriptionSettings{.topics = {"t"}},
                                  .handler = [&](Delivery& delivery) -> Status {
                                    delivered[std::stoul(std::string(delivery.event().payload))] =
                                        Clock::now().time_since_epoch().count();
                                    return {};
                                  }});
  PgSession sql(url);
  std::vector<int64_t> committed;
  auto next = Clock::now() + std::chrono::seconds(1);
  for (int i = 0; i < kEvents; ++i, next += std::chrono::milliseconds(5)) {
    std::this_thread::sleep_until(next);
    sql.Run("SELECT postroad_post('t', '" + std::to_string(i) + "')");
    committed.push_back(Clock::now().time_since_epoch().count());
  }
  std::vector<double> millis;
  for (size_t i = 0; i < kEvents; ++i) {
    while (delivered[i] == 0) Sleep(std::chrono::milliseconds(1));
    millis.push_back(static_cast<double>(std::max<int64_t>(delivered[i] - committed[i], 0)) / 1e6);
  }
  const double p50 = Quantile(millis, 0.5), p99 = Quantile(millis, 0.99);
  std::printf(
      "| commit to delivered and handled by gRPC, at 200/s | p50 %.2f ms, p99 %.2f ms |  |  "
      "|\n",
      p50, p99);
}

// A transaction of one row of the service's own and one event, with the trigger and without.
void InsertCost(PostgresServer& database) {
  const std::string url = database.NewDatabase();
  Install(url);
  ServerProcess server({.config = Source(url)});
  PgSession sql(url);
  sql.Run("CREATE TABLE shop_order (id bigserial PRIMARY KEY, customer text, total numeric)");
  std::vector<double> with, without, ratios;
  for (int round = 0; round < 11; ++round) {
    for (const bool trigger : {false, true}) {
      sql.Run(std::string("ALTER TABLE postroad_outbox ") + (trigger ? "ENABLE" : "DISABLE") +
              " TRIGGER postroad_notify");
      const auto begin = Clock::now();
      constexpr int kTransactions = 400;
      for (int i = 0; i < kTransactions; ++i) {
        sql.Run(
            "BEGIN; INSERT INTO shop_order (customer, total) VALUES ('c', 19.90); INSERT INTO "
            "postroad_outbox (topic, payload) VALUES ('t', " +
            std::string(kPayload) + "); COMMIT");
      }
      (trigger ? with : without).push_back(Since(begin) * 1e3 / kTransactions);
    }
    ratios.push_back(with.back() / without.back());
  }
  std::printf(
      "| a transaction with an event, median | %.3f ms with the trigger | %.3f ms without | "
      "%.2f |\n",
      Quantile(with, 0.5), Quantile(without, 0.5), Quantile(ratios, 0.5));
}

int Run(int rows) {
  PostgresServer database(/*durable=*/true);
  std::printf("| what | measured | bare, in the same run | ratio |\n|---|---|---|---|\n");
  Backlog(database, rows);
  Latency(database);
  InsertCost(database);
  return 0;
}

}  // namespace
}  // namespace postroad::testing

int main(int argc, char** argv) {
  return postroad::testing::Run(argc > 1 ? std::atoi(argv[1]) : 1'000'000);
}
