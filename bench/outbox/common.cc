// See common.h.
#include "outbox/common.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <thread>

namespace postroad::testing {
double Since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

void Sleep(std::chrono::microseconds time) { std::this_thread::sleep_for(time); }

double Quantile(std::vector<double> values, double q) {
  std::ranges::sort(values);
  return values[static_cast<size_t>(q * static_cast<double>(values.size() - 1))];
}

void Install(const std::string& url, const std::string& table) {
  const Ended made =
      RunProgram({PostroadProgram(), "outbox", "install", "--url", url, "--table", table});
  if (made.code != 0) std::fprintf(stderr, "%s\n", made.output.c_str());
}

std::string Source(const std::string& url, const std::string& more) {
  return "[[outbox.source]]\nname = \"bench\"\nurl = \"" + url + "\"\n" + more;
}

double Fill(PgSession& sql, int64_t rows) {
  const auto begin = Clock::now();
  sql.Run(
      "INSERT INTO postroad_outbox (topic, key, type, content_type, payload) SELECT 'orders', "
      "'k' || i % 1000, 'order.paid', 'text/plain', " +
      std::string(kPayload) + " FROM generate_series(1, " + std::to_string(rows) + ") i");
  const double rate = static_cast<double>(rows) / Since(begin);
  sql.Run("VACUUM ANALYZE postroad_outbox");
  return rate;
}

double Metric(const ServerProcess& server, const std::string& series) {
  const std::string text = HttpGet(server.http(), "/metrics").body;
  const size_t at = text.find("\n" + series + " ");
  return at == text.npos ? 0 : std::atof(text.c_str() + at + series.size() + 2);
}

double Stored(const ServerProcess& server) {
  return Metric(server, R"(postroad_outbox_events_total{outcome="stored",source="bench"})");
}

double ProcessorSeconds(pid_t pid, const std::string& thread) {
  double sum = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    const std::string path = entry.path().string();
    if (!thread.empty() && ReadFile(path + "/comm") != thread + "\n") continue;
    sum += std::atof(ReadFile(path + "/schedstat").c_str()) / 1e9;  // its first number
  }
  return sum;
}

double ResidentMiB(pid_t pid) {
  std::istringstream fields(ReadFile("/proc/" + std::to_string(pid) + "/statm"));
  int64_t total = 0, resident = 0;
  fields >> total >> resident;
  return static_cast<double>(resident * sysconf(_SC_PAGESIZE)) / (1 << 20);
}

pid_t RelaySession(PgSession& sql) {
  std::string pid;
  Eventually([&] {
    pid = sql.One(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND "
        "application_name = 'postroad relay bench'");
    return !pid.empty();
  });
  return std::atoi(pid.c_str());
}

Relayed RelayBacklog(PgSession& sql, ServerProcess& server, int64_t rows) {
  Relayed relayed;
  const pid_t session = RelaySession(sql), process = server.process().pid();
  double first = 0, stored = 0, of_server = 0, of_relay = 0, of_session = 0;
  Clock::time_point begin{};
  while (stored < static_cast<double>(rows)) {
    stored = Stored(server);
    if (stored > 0 && first == 0) {
      first = stored;
      begin = Clock::now();
      of_server = ProcessorSeconds(process);
      of_relay = ProcessorSeconds(process, "relay");
      of_session = ProcessorSeconds(session);
    }
    const auto tenths = static_cast<size_t>(10 * stored / static_cast<double>(rows));
    while (relayed.memory.size() < tenths) relayed.memory.push_back(ResidentMiB(process));
    Sleep(std::chrono::milliseconds(100));  // reading the metrics takes the processor, too
  }
  const double measured = stored - first;
  const auto micros = [&](double now, double then) { return (now - then) * 1e6 / measured; };
  relayed.rows_per_second = measured / Since(begin);
  relayed.server_micros = micros(ProcessorSeconds(process), of_server);
  relayed.relay_micros = micros(ProcessorSeconds(process, "relay"), of_relay);
  relayed.database_micros = micros(ProcessorSeconds(session), of_session);
  return relayed;
}

}  // namespace postroad::testing
