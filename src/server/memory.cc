// See memory.h.
#include "server/memory.h"

#include <sys/resource.h>

#include <cstddef>
#include <cstdint>

// jemalloc's, which the programs are linked with; the sanitizers' builds are not.
extern "C" __attribute__((weak)) int mallctl(const char* name, void* old, size_t* old_size,
                                             void* value, size_t value_size) noexcept;

namespace postroad::server {
namespace {

constexpr size_t kWorthReturning = 16 << 20;
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

size_t Statistic(const char* name) {
  size_t value = 0;
  size_t size = sizeof value;
  return mallctl(name, &value, &size, nullptr, 0) == 0 ? value : 0;
}

}  // namespace

void ReturnFreeMemory() {
  if (mallctl == nullptr) return;
  uint64_t epoch = 1;  // the statistics are as of the last time this was set
  mallctl("epoch", nullptr, nullptr, &epoch, sizeof epoch);
  if (Statistic("stats.resident") < Statistic("stats.active") + kWorthReturning) return;
  mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0);  // MALLCTL_ARENAS_ALL
}

MemoryKeeper::MemoryKeeper(Clock& clock)
    : clock_(clock), last_tick_(clock.Monotonic()), last_cpu_(CpuTime()) {}

void MemoryKeeper::Tick() {
  const MonotonicTime now = clock_.Monotonic();
  const Duration cpu = CpuTime();
  const auto passed = static_cast<double>((now - last_tick_).count());
  if (static_cast<double>((cpu - last_cpu_).count()) < kQuietShare * passed) ReturnFreeMemory();
  last_tick_ = now;
  last_cpu_ = cpu;
}

}  // namespace postroad::server
