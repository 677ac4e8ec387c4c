// Posts: streaming in batches, and unary.
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <mutex>

#include "cli/bench/bare.h"
#include "cli/bench/rows.h"
#include "cli/bench/unary.h"
#include "cli/text.h"

namespace postroad::cli::bench {
namespace {

constexpr size_t kBatch = 100;
// Events of one group commit of the bare store, at least: what its runs take.
constexpr double kLeastGroup = 1000;

// Group commits that the bench's own server made so far, and the events in them.
struct Groups {
  double count = 0, events = 0;
};

Result<Groups> GroupsSoFar(Bench& bench) {
  Groups groups;
  if (!bench.own_server()) return groups;
  POSTROAD_ASSIGN(groups.count, bench.server().Metric("postroad_journal_group_events_count"));
  POSTROAD_ASSIGN(groups.events, bench.server().Metric("postroad_journal_group_events_sum"));
  return groups;
}

}  // namespace

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values.empty() ? 0 : values[values.size() / 2];
}

std::string Rate(double per_second) {
  const double step = per_second >= 10'000 ? 1000 : 10;
  return HumanCount(static_cast<uint64_t>(std::lround(per_second / step) * std::lround(step))) +
         "/s";
}

std::string Ratio(double ours, double bare) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f", bare > 0 ? ours / bare : 0.0);
  return text.data();
}

std::string Millis(Duration d) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f ms",
                std::chrono::duration<double, std::milli>(d).count());
  return text.data();
}

Result<double> PostEvents(const Client& client, const std::string& prefix, uint64_t events,
                          bool spread) {
  POSTROAD_ASSIGN(const auto publisher, Publisher::Create(client, {.max_batch_events = kBatch}));
  const std::string payload(kPayloadBytes, 'x');
  std::vector<std::string> topics(kBatch, prefix);
  std::vector<EventView> batch(kBatch);
  std::atomic<bool> failed = false;
  std::mutex mutex;
  Error error;
  const MonotonicTime start = std::chrono::steady_clock::now();
  for (uint64_t at = 0; at < events && !failed; at += kBatch) {
    const size_t size = std::min<uint64_t>(kBatch, events - at);
    for (size_t i = 0; i < size; ++i) {
      if (spread) topics[i] = prefix + std::to_string(at + i);
      batch[i].topic = topics[i];
      batch[i].payload = payload;
    }
    POSTROAD_TRY(publisher->PostAsync(std::span(batch).first(size), [&](const auto& answer) {
      if (answer) return;
      const std::lock_guard lock(mutex);
      error = answer.error();
      failed = true;
    }));
  }
  POSTROAD_TRY(publisher->Flush(std::chrono::minutes(5)));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  if (failed) return Fail(error);
  return static_cast<double>(events) / took.count();
}

Result<Measured> PostStream(Bench& bench) {
  POSTROAD_ASSIGN(const Client client, bench.Connect());
  std::vector<double> ours, bare;
  for (int round = 0; round < bench.sizes().rounds; ++round) {
    POSTROAD_ASSIGN(const Groups before, GroupsSoFar(bench));
    POSTROAD_ASSIGN(const double posted,
                    PostEvents(client, bench.Unique("stream"), bench.sizes().events));
    ours.push_back(posted);
    POSTROAD_ASSIGN(const Groups after, GroupsSoFar(bench));
    // The bare store gets groups of the same size, or larger.
    const double commits = std::max(after.count - before.count, 1.0);
    const double group = std::max((after.events - before.events) / commits, kLeastGroup);
    POSTROAD_ASSIGN(const double appended,
                    BareAppend(bench.Folder("append" + std::to_string(round)), bench.sizes().events,
                               static_cast<uint32_t>(group)));
    bare.push_back(appended);
  }
  const double mine = Median(ours), store = Median(bare);
  return Measured{Rate(mine), "store append " + Rate(store), Ratio(mine, store), "0.50 of bare",
                  mine >= 0.5 * store};
}

Result<Measured> PostUnary(Bench& bench) {
  if (bench.context().tls || !bench.context().ca_file.empty()) {
    return Fail(ErrorCode::kUnimplemented, "this row speaks plain text only");
  }
  POSTROAD_ASSIGN(const std::string address, bench.Address());
  std::vector<double> ours, bare;
  for (int round = 0; round < bench.sizes().rounds; ++round) {
    POSTROAD_ASSIGN(const double empty, BareUnary(bench.sizes().length));
    bare.push_back(empty);
    POSTROAD_ASSIGN(const double posts,
                    UnaryPosts(address, bench.context().api_key, bench.sizes().length));
    ours.push_back(posts);
  }
  const double mine = Median(ours), call = Median(bare);
  return Measured{Rate(mine), "empty unary call " + Rate(call), Ratio(mine, call), "0.50 of bare",
                  mine >= 0.5 * call};
}

}  // namespace postroad::cli::bench
