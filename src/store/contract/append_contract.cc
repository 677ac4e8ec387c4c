// The contract of Append: offsets, positions, atomicity, what is kept over a reopening.
#include <gmock/gmock.h>

#include <set>
#include <string>
#include <vector>

#include "store/contract/store_contract.h"

namespace postroad::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_P(StoreContract, ANewStoreIsEmptyAndHasAnEpoch) {
  EXPECT_NE(store().epoch(), Epoch(0));
  EXPECT_TRUE(store().clean_start());
  EXPECT_EQ(store().ReadFeedBounds()->next, FeedPosition(0));
  EXPECT_THAT(Feed(0), IsEmpty());
  EXPECT_EQ(store().FindTopic("a").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(store().FindTopicById(TopicId(1)).error().code, ErrorCode::kNotFound);
  EXPECT_THAT(*store().ListTopics("", "", 10, true), IsEmpty());
  EXPECT_THAT(Read(TopicId(1), 0), IsEmpty());
}

TEST_P(StoreContract, OffsetsPositionsAndBytesGoOnWithoutHoles) {
  const auto placed =
      Append({{"a", 2, "aaaa", At(0)}, {"b", 1, "b", At(0)}, {"a", 3, "AAA", At(0)}});
  ASSERT_EQ(placed.size(), 3u);
  EXPECT_EQ(placed[0].first, Offset(0));
  EXPECT_EQ(placed[0].position, FeedPosition(0));
  EXPECT_EQ(placed[0].bytes_before, 0u);
  EXPECT_EQ(placed[1].first, Offset(0));
  EXPECT_EQ(placed[1].position, FeedPosition(2));
  EXPECT_EQ(placed[2].topic, placed[0].topic);
  EXPECT_NE(placed[1].topic, placed[0].topic);
  EXPECT_EQ(placed[2].first, Offset(2));
  EXPECT_EQ(placed[2].position, FeedPosition(3));
  EXPECT_EQ(placed[2].bytes_before, 4u);

  const Placement next = Append("a", 1, "z");
  EXPECT_EQ(next.first, Offset(5));
  EXPECT_EQ(next.position, FeedPosition(6));
  EXPECT_EQ(next.bytes_before, 7u);
  EXPECT_EQ(store().ReadFeedBounds()->next, FeedPosition(7));
}

TEST_P(StoreContract, TopicsAreFoundByNameAndById) {
  const TopicId id = Append("orders/eu", 2, "1234", At(7)).topic;
  Append("orders/eu", 1, "56", At(8));
  for (const auto& info : {store().FindTopic("orders/eu"), store().FindTopicById(id)}) {
    ASSERT_TRUE(info);
    EXPECT_EQ(info->id, id);
    EXPECT_EQ(info->name, "orders/eu");
    EXPECT_EQ(info->created, At(7));
    EXPECT_EQ(info->first, Offset(0));
    EXPECT_EQ(info->next, Offset(3));
    EXPECT_EQ(info->bytes, 6u);
  }
}

TEST_P(StoreContract, AllIsThereAfterAReopening) {
  const Epoch epoch = store().epoch();
  const TopicId a = Append("a", 2, "one").topic;
  Append({{"b", 1, "two", At(1)}}, {{.table = Table::kMeta, .key = "k", .value = "v"}});
  under_test().Reopen();
  EXPECT_EQ(store().epoch(), epoch);
  EXPECT_TRUE(store().clean_start());
  EXPECT_THAT(Read(a, 0), ElementsAre("0+2:one"));
  EXPECT_THAT(Feed(0), ElementsAre("0:a@0+2", "2:b@0+1"));
  EXPECT_EQ(store().Get(Table::kMeta, "k")->value(), "v");
  const auto placed = Append({{"a", 1, "x", At(2)}, {"c", 1, "y", At(2)}});
  EXPECT_EQ(placed[0].topic, a);
  EXPECT_EQ(placed[0].first, Offset(2));
  EXPECT_EQ(placed[0].position, FeedPosition(3));
  EXPECT_GT(placed[1].topic, Find("b").id) << "ids are never given twice";
}

TEST_P(StoreContract, TimesNeverFall) {
  Append("a", 1, "x", At(10));
  const Placement earlier = Append("b", 1, "x", At(5));
  EXPECT_EQ(earlier.stored_at, At(10)) << "a clock that went back";
  const auto placed = Append({{"a", 1, "x", At(12)}, {"b", 1, "x", At(11)}});
  EXPECT_EQ(placed[0].stored_at, At(12));
  EXPECT_EQ(placed[1].stored_at, At(12));
  under_test().Reopen();
  EXPECT_EQ(Append("c", 1, "x", At(1)).stored_at, At(12));
  EXPECT_EQ(store().ReadRuns(Find("b").id, Offset(0), 100)->back()->stored_at, At(12));
}

TEST_P(StoreContract, ABadRunStoresNothingOfItsGroup) {
  Append("a", 1, "x");
  const std::string large(kMaxRunBytes + 1, 'x');
  for (const RunToAppend& bad : std::vector<RunToAppend>{{"", 1, "x", At(0)},
                                                         {"b", 0, "x", At(0)},
                                                         {"b", 1, "", At(0)},
                                                         {"b", 2, large, At(0)}}) {
    const std::vector<RunToAppend> runs = {{"a", 1, "y", At(0)}, {"new", 1, "y", At(0)}, bad};
    const std::vector<Mutation> put = {{.table = Table::kMeta, .key = "k", .value = "v"}};
    const auto placed = store().Append({.runs = runs, .mutations = put});
    ASSERT_FALSE(placed);
    EXPECT_EQ(placed.error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(Find("a").next, Offset(1));
  EXPECT_FALSE(store().FindTopic("new"));
  EXPECT_FALSE(store().Get(Table::kMeta, "k")->has_value());
  EXPECT_THAT(Feed(0), ElementsAre("0:a@0+1"));
  EXPECT_EQ(Append("a", 1, "z").first, Offset(1));
}

TEST_P(StoreContract, AnEventLargerThanARunIsARunOfItsOwn) {
  const std::string large(3 << 20, 'x');
  const TopicId id = Append("a", 1, large).topic;
  const auto runs = store().ReadRuns(id, Offset(0), 1);
  ASSERT_TRUE(runs);
  EXPECT_EQ(runs->at(0)->body, large);
}

TEST_P(StoreContract, AppendsWithoutSyncAreSeenAndKept) {
  const std::vector<RunToAppend> runs = {{"a", 1, "x", At(0)}};
  ASSERT_TRUE(store().Append({.runs = runs, .sync = false}));
  EXPECT_THAT(Read(Find("a").id, 0), ElementsAre("0+1:x"));
  under_test().Reopen();
  EXPECT_THAT(Read(Find("a").id, 0), ElementsAre("0+1:x"));
}

TEST_P(StoreContract, AGroupOfMutationsAloneTakesNoPosition) {
  EXPECT_TRUE(
      Append(std::vector<RunToAppend>{}, {{.table = Table::kDedup, .key = "k", .value = "v"}})
          .empty());
  EXPECT_EQ(store().ReadFeedBounds()->next, FeedPosition(0));
  EXPECT_EQ(store().Get(Table::kDedup, "k")->value(), "v");
}

// More topics than any cache of them holds.
TEST_P(StoreContract, ManyTopicsKeepTheirOffsets) {
  constexpr int kTopics = 40'000;
  std::vector<std::string> names;
  for (int i = 0; i < kTopics; ++i) names.push_back("user/" + std::to_string(i));
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < kTopics; i += 1000) {
      std::vector<RunToAppend> runs;
      for (int j = i; j < i + 1000; ++j) runs.push_back({names[j], 1, "x", At(0)});
      for (const Placement& p : Append(runs)) ASSERT_EQ(p.first, Offset(round));
    }
  }
  EXPECT_EQ(Find("user/39999").next, Offset(2));
  EXPECT_EQ(store().ReadFeedBounds()->next, FeedPosition(2 * kTopics));
}

TEST_P(StoreContract, AGroupMayMixManyOldAndNewTopics) {
  constexpr size_t kTopics = 150;
  std::vector<std::string> names;
  for (size_t i = 0; i < kTopics; ++i) names.push_back("mixed/" + std::to_string(i));
  std::vector<RunToAppend> old;
  for (size_t i = 0; i < kTopics; i += 2) old.push_back({names[i], 1, "x", At(0)});
  const auto before = Append(old);
  under_test().Reopen();
  // All of them, the old ones among the new, and each again in the same group.
  std::vector<RunToAppend> all;
  for (int time = 0; time < 2; ++time) {
    for (const std::string& name : names) all.push_back({name, 1, "x", At(1)});
  }
  const auto placed = Append(all);
  ASSERT_EQ(placed.size(), 2 * kTopics);
  std::set<TopicId> ids;
  for (size_t i = 0; i < kTopics; ++i) {
    const bool is_old = i % 2 == 0;
    if (is_old) {
      EXPECT_EQ(placed[i].topic, before[i / 2].topic);
    }
    EXPECT_EQ(placed[i].first, Offset(is_old ? 1 : 0)) << names[i];
    EXPECT_EQ(placed[kTopics + i].topic, placed[i].topic);
    EXPECT_EQ(placed[kTopics + i].first, placed[i].first + 1);
    EXPECT_EQ(Find(names[i]).id, placed[i].topic);
    ids.insert(placed[i].topic);
  }
  EXPECT_EQ(ids.size(), kTopics);
}

}  // namespace
}  // namespace postroad::store
