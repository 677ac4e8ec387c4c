// The contract of retention and deletion.
#include <gmock/gmock.h>

#include "store/contract/store_contract.h"

namespace postroad::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_P(StoreContract, TrimTopicForgetsWholeRuns) {
  const TopicId id = Append("a", 3, "abc").topic;
  Append("a", 2, "de");
  Append("a", 1, "f");
  EXPECT_EQ(*store().TrimTopic(id, Offset(2)), Offset(0)) << "the run that holds it stays";
  EXPECT_EQ(*store().TrimTopic(id, Offset(4)), Offset(3));
  EXPECT_THAT(Read(id, 0), ElementsAre("3+2:de", "5+1:f"));
  EXPECT_EQ(*store().TrimTopic(id, Offset(1)), Offset(3)) << "nothing more to forget";
  const TopicInfo info = Find("a");
  EXPECT_EQ(info.first, Offset(3));
  EXPECT_EQ(info.next, Offset(6));
  EXPECT_EQ(info.bytes, 3u);
  EXPECT_EQ(store().ReadRunAt(id, Offset(2)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(*store().OffsetAtTime(id, At(-100)), Offset(3));
}

TEST_P(StoreContract, OffsetsGoOnAfterAllRunsWereForgotten) {
  Append("other", 1, "x");
  const TopicId id = Append("a", 3, "abc").topic;
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(*store().TrimTopic(id, Offset(1'000)), Offset(3));
    EXPECT_THAT(Read(id, 0), IsEmpty());
    EXPECT_EQ(store().FindTopicById(id)->name, "a");
    const TopicInfo info = Find("a");
    EXPECT_EQ(info.first, Offset(3));
    EXPECT_EQ(info.next, Offset(3));
    EXPECT_EQ(info.bytes, 0u);
    under_test().Reopen();
  }
  const Placement next = Append("a", 1, "d");
  EXPECT_EQ(next.topic, id);
  EXPECT_EQ(next.first, Offset(3));
  EXPECT_EQ(next.bytes_before, 3u);
  EXPECT_THAT(Read(id, 0), ElementsAre("3+1:d"));
  EXPECT_EQ(Find("a").bytes, 1u);
}

TEST_P(StoreContract, ALongTopicIsTrimmedAsAShortOne) {
  TopicId id;
  for (int i = 0; i < 500; ++i) {
    id = Append({{"a", 2, "xy", At(i)}, {"b", 1, "z", At(i)}})[0].topic;
  }
  EXPECT_EQ(*store().TrimTopic(id, Offset(901)), Offset(900));
  EXPECT_EQ(Read(id, 0).front(), "900+2:xy");
  EXPECT_EQ(Find("a").bytes, 100u);
  EXPECT_EQ(Read(Find("b").id, 0).size(), 500u) << "other topics keep theirs";
  EXPECT_EQ(*store().OffsetAtTime(id, At(0)), Offset(900));
  EXPECT_EQ(*store().OffsetAtTime(id, At(470)), Offset(940));
}

TEST_P(StoreContract, ADeletedTopicBeginsAnew) {
  const TopicId old = Append("a", 3, "abc").topic;
  Append("b", 1, "x");
  ASSERT_TRUE(store().DeleteTopic("a"));
  EXPECT_EQ(store().FindTopic("a").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(store().FindTopicById(old).error().code, ErrorCode::kNotFound);
  EXPECT_THAT(Read(old, 0), IsEmpty());
  EXPECT_EQ(store().DeleteTopic("a").error().code, ErrorCode::kNotFound);
  const Placement fresh = Append("a", 1, "n");
  EXPECT_NE(fresh.topic, old);
  EXPECT_EQ(fresh.first, Offset(0));
  EXPECT_EQ(fresh.bytes_before, 0u);
  EXPECT_EQ(store().FindTopicById(old).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(Read(Find("b").id, 0).size(), 1u);
}

TEST_P(StoreContract, TheNewestTopicsIdIsNotGivenAgainAfterItsDeletion) {
  const TopicId old = Append("a", 1, "x").topic;
  ASSERT_TRUE(store().DeleteTopic("a"));
  under_test().Reopen();
  EXPECT_GT(Append("a", 1, "x").topic, old);
}

TEST_P(StoreContract, TrimFeedForgetsWholeCommits) {
  Append({{"a", 2, "x", At(0)}, {"b", 3, "x", At(0)}});
  Append("a", 1, "x", At(1));
  const TopicId id = Append("a", 4, "x", At(2)).topic;
  ASSERT_TRUE(store().TrimFeed(FeedPosition(3)));
  EXPECT_EQ(store().ReadFeedBounds()->first, FeedPosition(0)) << "the commit that holds it stays";
  ASSERT_TRUE(store().TrimFeed(FeedPosition(5)));
  EXPECT_EQ(store().ReadFeedBounds()->first, FeedPosition(5));
  EXPECT_THAT(Feed(0), ElementsAre("5:a@2+1", "6:a@3+4"));
  EXPECT_EQ(*store().PositionAtTime(At(0)), FeedPosition(5));
  EXPECT_EQ(Read(id, 0).size(), 3u) << "the events stay";
  under_test().Reopen();
  EXPECT_EQ(store().ReadFeedBounds()->first, FeedPosition(5));
  EXPECT_EQ(store().ReadFeedBounds()->next, FeedPosition(10));
}

TEST_P(StoreContract, PositionsGoOnAfterTheWholeFeedWasForgotten) {
  Append("a", 5, "x", At(50));
  ASSERT_TRUE(store().TrimFeed(FeedPosition(1'000)));
  EXPECT_EQ(store().ReadFeedBounds()->first, FeedPosition(5));
  EXPECT_THAT(Feed(0), IsEmpty());
  EXPECT_EQ(*store().PositionAtTime(At(0)), FeedPosition(5));
  under_test().Reopen();
  EXPECT_EQ(store().ReadFeedBounds()->first, FeedPosition(5));
  const Placement next = Append("a", 1, "x", At(1));
  EXPECT_EQ(next.position, FeedPosition(5));
  EXPECT_EQ(next.stored_at, At(50)) << "times do not fall either";
  EXPECT_THAT(Feed(0), ElementsAre("5:a@5+1"));
}

TEST_P(StoreContract, ALongFeedIsTrimmedAsAShortOne) {
  for (int i = 0; i < 300; ++i) Append("a", 2, "x", At(i));
  ASSERT_TRUE(store().TrimFeed(FeedPosition(501)));
  EXPECT_EQ(Feed(0).front(), "500:a@500+2");
  EXPECT_EQ(*store().PositionAtTime(At(10)), FeedPosition(500));
  EXPECT_EQ(*store().PositionAtTime(At(290)), FeedPosition(580));
}

}  // namespace
}  // namespace postroad::store
