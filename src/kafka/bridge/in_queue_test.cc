// What each strategy does with a message that there is no room for.
#include "kafka/bridge/in_queue.h"

#include <gtest/gtest.h>

namespace postroad::kafka {
namespace {

using Verdict = InQueue::Verdict;

Partition P(int32_t number) { return {"t", number}; }

class InQueueTest : public ::testing::Test {
 protected:
  void Fill(int count) {
    for (int i = 0; i < count; ++i) Push(P(0), i);
  }
  void Push(const Partition& partition, int64_t offset) {
    queue.Push({.partition = partition, .offset = offset, .bytes = 100});
  }

  InOptions options{.batch_events = 2, .buffer_events = 4};
  InQueue queue{options};
};

TEST_F(InQueueTest, PauseIsFullBehindABatchUnderWay) {
  Fill(2);
  EXPECT_FALSE(queue.Full(false));
  EXPECT_TRUE(queue.Full(true));
}

TEST_F(InQueueTest, BufferIsFullByEventsAndByBytes) {
  options.backpressure = Backpressure::kBuffer;
  Fill(3);
  EXPECT_FALSE(queue.Full(true));
  EXPECT_EQ(queue.Room(), 1u);
  options.buffer_bytes = 300;
  EXPECT_TRUE(queue.Full(true));
  options.buffer_bytes = 1000;
  Push(P(0), 3);
  EXPECT_TRUE(queue.Full(false));
}

TEST_F(InQueueTest, ErrorEndsTheSessionButNotWhileNothingIsUnderWay) {
  options.backpressure = Backpressure::kError;
  Fill(4);
  EXPECT_FALSE(queue.Full(true));
  EXPECT_EQ(queue.Offer(P(0), 4, false).verdict, Verdict::kTake);
  EXPECT_EQ(queue.Offer(P(0), 4, true).verdict, Verdict::kOverrun);
}

TEST_F(InQueueTest, DropDropsTheNewestAndTheirOffsetsAreCommittedLast) {
  options.backpressure = Backpressure::kDrop;
  Fill(4);
  const auto answer = queue.Offer(P(0), 4, true);
  EXPECT_EQ(answer.verdict, Verdict::kDrop);
  EXPECT_EQ(answer.dropped, 1u);
  EXPECT_TRUE(queue.TakeSkipped().empty()) << "what waits is stored first";
  EXPECT_EQ(queue.Take(10, 1000).size(), 4u);
  EXPECT_EQ(queue.TakeSkipped(), (Offsets{{P(0), 5}}));
  EXPECT_TRUE(queue.TakeSkipped().empty());
}

TEST_F(InQueueTest, LatestKeepsTheNewestOnly) {
  options.backpressure = Backpressure::kLatest;
  Fill(3);
  Push(P(1), 7);
  const auto answer = queue.Offer(P(1), 8, true);
  EXPECT_EQ(answer.verdict, Verdict::kTake);
  EXPECT_EQ(answer.dropped, 4u);
  Push(P(1), 8);
  const Items taken = queue.Take(10, 1000);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].offset, 8);
  EXPECT_EQ(queue.TakeSkipped(), (Offsets{{P(0), 3}, {P(1), 8}}));
}

TEST_F(InQueueTest, TakesInOrderUpToTheBytes) {
  Fill(4);
  const Items taken = queue.Take(10, 150);
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken[1].offset, 1);
  EXPECT_EQ(queue.Take(1, 1000)[0].offset, 2);
  EXPECT_EQ(queue.size(), 1u);
}

TEST_F(InQueueTest, ForgetsThePartitionsThatGo) {
  options.backpressure = Backpressure::kDrop;
  options.buffer_events = 2;
  Push(P(0), 0);
  Push(P(1), 5);
  (void)queue.Offer(P(0), 1, true);
  (void)queue.Offer(P(1), 6, true);
  queue.Forget({P(0)});
  const Items taken = queue.Take(10, 1000);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].partition, P(1));
  EXPECT_EQ(queue.TakeSkipped(), (Offsets{{P(1), 7}}));
}

}  // namespace
}  // namespace postroad::kafka
