// What each strategy of backpressure does with a full queue, and which offsets may be committed.
#include "event_bus/stream_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "event_bus/offset_ledger.h"

namespace postroad::event_bus {
namespace {

using kafka::Backpressure;
using kafka::Offsets;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Offered = StreamQueue::Offered;

class StreamQueueTest : public ::testing::Test {
 protected:
  Offered Offer(StreamQueue& queue, uint64_t token, size_t bytes = 0) {
    Waiting waiting;
    waiting.event.payload.assign(bytes, 'x');
    waiting.token = token;
    return queue.Offer(std::move(waiting), dropped);
  }
  std::vector<uint64_t> Rest(StreamQueue& queue) {
    std::vector<uint64_t> tokens;
    while (const auto waiting = queue.Take()) tokens.push_back(waiting->token);
    return tokens;
  }
  std::vector<uint64_t> dropped;
};

TEST_F(StreamQueueTest, BackpressureAndBufferHaveReadingWait) {
  for (const Backpressure strategy : {Backpressure::kPause, Backpressure::kBuffer}) {
    StreamQueue queue(strategy, 2);
    Offer(queue, 1);
    EXPECT_TRUE(queue.HasRoom());
    Offer(queue, 2);
    EXPECT_FALSE(queue.HasRoom());
    EXPECT_EQ(Offer(queue, 3), Offered::kTaken) << "nothing is lost";
    queue.Take();
    EXPECT_FALSE(queue.HasRoom());
    queue.Take();
    EXPECT_TRUE(queue.HasRoom());
    EXPECT_THAT(Rest(queue), ElementsAre(3));
  }
  EXPECT_THAT(dropped, IsEmpty());
}

TEST_F(StreamQueueTest, ErrorRefuses) {
  StreamQueue queue(Backpressure::kError, 1);
  EXPECT_EQ(Offer(queue, 1), Offered::kTaken);
  EXPECT_TRUE(queue.HasRoom());
  EXPECT_EQ(Offer(queue, 2), Offered::kOverrun);
  EXPECT_THAT(Rest(queue), ElementsAre(1));
}

TEST_F(StreamQueueTest, DropDropsTheNewest) {
  StreamQueue queue(Backpressure::kDrop, 2);
  for (uint64_t i = 1; i <= 4; ++i) Offer(queue, i);
  EXPECT_THAT(dropped, ElementsAre(3, 4));
  EXPECT_TRUE(queue.HasRoom());
  EXPECT_THAT(Rest(queue), ElementsAre(1, 2));
}

TEST_F(StreamQueueTest, LatestKeepsTheNewest) {
  StreamQueue queue(Backpressure::kLatest, 2);
  for (uint64_t i = 1; i <= 5; ++i) Offer(queue, i);
  EXPECT_THAT(dropped, ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(Rest(queue), ElementsAre(5));
}

TEST_F(StreamQueueTest, LargeEventsFillItToo) {
  StreamQueue queue(Backpressure::kPause, 1000);
  for (uint64_t i = 0; i < 3; ++i) Offer(queue, i, 8 << 20);
  EXPECT_TRUE(queue.HasRoom());
  Offer(queue, 3, 8 << 20);
  EXPECT_FALSE(queue.HasRoom());
  EXPECT_THAT(queue.RemoveIf([](uint64_t token) { return token < 3; }), ElementsAre(0, 1, 2));
  EXPECT_TRUE(queue.HasRoom());
  EXPECT_EQ(queue.size(), 1U);
}

const kafka::Partition kFirst{"t", 0}, kSecond{"t", 1};

TEST(OffsetLedgerTest, CommitsBelowWhatIsNotDone) {
  OffsetLedger ledger;
  const uint64_t a = ledger.Read(kFirst, 10), b = ledger.Read(kFirst, 11),
                 c = ledger.Read(kFirst, 13);
  const uint64_t d = ledger.Read(kSecond, 5);
  EXPECT_THAT(ledger.TakeCommittable(), IsEmpty());
  ledger.Done(b);
  EXPECT_THAT(ledger.TakeCommittable(), IsEmpty()) << "10 is not done";
  ledger.Done(a);
  EXPECT_EQ(ledger.TakeCommittable(), (Offsets{{kFirst, 13}}));
  EXPECT_THAT(ledger.TakeCommittable(), IsEmpty()) << "is committed";
  ledger.Done(c);
  ledger.Done(d);
  EXPECT_EQ(ledger.TakeCommittable(), (Offsets{{kFirst, 14}, {kSecond, 6}}));
  EXPECT_EQ(ledger.open(), 0U);
}

TEST(OffsetLedgerTest, CommitsAgainAfterAFailure) {
  OffsetLedger ledger;
  ledger.Done(ledger.Read(kFirst, 0));
  EXPECT_EQ(ledger.TakeCommittable(), (Offsets{{kFirst, 1}}));
  ledger.Uncommit();
  EXPECT_EQ(ledger.TakeCommittable(), (Offsets{{kFirst, 1}}));
}

TEST(OffsetLedgerTest, ForgetsPartitionsOfOthers) {
  OffsetLedger ledger;
  const uint64_t before = ledger.Read(kFirst, 3);
  ledger.Forget(kFirst);
  EXPECT_FALSE(ledger.PartitionOf(before));
  EXPECT_EQ(ledger.open(), 0U);
  // It comes back, and so does the message.
  const uint64_t again = ledger.Read(kFirst, 3);
  ledger.Done(before);
  EXPECT_THAT(ledger.TakeCommittable(), IsEmpty()) << "the old token is not the new one's";
  EXPECT_EQ(ledger.PartitionOf(again), kFirst);
  ledger.Done(again);
  EXPECT_EQ(ledger.TakeCommittable(), (Offsets{{kFirst, 4}}));
}

}  // namespace
}  // namespace postroad::event_bus
