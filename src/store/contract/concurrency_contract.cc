// The contract of calls at the same time: each sees whole appends, and nothing goes back. Under the
// thread sanitizer also that they share nothing without a lock.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <thread>

#include "store/contract/store_contract.h"

namespace postroad::store {
namespace {

constexpr uint64_t kGroups = 300;
constexpr uint64_t kWrites = 200;

// Reads from the beginning: runs without a hole.
uint64_t ExpectNoHole(Store& store, TopicId topic) {
  const auto runs = store.ReadRuns(topic, Offset(0), 64 << 10);
  EXPECT_TRUE(runs) << runs.error().ToString();
  uint64_t next = runs->empty() ? 0 : runs->front()->first.value();
  for (const RunPtr& run : *runs) {
    EXPECT_EQ(run->first, Offset(next));
    next += run->count;
  }
  return next;
}

uint64_t Number(Store& store, std::string_view key) {
  const auto value = store.Get(Table::kMeta, key);
  EXPECT_TRUE(value) << value.error().ToString();
  return value && *value ? std::stoull(**value) : 0;
}

// Group n appends two events to "busy", one to a topic of its own, and writes n + 1 to "groups".
void AppendGroups(Store& store, std::atomic<uint64_t>& appended) {
  for (uint64_t n = 0; n < kGroups; ++n) {
    const std::string own = "own/" + std::to_string(n);
    const std::vector<RunToAppend> runs = {{"busy", 2, "two", At(0)}, {own, 1, "1", At(0)}};
    const std::vector<Mutation> groups = {{.key = "groups", .value = std::to_string(n + 1)}};
    const auto placed = store.Append({.runs = runs, .mutations = groups, .sync = n % 16 == 0});
    ASSERT_TRUE(placed) << placed.error().ToString();
    EXPECT_EQ(placed->front().first, Offset(2 * n));
    appended = n + 1;
  }
}

void WriteNumbers(Store& store, const std::string& key) {
  for (uint64_t n = 1; n <= kWrites; ++n) {
    const std::vector<Mutation> number = {{.key = key, .value = std::to_string(n)}};
    ASSERT_TRUE(store.Write(number, n % 16 == 0));
    EXPECT_EQ(Number(store, key), n);
  }
}

// What each group left is there as a whole, from when it was acknowledged on.
void ReadGroups(Store& store, const std::atomic<uint64_t>& appended) {
  for (uint64_t acknowledged = 0; acknowledged < kGroups;) {
    acknowledged = appended;
    EXPECT_GE(store.ReadFeedBounds()->next, FeedPosition(3 * acknowledged));
    EXPECT_GE(Number(store, "groups"), acknowledged);
    const auto busy = store.FindTopic("busy");
    if (acknowledged == 0 && !busy) continue;
    ASSERT_TRUE(busy) << busy.error().ToString();
    EXPECT_GE(busy->next, Offset(2 * acknowledged));
    ExpectNoHole(store, busy->id);
    const auto feed = store.ReadFeed(FeedPosition(3 * acknowledged / 2), 8);
    ASSERT_TRUE(feed) << feed.error().ToString();
    for (const FeedEntry& entry : *feed) EXPECT_EQ(entry.topic_name.empty(), false);
    EXPECT_TRUE(store.ListTopics("own/", "own/", 4, true));
    EXPECT_TRUE(store.Stats());
  }
}

// Trims the busy topic and deletes topics of groups, behind the appender.
void TrimAndDelete(Store& store, const std::atomic<uint64_t>& appended) {
  for (uint64_t n = 0; n < kGroups; n += 10) {
    while (appended <= n) std::this_thread::yield();
    const auto busy = store.FindTopic("busy");
    ASSERT_TRUE(busy) << busy.error().ToString();
    const auto first = store.TrimTopic(busy->id, Offset(2 * n));
    ASSERT_TRUE(first) << first.error().ToString();
    EXPECT_LE(*first, Offset(2 * n));
    EXPECT_TRUE(store.TrimFeed(FeedPosition(3 * n / 2)));
    EXPECT_TRUE(store.DeleteTopic("own/" + std::to_string(n)));
  }
}

TEST_P(StoreContract, AppendsWritesReadsAndTrimsGoOnAtOnce) {
  std::atomic<uint64_t> appended = 0;
  Store& store = this->store();
  {
    std::vector<std::jthread> threads;
    threads.emplace_back([&] { WriteNumbers(store, "first"); });
    threads.emplace_back([&] { WriteNumbers(store, "second"); });
    threads.emplace_back([&] { ReadGroups(store, appended); });
    threads.emplace_back([&] { ReadGroups(store, appended); });
    threads.emplace_back([&] { TrimAndDelete(store, appended); });
    AppendGroups(store, appended);
    appended = kGroups;  // where it failed, the others end too
  }
  EXPECT_EQ(Find("busy").next, Offset(2 * kGroups));
  EXPECT_EQ(Number(store, "groups"), kGroups);
  EXPECT_EQ(Number(store, "first"), kWrites);
  EXPECT_EQ(Number(store, "second"), kWrites);
  EXPECT_EQ(store.FindTopic("own/0").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(Find("own/1").next, Offset(1));
}

}  // namespace
}  // namespace postroad::store
