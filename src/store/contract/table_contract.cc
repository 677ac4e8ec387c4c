// The contract of tables, backups and statistics.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "store/contract/store_contract.h"

namespace postroad::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Mutation Put(std::string key, std::string value, Table table = Table::kReceipts) {
  return {.table = table, .key = std::move(key), .value = std::move(value)};
}

Strings Keys(const Result<std::vector<Entry>>& entries) {
  Strings keys;
  EXPECT_TRUE(entries);
  if (entries) {
    for (const Entry& e : *entries) keys.push_back(e.key + "=" + e.value);
  }
  return keys;
}

TEST_P(StoreContract, TablesArePutReadAndDeleted) {
  const std::vector<Mutation> puts = {Put("a", "1"), Put("b", ""), Put("c", "3")};
  ASSERT_TRUE(store().Write(puts, true));
  EXPECT_EQ(store().Get(Table::kReceipts, "a")->value(), "1");
  EXPECT_EQ(store().Get(Table::kReceipts, "b")->value(), "");
  EXPECT_FALSE(store().Get(Table::kReceipts, "z")->has_value());
  const std::vector<Mutation> more = {
      {.kind = Mutation::Kind::kDelete, .table = Table::kReceipts, .key = "a"}, Put("c", "4")};
  ASSERT_TRUE(store().Write(more, false));
  EXPECT_FALSE(store().Get(Table::kReceipts, "a")->has_value());
  EXPECT_EQ(store().Get(Table::kReceipts, "c")->value(), "4");
}

TEST_P(StoreContract, TablesAreApart) {
  const Table all[] = {Table::kSchedule, Table::kSubscriptions, Table::kDeadLetters,
                       Table::kReceipts, Table::kDedup,         Table::kMeta};
  std::vector<Mutation> puts;
  for (const Table t : all) puts.push_back(Put("k", std::to_string(static_cast<int>(t)), t));
  ASSERT_TRUE(store().Write(puts, true));
  for (const Table t : all) {
    EXPECT_THAT(Keys(store().Scan(t, "", "", 10)),
                ElementsAre("k=" + std::to_string(static_cast<int>(t))));
  }
}

TEST_P(StoreContract, ScansGoBothWaysWithinTheirBounds) {
  const std::vector<Mutation> puts = {Put("a", "1"), Put("b", "2"), Put("b2", "3"), Put("c", "4")};
  ASSERT_TRUE(store().Write(puts, true));
  const auto scan = [&](auto from, auto to, size_t limit, bool reverse) {
    return Keys(store().Scan(Table::kReceipts, from, to, limit, reverse));
  };
  EXPECT_THAT(scan("", "", 10, false), ElementsAre("a=1", "b=2", "b2=3", "c=4"));
  EXPECT_THAT(scan("b", "c", 10, false), ElementsAre("b=2", "b2=3"));
  EXPECT_THAT(scan("b", "", 2, false), ElementsAre("b=2", "b2=3"));
  EXPECT_THAT(scan("", "", 10, true), ElementsAre("c=4", "b2=3", "b=2", "a=1"));
  EXPECT_THAT(scan("a1", "c", 10, true), ElementsAre("b2=3", "b=2"));
  EXPECT_THAT(scan("", "c", 1, true), ElementsAre("b2=3"));
  EXPECT_THAT(scan("c", "a", 10, false), IsEmpty());
}

TEST_P(StoreContract, RangesAreDeletedAndMutationsApplyInOrder) {
  const std::vector<Mutation> puts = {
      Put("a", "1"),
      Put("b", "2"),
      Put("c", "3"),
      {.kind = Mutation::Kind::kDeleteRange, .table = Table::kReceipts, .key = "a", .value = "c"},
      Put("b", "5"),
      {.kind = Mutation::Kind::kDeleteRange, .table = Table::kReceipts, .key = "z", .value = "a"}};
  ASSERT_TRUE(store().Write(puts, true));
  EXPECT_THAT(Keys(store().Scan(Table::kReceipts, "", "", 10)), ElementsAre("b=5", "c=3"));
}

// While groups of two runs and a mutation are appended, no reader sees a part of one.
TEST_P(StoreContract, AGroupIsSeenWholeOrNotAtAll) {
  Append({{"a", 1, "x", At(0)}, {"b", 1, "x", At(0)}}, {Put("n", "1", Table::kMeta)});
  const TopicId a = Find("a").id;
  const TopicId b = Find("b").id;
  std::atomic<bool> stop = false;
  std::thread reader([&] {
    while (!stop) {
      // Each is read after the one that may not be behind it.
      const uint64_t n = std::stoull(store().Get(Table::kMeta, "n")->value());
      const uint64_t in_a = store().ReadRunAt(a, Offset(UINT64_MAX)).value()->end().value();
      const uint64_t in_b = store().ReadRunAt(b, Offset(UINT64_MAX)).value()->end().value();
      const uint64_t in_feed = store().ReadFeed(FeedPosition(2 * in_b - 2), 1)->size();
      EXPECT_GE(in_a, n);
      EXPECT_GE(in_b, in_a);
      EXPECT_EQ(in_feed, 2u);
    }
  });
  for (int i = 2; i < 300; ++i) {
    Append({{"a", 1, "x", At(0)}, {"b", 1, "x", At(0)}},
           {Put("n", std::to_string(i), Table::kMeta)});
  }
  stop = true;
  reader.join();
}

TEST_P(StoreContract, ABackupHoldsWhatWasThereAndGetsANewEpoch) {
  const Epoch epoch = store().epoch();
  const TopicId id = Append("a", 2, "ab").topic;
  Append({{"b", 1, "x", At(3)}}, {Put("k", "v")});
  const std::string path = under_test().NewPath();
  ASSERT_TRUE(store().Backup(path));
  EXPECT_EQ(store().Backup(path).error().code, ErrorCode::kAlreadyExists);
  Append("a", 1, "after");

  const auto restored = under_test().Restore(path);
  Store& copy = restored->store();
  EXPECT_NE(copy.epoch(), epoch);
  EXPECT_EQ(copy.ReadRuns(id, Offset(0), 100)->size(), 1u);
  EXPECT_EQ(copy.ReadFeedBounds()->next, FeedPosition(3));
  EXPECT_EQ(copy.Get(Table::kReceipts, "k")->value(), "v");
  const std::vector<RunToAppend> runs = {{"a", 1, "new", At(4)}};
  EXPECT_EQ(copy.Append({.runs = runs})->at(0).first, Offset(2));
  EXPECT_EQ(store().epoch(), epoch) << "the original goes on as it was";
  EXPECT_EQ(Find("a").next, Offset(3));
}

TEST_P(StoreContract, StatisticsTellSizes) {
  const std::string body(kMaxRunBytes, 'x');
  for (int i = 0; i < 20; ++i) Append("a", 2, body);
  const auto stats = store().Stats();
  ASSERT_TRUE(stats);
  EXPECT_GE(stats->disk_bytes, 20 * kMaxRunBytes);
  EXPECT_GT(stats->free_disk_bytes, 0u);
  EXPECT_EQ(stats->feed.next, FeedPosition(40));
  EXPECT_EQ(stats->topics, 1u);
}

TEST_P(StoreContract, TopicsAreCounted) {
  const auto count = [&] { return store().Stats()->topics; };
  EXPECT_EQ(count(), 0u);
  Append({{"a", 1, "x", At(0)}, {"b", 1, "x", At(0)}, {"a", 1, "x", At(0)}});
  Append("a", 1, "again");
  EXPECT_EQ(count(), 2u);
  Append("c", 1, "x");
  ASSERT_TRUE(store().DeleteTopic("a"));
  EXPECT_FALSE(store().DeleteTopic("a"));
  EXPECT_EQ(count(), 2u);
  under_test().Reopen();
  EXPECT_EQ(count(), 2u);
  Append("a", 1, "a new one");
  under_test().Reopen();
  EXPECT_EQ(count(), 3u);
  const std::string path = under_test().NewPath();
  ASSERT_TRUE(store().Backup(path));
  EXPECT_EQ(under_test().Restore(path)->store().Stats()->topics, 3u);
}

}  // namespace
}  // namespace postroad::store
