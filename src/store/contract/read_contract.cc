// The contract of reading: runs, the feed, times, lists of topics.
#include <gmock/gmock.h>

#include "store/contract/store_contract.h"

namespace postroad::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_P(StoreContract, ReadRunsBeginsWithTheRunThatHoldsTheOffset) {
  Append("before", 5, "x");
  const TopicId id = Append("a", 3, "abc").topic;
  Append("a", 2, "de");
  Append("a", 1, "f");
  Append("z", 5, "x");
  EXPECT_THAT(Read(id, 0), ElementsAre("0+3:abc", "3+2:de", "5+1:f"));
  EXPECT_THAT(Read(id, 2), ElementsAre("0+3:abc", "3+2:de", "5+1:f"));
  EXPECT_THAT(Read(id, 3), ElementsAre("3+2:de", "5+1:f"));
  EXPECT_THAT(Read(id, 5), ElementsAre("5+1:f"));
  EXPECT_THAT(Read(id, 6), IsEmpty());
  EXPECT_THAT(Read(id, 1'000), IsEmpty());
}

TEST_P(StoreContract, ReadRunsStopsAtItsBytesButReadsOne) {
  const TopicId id = Append("a", 1, "aaaa").topic;
  Append("a", 1, "bbbb");
  Append("a", 1, "cccc");
  EXPECT_THAT(Read(id, 0, 1), ElementsAre("0+1:aaaa"));
  EXPECT_THAT(Read(id, 0, 8), ElementsAre("0+1:aaaa", "1+1:bbbb"));
  EXPECT_THAT(Read(id, 0, 11), ElementsAre("0+1:aaaa", "1+1:bbbb"));
  EXPECT_THAT(Read(id, 1, 0), ElementsAre("1+1:bbbb"));
}

TEST_P(StoreContract, ARunCarriesWhatWasStored) {
  const TopicId id = Append("a", 3, "abc", At(4)).topic;
  Append("a", 1, std::string("\0\xff", 2), At(5));
  const auto runs = store().ReadRuns(id, Offset(0), 100);
  ASSERT_EQ(runs->size(), 2u);
  const store::Run& run = *runs->at(1);
  EXPECT_EQ(run.topic, id);
  EXPECT_EQ(run.first, Offset(3));
  EXPECT_EQ(run.end(), Offset(4));
  EXPECT_EQ(run.stored_at, At(5));
  EXPECT_EQ(run.bytes_before, 3u);
  EXPECT_EQ(run.body, std::string("\0\xff", 2));
}

TEST_P(StoreContract, ReadRunAtFindsTheRunThatBeginsAtOrBefore) {
  Append("before", 9, "x");
  const TopicId id = Append("a", 3, "abc").topic;
  Append("a", 2, "de");
  EXPECT_EQ(store().ReadRunAt(id, Offset(0)).value()->first, Offset(0));
  EXPECT_EQ(store().ReadRunAt(id, Offset(2)).value()->first, Offset(0));
  EXPECT_EQ(store().ReadRunAt(id, Offset(3)).value()->first, Offset(3));
  EXPECT_EQ(store().ReadRunAt(id, Offset(99)).value()->first, Offset(3));
  EXPECT_EQ(store().ReadRunAt(TopicId(id + 50), Offset(0)).error().code, ErrorCode::kNotFound);
}

TEST_P(StoreContract, TheFeedGivesWholeCommitsInOrder) {
  Append({{"a", 2, "x", At(0)}, {"b", 3, "x", At(0)}, {"b", 1, "x", At(0)}});
  Append({{"b", 1, "x", At(1)}});
  Append({{"c", 4, "x", At(2)}, {"a", 1, "x", At(2)}});
  EXPECT_THAT(Feed(0),
              ElementsAre("0:a@0+2", "2:b@0+3", "5:b@3+1", "6:b@4+1", "7:c@0+4", "11:a@2+1"));
  EXPECT_THAT(Feed(6), ElementsAre("6:b@4+1", "7:c@0+4", "11:a@2+1"));
  EXPECT_EQ(Feed(11).back(), "11:a@2+1");
  EXPECT_THAT(Feed(12), IsEmpty());
  EXPECT_THAT(Feed(1'000), IsEmpty());
  EXPECT_THAT(Feed(6, 2), ElementsAre("6:b@4+1", "7:c@0+4", "11:a@2+1"));
  const auto entries = store().ReadFeed(FeedPosition(7), 1);
  EXPECT_EQ(entries->front().stored_at, At(2));
  EXPECT_EQ(entries->front().topic, Find("c").id);
}

// `from` in the middle of a commit: entries from the commit's begin may come before it.
TEST_P(StoreContract, TheFeedFromWithinACommitHoldsThatPosition) {
  Append("x", 1, "x");
  Append({{"a", 5, "x", At(0)}, {"b", 5, "x", At(0)}});
  Append("y", 1, "x");
  const auto feed = Feed(4);
  ASSERT_FALSE(feed.empty());
  EXPECT_EQ(std::count(feed.begin(), feed.end(), "1:a@0+5"), 1);
  EXPECT_EQ(std::count(feed.begin(), feed.end(), "6:b@0+5"), 1);
  EXPECT_EQ(std::count(feed.begin(), feed.end(), "0:x@0+1"), 0);
  EXPECT_EQ(feed.back(), "11:y@0+1");
}

TEST_P(StoreContract, TimesLeadToOffsetsAndPositions) {
  TopicId a;
  for (int i = 0; i < 50; ++i) {
    a = Append("a", 3, "x", At(10 * i)).topic;
    Append("b", 2, "x", At(10 * i + 1));
  }
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(*store().OffsetAtTime(a, At(10 * i)), Offset(3 * i));
    EXPECT_EQ(*store().OffsetAtTime(a, At(10 * i - 5)), Offset(3 * i));
    EXPECT_EQ(*store().PositionAtTime(At(10 * i)), FeedPosition(5 * i));
    EXPECT_EQ(*store().PositionAtTime(At(10 * i + 1)), FeedPosition(5 * i + 3));
  }
  EXPECT_EQ(*store().OffsetAtTime(a, At(10'000)), Offset(150));
  EXPECT_EQ(*store().PositionAtTime(At(10'000)), FeedPosition(250));
  EXPECT_EQ(*store().OffsetAtTime(TopicId(999), At(0)), Offset(0));
}

TEST_P(StoreContract, TopicsAreListedByNameInPages) {
  Append({{"b/1", 1, "x", At(0)},
          {"a", 1, "x", At(0)},
          {"b/2", 2, "xy", At(0)},
          {"b", 1, "x", At(0)},
          {"c", 1, "x", At(0)}});
  const auto list = [&](std::string_view after, std::string_view prefix, size_t limit) {
    Strings names;
    for (const TopicInfo& t : *store().ListTopics(after, prefix, limit, false)) {
      names.push_back(t.name);
    }
    return names;
  };
  EXPECT_THAT(list("", "", 10), ElementsAre("a", "b", "b/1", "b/2", "c"));
  EXPECT_THAT(list("", "", 2), ElementsAre("a", "b"));
  EXPECT_THAT(list("b", "", 2), ElementsAre("b/1", "b/2"));
  EXPECT_THAT(list("", "b/", 10), ElementsAre("b/1", "b/2"));
  EXPECT_THAT(list("b/1", "b/", 10), ElementsAre("b/2"));
  EXPECT_THAT(list("c", "b/", 10), IsEmpty());
  const auto bounds = store().ListTopics("b/1", "b/", 1, true);
  EXPECT_EQ(bounds->at(0).next, Offset(2));
  EXPECT_EQ(bounds->at(0).bytes, 2u);
}

}  // namespace
}  // namespace postroad::store
