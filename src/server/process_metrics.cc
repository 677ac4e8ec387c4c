// See process_metrics.h.
#include "server/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "server/file_limit.h"
#include "server/version.h"

namespace postroad::server {
namespace {

// Pages in memory, from /proc/self/statm.
double ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  double size = 0, resident = 0;
  statm >> size >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double OpenFiles() {
  std::error_code error;
  const std::filesystem::directory_iterator files("/proc/self/fd", error);
  return error ? 0 : static_cast<double>(std::distance(begin(files), end(files)));
}

double CpuSeconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

Metrics::Registration AddProcessMetrics(Metrics& metrics, Clock& clock) {
  metrics.GetGauge("postroad_build_info", "1, with the version as label.", {{"version", kVersion}})
      .Set(1);
  metrics.GetGauge("process_start_time_seconds", "When the process started, in Unix time.")
      .Set(static_cast<double>(ToNanos(clock.Now())) / 1e9);
  Gauge& resident = metrics.GetGauge("process_resident_memory_bytes", "Memory in use, resident.");
  Gauge& files = metrics.GetGauge("process_open_fds", "Open file descriptors.");
  metrics.GetGauge("process_max_fds", "File descriptors that may be open.")
      .Set(static_cast<double>(FileLimit()));
  Counter& cpu = metrics.GetCounter("process_cpu_seconds_total", "Processor time used.");
  return metrics.OnRender([&] {
    resident.Set(ResidentBytes());
    files.Set(OpenFiles());
    cpu.Add(std::max(0.0, CpuSeconds() - cpu.Value()));
  });
}

}  // namespace postroad::server
