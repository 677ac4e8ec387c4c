// What the trigger adds to an application's transaction: one row of its own and one event.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

#include "outbox/common.h"

namespace postroad::testing {
namespace {

constexpr int kTransactions = 25;  // in one turn, of each client

struct Client {
  explicit Client(const std::string& url) : sql(url) {
    backend = std::atoi(sql.One("SELECT pg_backend_pid()").c_str());
  }
  PgSession sql;
  pid_t backend = 0;
};
using Clients = std::vector<std::unique_ptr<Client>>;

// What a transaction takes each of the clients, which write at once.
struct Cost {
  double millis = 0;
  double processor_micros = 0;  // of its session in PostgreSQL
};

double ProcessorSeconds(const Clients& clients) {
  double sum = 0;
  for (const auto& client : clients) sum += testing::ProcessorSeconds(client->backend);
  return sum;
}

Cost Turn(Clients& clients, const std::string& table) {
  const double before = ProcessorSeconds(clients);
  const auto begin = Clock::now();
  std::vector<std::thread> threads;
  for (auto& client : clients) {
    threads.emplace_back([&sql = client->sql, &table] {
      for (int i = 0; i < kTransactions; ++i) {
        sql.Run(
            "BEGIN; INSERT INTO shop_order (customer, total) VALUES ('c', 19.90); INSERT INTO " +
            table + " (topic, payload) VALUES ('t', " + kPayload + "); COMMIT");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double millis = Since(begin) * 1e3 / kTransactions;
  const auto transactions = static_cast<double>(clients.size() * kTransactions);
  return {millis, (ProcessorSeconds(clients) - before) * 1e6 / transactions};
}

struct Costs {
  std::vector<double> millis, micros;
  void Add(const Cost& cost) {
    millis.push_back(cost.millis);
    micros.push_back(cost.processor_micros);
  }
};

// With and without in short turns, so that both have the same neighbours; which is first
// alternates.
void Measure(const std::string& url, size_t count, int rounds) {
  Clients clients;
  for (size_t i = 0; i < count; ++i) clients.push_back(std::make_unique<Client>(url));
  Costs with, without;
  std::vector<double> ratios, processor_ratios;
  for (int round = 0; round < rounds; ++round) {
    const bool first = round % 2 == 0;
    for (const bool trigger : {first, !first}) {
      (trigger ? with : without).Add(Turn(clients, trigger ? "notifying" : "silent"));
    }
    ratios.push_back(with.millis.back() / without.millis.back());
    processor_ratios.push_back(with.micros.back() / without.micros.back());
  }
  std::printf(
      "| a transaction with an event, %zu clients at once | %.3f ms with the trigger | %.3f ms "
      "without | %.3f, median of %d pairs (quartiles %.3f, %.3f) |\n",
      count, Quantile(with.millis, 0.5), Quantile(without.millis, 0.5), Quantile(ratios, 0.5),
      rounds, Quantile(ratios, 0.25), Quantile(ratios, 0.75));
  std::printf("|  | %.0f µs of the processor | %.0f µs | %.3f (quartiles %.3f, %.3f) |\n",
              Quantile(with.micros, 0.5), Quantile(without.micros, 0.5),
              Quantile(processor_ratios, 0.5), Quantile(processor_ratios, 0.25),
              Quantile(processor_ratios, 0.75));
}

}  // namespace

// Two tables that differ in the trigger, with a relay on each.
void InsertCost(PostgresServer& database, int rounds) {
  const std::string url = database.NewDatabase();
  std::string config;
  for (const std::string table : {"notifying", "silent"}) {
    Install(url, table);
    config += "[[outbox.source]]\nname = \"" + table + "\"\nurl = \"" + url + "\"\ntable = \"" +
              table + "\"\n";
  }
  PgSession sql(url);
  sql.Run("DROP TRIGGER postroad_notify ON silent");
  sql.Run("CREATE TABLE shop_order (id bigserial PRIMARY KEY, customer text, total numeric)");
  ServerProcess server({.config = config});
  for (const size_t clients : {1U, 8U}) Measure(url, clients, rounds);
}

}  // namespace postroad::testing
