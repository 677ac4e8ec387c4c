// That freed memory goes back to the system, as seen from outside of the allocator.
#include "server/memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <vector>

#include "runtime/manual_clock.h"

extern "C" __attribute__((weak)) int mallctl(const char*, void*, size_t*, void*, size_t) noexcept;

namespace postroad::server {
namespace {

constexpr size_t kBurst = 128 << 20;

size_t ResidentBytes() {
  size_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

// Returns what was held at most.
size_t Burst() {
  constexpr size_t kBlock = 4000;
  std::vector<std::unique_ptr<char[]>> blocks;
  for (size_t bytes = 0; bytes < kBurst; bytes += kBlock) {
    blocks.push_back(std::make_unique<char[]>(kBlock));
  }
  return ResidentBytes();
}

TEST(MemoryKeeper, GivesBackWhatABurstLeftOnceItIsQuiet) {
  if (mallctl == nullptr) GTEST_SKIP() << "the sanitizers bring their own allocator";
  ManualClock clock;
  MemoryKeeper keeper(clock);
  const size_t most = Burst();
  clock.Advance(std::chrono::hours(1));
  keeper.Tick();
  EXPECT_LT(ResidentBytes() + kBurst / 2, most);
}

}  // namespace
}  // namespace postroad::server
