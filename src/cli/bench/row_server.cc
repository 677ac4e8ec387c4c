// The server itself: idle, with many topics, and starting after it was killed.
#include <algorithm>
#include <array>
#include <cstdio>
#include <thread>

#include "cli/bench/rows.h"
#include "cli/text.h"

namespace postroad::cli::bench {
namespace {

constexpr Duration kBetweenWeighings = std::chrono::milliseconds(5);

std::string Seconds(Duration d) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f s", std::chrono::duration<double>(d).count());
  return text.data();
}

// On a fresh server, one event each to topics that are all different, or all the same.
Result<double> PostTopics(Bench& bench, bool spread) {
  POSTROAD_TRY(bench.Renew());
  POSTROAD_ASSIGN(const Client client, bench.Connect());
  return PostEvents(client, "bench/first", bench.sizes().topics, spread);
}

// The least that the server held while it got as many new topics. What topics hold is never given
// back, so it is in that; what memtables, queues and compactions hold comes and goes by tens of
// mebibytes, so a look at one moment would tell when it was taken.
Result<uint64_t> WeighWhilePosting(Bench& bench, const Client& client, const std::string& prefix) {
  uint64_t least = bench.server().ResidentBytes();
  Result<double> posted = 0.0;
  {
    const std::jthread scales([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        least = std::min(least, bench.server().ResidentBytes());
        std::this_thread::sleep_for(kBetweenWeighings);
      }
    });
    posted = PostEvents(client, prefix, bench.sizes().topics, /*spread=*/true);
  }
  POSTROAD_TRY(posted);
  return least;
}

// Bytes that a topic costs beyond the first: posts three times as many again, and weighs the last
// against the first of these, as by then the caches, which are bounded whatever the number of
// topics, are nearly full.
Result<uint64_t> BytesEach(Bench& bench) {
  POSTROAD_ASSIGN(const Client client, bench.Connect());
  POSTROAD_ASSIGN(const uint64_t before, WeighWhilePosting(bench, client, "bench/second"));
  POSTROAD_ASSIGN(const uint64_t between, WeighWhilePosting(bench, client, "bench/third"));
  (void)between;
  POSTROAD_ASSIGN(const uint64_t after, WeighWhilePosting(bench, client, "bench/fourth"));
  return after > before ? (after - before) / (2 * bench.sizes().topics) : 0;
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
  std::vector<double> one_topic, many_topics;
  for (int round = 0; round < bench.sizes().rounds; ++round) {
    POSTROAD_ASSIGN(one_topic.emplace_back(), PostTopics(bench, /*spread=*/false));
    POSTROAD_ASSIGN(many_topics.emplace_back(), PostTopics(bench, /*spread=*/true));
  }
  const double one = Median(one_topic), many = Median(many_topics);
  POSTROAD_ASSIGN(const uint64_t each, BytesEach(bench));
  return Measured{HumanCount(bench.sizes().topics) + " topics " + Rate(many) + ", " +
                      HumanBytes(each) + " resident each",
                  "as many to one topic " + Rate(one), Ratio(many, one), "0.50 of bare, 64 B",
                  many >= 0.5 * one && each <= 64};
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
