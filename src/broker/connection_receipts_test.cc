// What connections said of events, kept within bounds.
#include "broker/connection_receipts.h"

#include <gtest/gtest.h>

#include "runtime/manual_clock.h"

namespace postroad::broker {
namespace {

class Here final : public Executor {
 public:
  void Post(Task task) override { task(); }
  Timer PostAfter(Duration, Task) override { return {}; }
  bool RunsHere() const override { return true; }
};

class ConnectionReceiptsTest : public ::testing::Test {
 protected:
  std::unique_ptr<ConnectionReceipts::Reading> Read(uint64_t id, uint64_t start = 0) {
    return receipts_.Read("t",
                          {.connection = ConnectionId(id), .user = "u", .start = Offset(start)});
  }
  Status Ack(uint64_t id, uint64_t offset, std::string reply = "") {
    const auto state = reply.empty() ? ConnectionState::kAcked : ConnectionState::kReplied;
    return receipts_.Ack(ConnectionId(id), {"t", Offset(offset), state, std::move(reply)});
  }
  journal::WaitPtr Watch(uint64_t offset, int& settled) {
    return receipts_.Watch("t", Offset(offset), here_, [&settled] { ++settled; });
  }

  ManualClock clock_;
  Metrics metrics_;
  Here here_;
  ConnectionReceipts receipts_{clock_, metrics_, 100'000};
};

TEST_F(ConnectionReceiptsTest, SettledWhenAllThatReadHaveSaidSomethingOrLeft) {
  auto first = Read(1), second = Read(2);
  const auto late = Read(3, 8);  // begins behind the event
  first->Sent(Offset(8));
  second->Sent(Offset(8));
  int settled = 0;
  const auto wait = Watch(7, settled);
  ASSERT_TRUE(Ack(1, 7));
  EXPECT_EQ(settled, 0);
  second.reset();
  EXPECT_EQ(settled, 1);
  const auto told = receipts_.Get("t", Offset(7));
  ASSERT_EQ(told.size(), 2u);
  for (const auto& one : told) {
    EXPECT_EQ(one.state,
              one.connection == ConnectionId(1) ? ConnectionState::kAcked : ConnectionState::kGone);
  }
}

TEST_F(ConnectionReceiptsTest, AnAckBeforeTheWaitCounts) {
  const auto reading = Read(1);
  reading->Sent(Offset(1));
  ASSERT_TRUE(Ack(1, 0, "\"yes\""));
  ASSERT_TRUE(Ack(1, 0, "\"no\""));  // the first one counts
  int settled = 0;
  const auto wait = Watch(0, settled);
  EXPECT_EQ(settled, 1);
  EXPECT_EQ(receipts_.Get("t", Offset(0)).front().reply, "\"yes\"");
}

TEST_F(ConnectionReceiptsTest, WhoComesBackFromBeforeTheEventIsWaitedFor) {
  int settled = 0;
  auto first = Read(1);
  const auto wait = Watch(4, settled);
  const auto second = Read(2, 4);
  first.reset();
  EXPECT_EQ(settled, 0);
  second->Sent(Offset(5));
  ASSERT_TRUE(Ack(2, 4));
  EXPECT_EQ(settled, 1);
}

TEST_F(ConnectionReceiptsTest, WhoCannotAckIsWaitedForUntilItWasSent) {
  const auto plain =
      receipts_.Read("t", {.connection = ConnectionId(1), .user = "u", .acks = false});
  int settled = 0;
  const auto wait = Watch(3, settled);
  plain->Sent(Offset(3));
  EXPECT_EQ(settled, 0);
  plain->Sent(Offset(4));
  EXPECT_EQ(settled, 1);
  EXPECT_EQ(receipts_.Get("t", Offset(3)).front().state, ConnectionState::kDelivered);
  const auto late = Watch(3, settled);
  EXPECT_EQ(settled, 2);
}

TEST_F(ConnectionReceiptsTest, OnlyWhatWasSentCanBeAcked) {
  const auto reading = Read(1);
  reading->Sent(Offset(3));
  EXPECT_TRUE(Ack(1, 2));
  EXPECT_EQ(Ack(1, 3).error().reason, "UNKNOWN_DELIVERY");
  EXPECT_EQ(Ack(2, 2).error().reason, "UNKNOWN_DELIVERY");
  EXPECT_EQ(Ack(1, 2, std::string(kMaxReplyBytes + 1, 'x')).error().reason, "REPLY_TOO_LARGE");
}

TEST_F(ConnectionReceiptsTest, TheOldestAreDroppedButNoneThatIsWaitedFor) {
  const auto reading = Read(1);
  reading->Sent(Offset(1'000));
  int settled = 0;
  auto wait = Watch(0, settled);
  ASSERT_TRUE(Ack(1, 0, std::string(20'000, 'x')));
  for (uint64_t offset = 1; offset < 100; ++offset) {
    ASSERT_TRUE(Ack(1, offset, std::string(20'000, 'x')));
  }
  EXPECT_LE(metrics_.GetGauge("postroad_users_receipts_bytes", "").Value(), 100'000);
  EXPECT_EQ(receipts_.Get("t", Offset(0)).front().state, ConnectionState::kReplied);
  EXPECT_EQ(receipts_.Get("t", Offset(1)).front().state, ConnectionState::kDelivered);
  EXPECT_EQ(receipts_.Get("t", Offset(99)).front().state, ConnectionState::kReplied);
  // Where all is waited for there is no room.
  std::vector<journal::WaitPtr> waits;
  for (uint64_t offset = 100; offset < 110; ++offset) {
    waits.push_back(Watch(offset, settled));
    if (Ack(1, offset, std::string(20'000, 'x'))) continue;
    EXPECT_EQ(Ack(1, offset, std::string(20'000, 'x')).error().reason, "OVERLOADED");
    return;
  }
  FAIL() << "nothing was refused";
}

}  // namespace
}  // namespace postroad::broker
