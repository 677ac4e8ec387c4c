// A store that fails now and then: nothing of the group is visible, and posts go on afterwards.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "journal/testing.h"
#include "store/testing.h"

namespace postroad::journal {
namespace {

using namespace store;  // NOLINT: the wrapper names most of it

// The real store, but that Append fails while told to, and the largest is known.
class FailingStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  std::atomic<bool> full = false;
  std::atomic<uint64_t> largest_group = 0;  // of all that succeeded, in events
  // Bytes of values written and not synced: what the next sync waits for.
  std::atomic<uint64_t> unsynced = 0, most_unsynced = 0;

  Result<std::vector<Placement>> Append(const AppendGroup& group) override {
    if (full) return Fail(ErrorCode::kResourceExhausted, "The disk is full.", {}, "DISK_FULL");
    uint64_t events = 0;
    for (const RunToAppend& run : group.runs) events += run.count;
    largest_group = std::max(largest_group.load(), events);
    return ForwardingStore::Append(group);
  }
  Status Write(std::span<const Mutation> mutations, bool sync) override {
    if (full) return Fail(ErrorCode::kResourceExhausted, "The disk is full.", {}, "DISK_FULL");
    for (const Mutation& mutation : mutations) unsynced += mutation.value.size();
    most_unsynced = std::max(most_unsynced.load(), unsynced.load());
    if (sync) unsynced = 0;
    return ForwardingStore::Write(mutations, sync);
  }
};

class JournalOnAFailingStore : public testing::Test {
 protected:
  JournalOnAFailingStore() : store_(*house_.store) {
    house_.journal.reset();
    house_.journal =
        *Journal::Open(store_, house_.options, house_.clock, house_.pool.at(0), house_.metrics);
  }
  ~JournalOnAFailingStore() override { house_.journal.reset(); }

  JournalHouse house_;
  FailingStore store_;
};

TEST_F(JournalOnAFailingStore, ShowsNothingOfWhatFailedAndGoesOnAfter) {
  house_.MustPost("orders", {{"a"}});
  std::atomic<int> woken = 0;
  const WaitPtr wait = house_.journal->WaitForTopic("orders", TopicId(), Offset(1),
                                                    house_.pool.at(0), [&] { ++woken; });
  store_.full = true;
  EXPECT_EQ(house_.Post("orders", {{"b"}, {"c"}}).error().reason, "DISK_FULL");
  EXPECT_EQ(house_.Post("new", {{"b"}}).error().reason, "DISK_FULL");
  EXPECT_EQ(house_.journal->feed_end(), FeedPosition(1));
  EXPECT_EQ(house_.Ids("orders"), (std::vector<std::string>{"a"})) << "reads go on";
  EXPECT_EQ(woken, 0);
  store_.full = false;
  const ChunkResult again = house_.MustPost("orders", {{"b"}, {"c"}});
  EXPECT_EQ(again.stored, 2u) << "what failed is no duplicate";
  EXPECT_EQ(again.first, Offset(1));
  EXPECT_TRUE(Eventually([&] { return woken == 1; }));
  EXPECT_EQ(house_.MustPost("orders", {{"b"}}).stored, 0u);
}

// What is sealed goes by the log, and a post that is synced meanwhile waits for what is there.
TEST(JournalOnASlowDisk, SealingLeavesLittleForAPostToWaitFor) {
  JournalOptions options;
  options.dedup_memory_bytes = 4 << 20;  // two tables of some 98,000 entries, 16 bytes each
  JournalHouse house(options);
  FailingStore store(*house.store);
  house.journal.reset();
  house.journal = *Journal::Open(store, options, house.clock, house.pool.at(0), house.metrics);
  const auto sealed = [&] { return !house.store->Scan(Table::kDedup, "h", "i", 1)->empty(); };
  for (int batch = 0; batch < 20 || !sealed(); ++batch) {
    ASSERT_LT(batch, 100) << "nothing is sealed";
    std::vector<TestEvent> events;
    for (int i = 0; i < 10'000; ++i) events.push_back({std::to_string(batch * 10'000 + i), "p"});
    house.MustPost("orders", events);
  }
  house.journal.reset();
  EXPECT_GT(store.most_unsynced, 100'000u) << "pieces are not that small";
  EXPECT_LT(store.most_unsynced, 400'000u);
}

FutureEvent FutureOf(const std::string& id, Timestamp due, const std::string& search_key) {
  const Event event{.id = id, .search_keys = {search_key}};
  return {"later", due, EncodeRecord(ViewOf(event)), id, {search_key}};
}

TEST_F(JournalOnAFailingStore, TriesAgainWithEventsThatAreDue) {
  Batch batch;
  batch.future.push_back(FutureOf("a", house_.clock.Now() + std::chrono::minutes(1), "k"));
  ASSERT_TRUE(PostAndWait(*house_.journal, std::move(batch)));
  store_.full = true;
  house_.clock.Advance(std::chrono::minutes(2));
  Counter& errors = house_.metrics.GetCounter("postroad_journal_commit_errors_total", "");
  EXPECT_TRUE(Eventually([&] { return errors.Value() > 0; }));
  store_.full = false;
  house_.clock.Advance(std::chrono::seconds(1));
  EXPECT_TRUE(Eventually([&] { return house_.Ids("later").size() == 1; }));
  EXPECT_TRUE(house_.journal->ListScheduled({})->events.empty());
}

TEST_F(JournalOnAFailingStore, ReschedulesAllOrNone) {
  const Timestamp due = house_.clock.Now() + std::chrono::minutes(1);
  Batch batch;
  for (const char* id : {"a", "b", "c"}) batch.future.push_back(FutureOf(id, due, "k"));
  ASSERT_TRUE(PostAndWait(*house_.journal, std::move(batch)));
  const auto later = [&] {
    const auto page = house_.journal->ListScheduled({.search_key = "k"});
    return std::ranges::count_if(page->events, [&](const auto& event) { return event.due > due; });
  };
  store_.full = true;
  const Timestamp moved = due + std::chrono::minutes(1);
  EXPECT_EQ(house_.journal->Reschedule({.search_key = "k"}, moved).error().reason, "DISK_FULL");
  EXPECT_EQ(house_.journal->CancelScheduled({.search_key = "k"}).error().reason, "DISK_FULL");
  EXPECT_EQ(later(), 0);
  store_.full = false;
  EXPECT_EQ(*house_.journal->Reschedule({.search_key = "k"}, moved), 3u);
  EXPECT_EQ(later(), 3);
}

// In pieces, each a commit: neither the commits nor what is read for them grows with their number.
TEST_F(JournalOnAFailingStore, ManyThatComeDueInOneInstantComeInPiecesInOrder) {
  constexpr int kEvents = 200'000;
  constexpr int kBatch = 10'000;
  const Timestamp due = house_.clock.Now() + std::chrono::minutes(1);
  for (int i = 0; i < kEvents;) {
    Batch batch;
    for (const int end = i + kBatch; i < end; ++i) {
      batch.future.push_back(FutureOf(std::to_string(i), due, "k"));
    }
    ASSERT_TRUE(PostAndWait(*house_.journal, std::move(batch)));
  }
  house_.clock.Advance(std::chrono::minutes(1));
  for (FeedPosition end; end < FeedPosition(kEvents); end = house_.journal->feed_end()) {
    ASSERT_TRUE(Eventually([&] { return house_.journal->feed_end() > end; })) << "no more come";
  }
  EXPECT_EQ(house_.journal->feed_end(), FeedPosition(kEvents));
  EXPECT_LE(store_.largest_group, 4096u);
  const std::vector<std::string> ids = house_.Ids("later");
  ASSERT_EQ(ids.size(), size_t{kEvents});
  for (int i = 0; i < kEvents; ++i) ASSERT_EQ(ids[i], std::to_string(i));
  EXPECT_TRUE(house_.journal->ListScheduled({})->events.empty());
}

}  // namespace
}  // namespace postroad::journal
