// The server itself: idle, with many topics, and starting after it was killed.
#include <array>
#include <cstdio>
#include <thread>

#include "cli/bench/rows.h"
#include "cli/text.h"

namespace postroad::cli::bench {
namespace {

std::string Seconds(Duration d) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f s", std::chrono::duration<double>(d).count());
  return text.data();
}

struct Posted {
  double rate = 0;
  uint64_t growth = 0;  // of the server's memory, over the second half
};

// On a fresh server, one event each to topics that are all different, or all the same. The second
// half is weighed: by then the caches, which are bounded whatever the number of topics, are full.
Result<Posted> PostAndWeigh(Bench& bench, bool spread) {
  POSTROAD_TRY(bench.Renew());
  POSTROAD_ASSIGN(const Client client, bench.Connect());
  const uint64_t half = bench.sizes().topics / 2;
  POSTROAD_ASSIGN(const double first, PostEvents(client, "bench/first", half, spread));
  const uint64_t before = bench.server().ResidentBytes();
  POSTROAD_ASSIGN(const double second, PostEvents(client, "bench/second", half, spread));
  const uint64_t after = bench.server().ResidentBytes();
  return Posted{2 / (1 / first + 1 / second), after > before ? after - before : 0};
}

}  // namespace

Result<Measured> Idle(Bench& bench) {
  POSTROAD_TRY(bench.Renew());
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const Duration before = bench.server().CpuTime();
  std::this_thread::sleep_for(bench.sizes().length);
  const Duration used = bench.server().CpuTime() - before;
  const uint64_t resident = bench.server().ResidentBytes();
  const double share = 100.0 * double(used.count()) / double(bench.sizes().length.count());
  std::array<char, 32> cpu{};
  std::snprintf(cpu.data(), cpu.size(), "%.1f %% of a core", share);
  return Measured{HumanBytes(resident) + " resident, " + cpu.data(), "", "", "40 MiB, 0 %",
                  resident < (40ULL << 20) && share < 0.5};
}

Result<Measured> ManyTopics(Bench& bench) {
  POSTROAD_ASSIGN(const Posted one, PostAndWeigh(bench, /*spread=*/false));
  POSTROAD_ASSIGN(const Posted many, PostAndWeigh(bench, /*spread=*/true));
  const uint64_t each = many.growth / (bench.sizes().topics / 2);
  return Measured{HumanCount(bench.sizes().topics) + " topics " + Rate(many.rate) + ", " +
                      HumanBytes(each) + " resident each",
                  "as many to one topic " + Rate(one.rate), Ratio(many.rate, one.rate),
                  "0.50 of bare, 64 B", many.rate >= 0.5 * one.rate && each <= 64};
}

Result<Measured> StartAfterKill(Bench& bench) {
  POSTROAD_TRY(bench.Renew());
  {
    POSTROAD_ASSIGN(const Client client, bench.Connect());
    POSTROAD_ASSIGN(const double posted, PostEvents(client, "bench/stored", bench.sizes().stored));
    (void)posted;
  }
  bench.server().Kill();
  const MonotonicTime start = std::chrono::steady_clock::now();
  POSTROAD_TRY(bench.server().Serve(bench.data()));
  const Duration took = std::chrono::steady_clock::now() - start;
  POSTROAD_ASSIGN(const Client client, bench.Connect());
  Admin admin(client);
  POSTROAD_ASSIGN(const TopicInfo topic, admin.GetTopic("bench/stored"));
  if (topic.next - topic.first != bench.sizes().stored) {
    return Fail(ErrorCode::kDataLoss, "only " + std::to_string(topic.next - topic.first) +
                                          " events are there after the kill");
  }
  return Measured{HumanCount(bench.sizes().stored) + " events: " + Seconds(took), "", "", "3 s",
                  took < std::chrono::seconds(3)};
}

}  // namespace postroad::cli::bench
