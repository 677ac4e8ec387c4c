// What the rows of the outbox bench share.
#ifndef POSTROAD_BENCH_OUTBOX_COMMON_H_
#define POSTROAD_BENCH_OUTBOX_COMMON_H_

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "support/postgres.h"
#include "support/server_process.h"

namespace postroad::testing {

using Clock = std::chrono::steady_clock;

// 256 B, as SQL.
inline constexpr const char* kPayload = "convert_to(repeat('x', 256), 'UTF8')";

double Since(Clock::time_point begin);  // seconds
void Sleep(std::chrono::microseconds time);
// Of a copy: sorted or not, the caller's stays as it is.
double Quantile(std::vector<double> values, double q);

// `postroad outbox install`.
void Install(const std::string& url, const std::string& table = "postroad_outbox");
// A source named "bench" for the server's settings; `more` are further lines.
std::string Source(const std::string& url, const std::string& more = "");
// Inserts events of 1,000 keys, and leaves the table vacuumed. Rows a second of the insert.
double Fill(PgSession& sql, int64_t rows);

// One series of /metrics; 0 if it is not there.
double Metric(const ServerProcess& server, const std::string& series);
double Stored(const ServerProcess& server);

// Seconds on the processor, so far. `thread`: only of the threads of that name.
double ProcessorSeconds(pid_t pid, const std::string& thread = "");
double ResidentMiB(pid_t pid);
// The relay's session in the database.
pid_t RelaySession(PgSession& sql);

// How a backlog went away, from its first page to its last row.
struct Relayed {
  double rows_per_second = 0;
  double server_micros = 0;    // on the processor a row: the server as a whole,
  double relay_micros = 0;     // of it the relay's thread,
  double database_micros = 0;  // and the relay's session in PostgreSQL
  std::vector<double> memory;  // of the server in MiB, at each tenth of the rows
};
Relayed RelayBacklog(PgSession& sql, ServerProcess& server, int64_t rows);

// The rows of the table that main.cc prints.
void Backlog(PostgresServer& database, int rows);
void ToKafka(PostgresServer& database, int rows);
void Latency(PostgresServer& database);
void InsertCost(PostgresServer& database, int rounds);
void Memory(PostgresServer& database, int64_t rows);
void TableSize(PostgresServer& database, int rows);

}  // namespace postroad::testing

#endif  // POSTROAD_BENCH_OUTBOX_COMMON_H_
