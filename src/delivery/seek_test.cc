// A subscription whose place moves: seeks, topics made anew, retention that overtakes it.
#include "delivery/testing.h"

namespace postroad::delivery {
namespace {

using Strings = std::vector<std::string>;

TEST_F(DeliveryTest, SeekingBackDeliversAgain) {
  Create("s", Settings({"t"}));
  PostAll("t", {"a", "b"});
  RecordingSink sink;
  const auto member = Join("s", sink);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 2; }));
  SettleOne(*member, Ack(DeliveryId(0)));
  SettleOne(*member, Terminate(DeliveryId(1), "bad"));
  ASSERT_TRUE(Until([&] { return Info("s").dead_letters == 1; }));
  ASSERT_TRUE(engine->Seek("s", Start::kBeginning, {}, {}));
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 4; }));
  EXPECT_EQ(engine->Seek("s", Start::kOffset, {}, Offset(9)).error().code, ErrorCode::kOutOfRange);
}

TEST_F(DeliveryTest, ASeekIsDurableAndDeliversWhatDiedBeforeIt) {
  Create("s", Settings({"t"}));
  PostAll("t", {"a"});
  {
    RecordingSink sink;
    const auto member = Join("s", sink);
    ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 1; }));
    SettleOne(*member, Terminate(DeliveryId(0), "bad"));
    ASSERT_TRUE(Until([&] { return Info("s").dead_letters == 1; }));
  }
  ASSERT_TRUE(engine->Seek("s", Start::kBeginning, {}, {}));
  Restart();
  RecordingSink sink;
  const auto member = Join("s", sink);
  EXPECT_TRUE(Until([&] { return sink.deliveries.size() == 1; }));
}

TEST_F(DeliveryTest, ATopicMadeAnewIsReadFromItsBeginning) {
  Create("s", Settings({"t"}));
  PostAll("t", {"a", "b", "c"});
  RecordingSink sink;
  const auto member = Join("s", sink);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 3; }));
  for (const Delivery& delivery : sink.deliveries) SettleOne(*member, Ack(delivery.id));
  Settle();
  ASSERT_TRUE(house.journal->DeleteTopic("t"));
  PostAll("t", {"new"});  // at an offset that was acked
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 4; }));
  EXPECT_EQ(sink.Payloads().back(), "new");
}

TEST_F(DeliveryTest, ATopicDeletedWhileStoppedIsReadFromItsBeginning) {
  Create("s", Settings({"t"}));
  PostAll("t", {"a", "b"});
  {
    RecordingSink sink;
    const auto member = Join("s", sink);
    ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 2; }));
    SettleOne(*member, {.kind = SettleKind::kAckUpTo, .id = DeliveryId(1)});
  }
  CloseEngine();
  ASSERT_TRUE(house.journal->DeleteTopic("t"));
  OpenEngine();
  RecordingSink sink;
  const auto member = Join("s", sink);
  Settle();
  PostAll("t", {"new"});
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 1; }));
}

struct RetentionTest : DeliveryTest {};

TEST_F(RetentionTest, WhatRetentionTookCountsAsSettled) {
  Create("s", Settings({"t"}));
  RecordingSink sink;
  auto member = Join("s", sink, 1);
  PostAll("t", {"a"});
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 1; }));
  PostAll("t", {"b"});
  house.clock.Advance(std::chrono::hours(24 * 8));
  PostAll("t", {"c"});
  ASSERT_TRUE(house.journal->ApplyRetention());
  member.reset();  // gives "a" back, which is gone
  RecordingSink after;
  member = Join("s", after);
  ASSERT_TRUE(Until([&] { return after.deliveries.size() == 1; }));
  EXPECT_EQ(after.Payloads(), (Strings{"c"}));
  SettleOne(*member, Ack(after.deliveries[0].id));
  EXPECT_EQ(Info("s").floor, 3u);
}

TEST_F(DeliveryTest, ASeekVoidsWhatMembersHold) {
  Create("s", Settings({"t"}));
  PostAll("t", {"a", "b", "c"});
  RecordingSink one, two;
  const auto first = Join("s", one, 2);
  ASSERT_TRUE(Until([&] { return one.deliveries.size() == 2; }));
  const auto second = Join("s", two, 1);
  ASSERT_TRUE(Until([&] { return two.deliveries.size() == 1; }));
  SettleOne(*first, Ack(DeliveryId(0)));
  ASSERT_TRUE(engine->Seek("s", Start::kOffset, {}, Offset(1)));
  // What was given before belongs to nobody now.
  SettleOne(*second, Ack(DeliveryId(2)));
  ASSERT_TRUE(Until([&] { return two.failures.size() == 1; }));
  EXPECT_EQ(two.failures[0].error.reason, "UNKNOWN_DELIVERY");
  EXPECT_EQ(Info("s").floor, 1u);
  EXPECT_EQ(Info("s").in_flight, 0u) << "nobody has room: credit was spent";
  first->AddCredit(10);
  ASSERT_TRUE(Until([&] { return one.deliveries.size() == 4; }));
  EXPECT_EQ(one.Payloads(), (Strings{"a", "b", "b", "c"}));
  EXPECT_EQ(one.deliveries[2].attempt, 1u);
  for (const uint64_t id : {1, 2}) SettleOne(*first, Ack(DeliveryId(id)));
  EXPECT_EQ(Info("s").floor, 3u);
  EXPECT_EQ(Info("s").in_flight, 0u);
}

}  // namespace
}  // namespace postroad::delivery
