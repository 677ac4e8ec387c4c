// See memory.h.
#include "server/memory.h"

#include <malloc.h>
#include <sys/resource.h>

namespace postroad::server {
namespace {

constexpr size_t kWorthTrimming = 16 << 20;
// Quiet: under this share of one processor.
constexpr double kQuietShare = 0.05;

Duration CpuTime() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto time = [](const timeval& t) {
    return std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec);
  };
  return time(usage.ru_utime) + time(usage.ru_stime);
}

}  // namespace

MemoryKeeper::MemoryKeeper(Clock& clock)
    : clock_(clock), last_tick_(clock.Monotonic()), last_cpu_(CpuTime()) {}

void MemoryKeeper::Tick() {
  const MonotonicTime now = clock_.Monotonic();
  const Duration cpu = CpuTime();
  const auto passed = static_cast<double>((now - last_tick_).count());
  const bool quiet = static_cast<double>((cpu - last_cpu_).count()) < kQuietShare * passed;
  if (quiet && mallinfo2().fordblks > kWorthTrimming) malloc_trim(0);
  last_tick_ = now;
  last_cpu_ = cpu;
}

}  // namespace postroad::server
