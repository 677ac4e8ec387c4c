// Subscriptions at work, on a real journal and store: deliveries, retries, members.
#include "delivery/testing.h"

namespace postroad::delivery {
namespace {

using std::chrono::seconds;
using Strings = std::vector<std::string>;

TEST_F(DeliveryTest, EventsWaitForAMemberAndGoOutWhenOneJoins) {
  Create("s", Settings({"t"}));
  PostAll("t", {"a", "b"});
  RecordingSink sink;
  const auto member = Join("s", sink);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 2; }));
  PostAll("t", {"c"});
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 3; }));
  EXPECT_EQ(sink.Payloads(), (Strings{"a", "b", "c"}));
  EXPECT_EQ(sink.deliveries[2].offset, Offset(2));
  EXPECT_EQ(*sink.deliveries[2].topic, "t");
  for (const Delivery& delivery : sink.deliveries) SettleOne(*member, Ack(delivery.id));
  EXPECT_EQ(Info("s").floor, 3u);
  EXPECT_EQ(Info("s").acked_total, 3u);
}

TEST_F(DeliveryTest, ATopicThatIsNotThereYetLosesNothingFromTheEnd) {
  auto settings = Settings({"later"});
  settings.start = Start::kEnd;
  Create("s", settings);
  RecordingSink sink;
  const auto member = Join("s", sink);
  Settle();
  PostAll("later", {"first"});
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 1; }));
}

TEST_F(DeliveryTest, StartsWhereItIsTold) {
  PostAll("t", {"a", "b"});
  house.clock.Advance(seconds(10));
  const Timestamp later = house.clock.Now();
  PostAll("t", {"c"});
  auto end = Settings({"t"}), offset = Settings({"t"}), time = Settings({"*"});
  end.start = Start::kEnd;
  offset.start = Start::kOffset;
  offset.start_offset = Offset(1);
  time.start = Start::kTime;
  time.start_time = later;
  Create("end", end);
  Create("offset", offset);
  Create("time", time);
  PostAll("t", {"d"});
  RecordingSink ends, offsets, times;
  const auto a = Join("end", ends), b = Join("offset", offsets), c = Join("time", times);
  ASSERT_TRUE(
      Until([&] { return offsets.deliveries.size() == 3 && times.deliveries.size() == 2; }));
  EXPECT_EQ(ends.Payloads(), (Strings{"d"}));
  EXPECT_EQ(offsets.Payloads(), (Strings{"b", "c", "d"}));
  EXPECT_EQ(times.Payloads(), (Strings{"c", "d"}));
}

TEST_F(DeliveryTest, AnEventWaitsForTheEarlierOneOfItsKey) {
  auto settings = Settings({"t"});
  settings.ordering = Ordering::kKey;
  Create("s", settings);
  Post("t", {.key = "k", .payload = "k1"});
  Post("t", {.key = "k", .payload = "k2"});
  Post("t", {.key = "other", .payload = "o1"});
  RecordingSink sink;
  auto member = Join("s", sink);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 2; }));
  EXPECT_EQ(sink.Payloads(), (Strings{"k1", "o1"}));
  SettleOne(*member, Nack(DeliveryId(0), "not now"));
  Settle();
  EXPECT_EQ(sink.deliveries.size(), 2u);
  member.reset();
  Restart();  // the order holds over a restart
  RecordingSink after;
  member = Join("s", after);
  ASSERT_TRUE(Until([&] { return after.deliveries.size() == 1; }));
  EXPECT_EQ(after.Payloads(), (Strings{"o1"}));
  Advance(seconds(61));
  ASSERT_TRUE(Until([&] { return after.deliveries.size() == 2; }));
  EXPECT_EQ(after.Payloads(), (Strings{"o1", "k1"}));
  SettleOne(*member, Ack(DeliveryId(0)));
  ASSERT_TRUE(Until([&] { return after.deliveries.size() == 3; }));
  EXPECT_EQ(after.Payloads().back(), "k2");
}

TEST_F(DeliveryTest, AMemberThatLeavesGivesBackAtOnce) {
  Create("s", Settings({"t"}));
  PostAll("t", {"a", "b", "c", "d", "e"});
  RecordingSink gone, stays;
  auto leaver = Join("s", gone, 3);
  ASSERT_TRUE(Until([&] { return gone.deliveries.size() == 3; }));
  SettleOne(*leaver, Ack(DeliveryId(1)));
  const auto member = Join("s", stays);
  ASSERT_TRUE(Until([&] { return stays.deliveries.size() == 2; }));
  leaver.reset();
  ASSERT_TRUE(Until([&] { return stays.deliveries.size() == 4; }));
  EXPECT_EQ(stays.Payloads(), (Strings{"d", "e", "a", "c"}));
  EXPECT_EQ(stays.deliveries[2].attempt, 1u);
}

TEST_F(DeliveryTest, WhatIsReturnedComesAgainAtOnceUncounted) {
  Create("s", Settings({"t"}));
  PostAll("t", {"a", "b"});
  RecordingSink sink;
  const auto member = Join("s", sink, 2);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 2; }));
  SettleOne(*member, {.kind = SettleKind::kReturn, .id = sink.deliveries[0].id});
  member->AddCredit(1);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 3; }));
  EXPECT_EQ(sink.Payloads(), (Strings{"a", "b", "a"}));
  EXPECT_EQ(sink.deliveries[2].attempt, 1u);
  EXPECT_EQ(Info("s").in_flight, 2u);
}

// What is read again must not be handed over after what is at hand: an ack up to the latter would
// settle the former unseen.
TEST_F(DeliveryTest, RepeatsComeInOrderBeforeNewOnes) {
  Create("s", Settings({"t"}));
  PostAll("t", {"a", "b", "c"});
  RecordingSink gone, sink;
  auto leaver = Join("s", gone, 2);
  ASSERT_TRUE(Until([&] { return gone.deliveries.size() == 2; }));
  leaver.reset();
  const auto member = Join("s", sink);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 3; }));
  EXPECT_EQ(sink.Payloads(), (Strings{"a", "b", "c"}));
  SettleOne(*member, {.kind = SettleKind::kAckUpTo, .id = DeliveryId(1)});
  EXPECT_EQ(Info("s").floor, 2u);
}

TEST_F(DeliveryTest, ANewerMemberOfTheSameClientReplacesTheOlder) {
  Create("s", Settings({"t"}));
  PostAll("t", {"a"});
  RecordingSink old, young;
  const auto older = Join("s", old, 10, {.client_id = "c"});
  ASSERT_TRUE(Until([&] { return old.deliveries.size() == 1; }));
  const auto newer = Join("s", young, 10, {.client_id = "c"});
  ASSERT_TRUE(Until([&] { return old.closed && young.deliveries.size() == 1; }));
  EXPECT_EQ(old.closed->code, ErrorCode::kAborted);
  EXPECT_EQ(old.closed->reason, "REPLACED");
  EXPECT_EQ(Info("s").members.size(), 1u);
  SettleOne(*older, Ack(DeliveryId(0)));  // it has no say any more
  EXPECT_EQ(Info("s").in_flight, 1u);
}

TEST_F(DeliveryTest, WrongAcksAreToldAndHarmless) {
  Create("s", Settings({"t"}));
  PostAll("t", {"a", "b"});
  RecordingSink sink, other;
  const auto member = Join("s", sink, 2), stranger = Join("s", other, 0);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 2; }));
  SettleOne(*stranger, Ack(DeliveryId(0)));
  std::vector<Settlement> wrong;
  wrong.push_back(Ack(DeliveryId(0)));
  wrong.push_back(Ack(DeliveryId(0)));    // twice
  wrong.push_back(Ack(DeliveryId(999)));  // never sent
  wrong.push_back(Nack(DeliveryId(1), "", -seconds(1)));
  member->Settle(std::move(wrong));
  ASSERT_TRUE(Until([&] { return sink.failures.size() == 3 && other.failures.size() == 1; }));
  EXPECT_EQ(other.failures[0].error.reason, "UNKNOWN_DELIVERY");
  EXPECT_EQ(sink.failures[0].index, 1u);
  EXPECT_EQ(sink.failures[0].error.code, ErrorCode::kNotFound);
  EXPECT_EQ(sink.failures[1].index, 2u);
  EXPECT_EQ(sink.failures[2].error.code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(Info("s").in_flight, 1u);
}

TEST_F(DeliveryTest, AMemberThatNeverReadsHoldsUpNobody) {
  Create("s", Settings({"t"}));
  RecordingSink asleep, awake;
  const auto a = Join("s", asleep, 0), b = Join("s", awake, 1000);
  PostAll("t", {"a", "b", "c"});
  ASSERT_TRUE(Until([&] { return awake.deliveries.size() == 3; }));
  EXPECT_TRUE(asleep.deliveries.empty());
}

TEST_F(DeliveryTest, WhatIsNeverAckedIsRetriedUntilItDies) {
  Create("s", Settings({"t"}));
  PostAll("t", {"a"});
  RecordingSink sink;
  const auto member = Join("s", sink);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 1; }));
  Advance(seconds(30));  // the deadline
  Advance(seconds(59));
  EXPECT_EQ(sink.deliveries.size(), 1u);
  Advance(seconds(1));
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 2; }));
  Advance(seconds(30));
  Advance(seconds(300));
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 3; }));
  Advance(seconds(30));
  ASSERT_TRUE(Until([&] { return Info("s").dead_letters == 1; }));
  EXPECT_EQ(Info("s").floor, 1u);
}

TEST_F(DeliveryTest, ExtendingKeepsAnEvent) {
  Create("s", Settings({"t"}));
  PostAll("t", {"a"});
  RecordingSink sink;
  const auto member = Join("s", sink);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 1; }));
  SettleOne(*member, {.kind = SettleKind::kExtend, .id = DeliveryId(0), .delay = seconds(600)});
  Advance(seconds(599));
  EXPECT_EQ(Info("s").in_flight, 1u);
  Advance(seconds(1));
  EXPECT_EQ(Info("s").in_flight, 0u);
}

TEST_F(DeliveryTest, MaxInFlightHoldsOverAllMembers) {
  auto settings = Settings({"t"});
  settings.max_in_flight = 2;
  Create("s", settings);
  PostAll("t", {"a", "b", "c"});
  RecordingSink one, two;
  const auto a = Join("s", one), b = Join("s", two);
  ASSERT_TRUE(Until([&] { return one.deliveries.size() + two.deliveries.size() == 2; }));
  Settle();
  EXPECT_EQ(one.deliveries.size() + two.deliveries.size(), 2u);
  SettleOne(one.deliveries.empty() ? *b : *a,
            Ack(one.deliveries.empty() ? two.deliveries[0].id : one.deliveries[0].id));
  ASSERT_TRUE(Until([&] { return one.deliveries.size() + two.deliveries.size() == 3; }));
}

TEST_F(DeliveryTest, AFilterSettlesWhatItLeavesOut) {
  auto settings = Settings({"t"});
  settings.filter.types = {"order.*"};
  Create("s", settings);
  Post("t", {.type = "noise", .payload = "n"});
  Post("t", {.type = "order.paid", .payload = "o"});
  Post("t", {.type = "noise", .payload = "n"});
  RecordingSink sink;
  const auto member = Join("s", sink);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 1; }));
  EXPECT_EQ(sink.Payloads(), (Strings{"o"}));
  SettleOne(*member, Ack(sink.deliveries[0].id));
  EXPECT_EQ(Info("s").floor, 3u);
}

TEST_F(DeliveryTest, APatternFollowsTheFeed) {
  Create("s", Settings({"user/*"}));
  PostAll("user/1", {"a", "b"});
  PostAll("elsewhere", {"x", "y"});
  PostAll("user/2", {"c"});
  RecordingSink sink;
  auto member = Join("s", sink);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 3; }));
  EXPECT_EQ(sink.Payloads(), (Strings{"a", "b", "c"}));
  EXPECT_EQ(*sink.deliveries[2].topic, "user/2");
  EXPECT_EQ(sink.deliveries[2].offset, Offset(0));
  SettleOne(*member, Ack(sink.deliveries[0].id));
  SettleOne(*member, Ack(sink.deliveries[2].id));
  member.reset();
  Restart();
  RecordingSink after;
  member = Join("s", after);
  PostAll("user/3", {"d"});
  ASSERT_TRUE(Until([&] { return after.deliveries.size() == 2; }));
  EXPECT_EQ(after.Payloads(), (Strings{"b", "d"}));
}

TEST_F(DeliveryTest, TenThousandMembersComeAndGo) {
  Create("s", Settings({"t"}));
  PostAll("t", {"a"});
  for (int i = 0; i < 10'000; ++i) {
    RecordingSink sink;
    const auto member = Join("s", sink, 1);
    if (i % 100 == 0) executor.RunUntilIdle();
  }
  EXPECT_TRUE(Info("s").members.empty());
  RecordingSink sink;
  const auto member = Join("s", sink);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 1; }));
  EXPECT_EQ(sink.deliveries[0].attempt, 1u);
}

TEST_F(DeliveryTest, DefinitionsLastAndConflictsAreNamed) {
  auto settings = Settings({"t"});
  settings.filter.headers["h"] = "v";
  settings.ordering = Ordering::kKey;
  Create("s", settings);
  Create("s", settings);  // the same: fine
  auto other = settings;
  other.max_in_flight = 5;
  EXPECT_EQ(engine->Create("s", other).error().code, ErrorCode::kAlreadyExists);
  ASSERT_TRUE(engine->Update("s", other));
  EXPECT_EQ(engine->Update("s", Settings({"u"})).error().code, ErrorCode::kFailedPrecondition);
  Restart();
  EXPECT_EQ(Info("s").settings, other);
  RecordingSink sink;
  const auto member = Join("s", sink);
  ASSERT_TRUE(engine->Delete("s"));
  ASSERT_TRUE(Until([&] { return sink.closed.has_value(); }));
  EXPECT_EQ(sink.closed->code, ErrorCode::kNotFound);
  Restart();
  EXPECT_EQ(engine->Get("s").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(engine->Create("a//b", settings).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(DeliveryTest, TheMetricsOfASubscriptionGoWithIt) {
  const auto shown = [&](const std::string& name) {
    return metrics.Render().find("{subscription=\"" + name + "\"}") != std::string::npos;
  };
  Create("gone", Settings({"t"}));
  Create("kept", Settings({"t"}));
  PostAll("t", {"a"});
  RecordingSink sink;
  auto member = Join("gone", sink);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 1; }));
  EXPECT_TRUE(shown("gone"));
  ASSERT_TRUE(engine->Delete("gone"));
  member.reset();
  EXPECT_TRUE(Until([&] { return !shown("gone"); }));
  EXPECT_TRUE(shown("kept"));
  Create("gone", Settings({"t"}));
  EXPECT_TRUE(shown("gone"));
}

TEST_F(DeliveryTest, AChangedAckDeadlineHoldsForMembersThatAreThere) {
  auto settings = Settings({"t"});
  settings.ack_deadline = seconds(30);
  Create("s", settings);
  RecordingSink sink;
  const auto member = Join("s", sink);
  PostAll("t", {"a"});
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 1; }));
  EXPECT_EQ(sink.deliveries[0].deadline, house.clock.Monotonic() + seconds(30));
  settings.ack_deadline = seconds(5);
  ASSERT_TRUE(engine->Update("s", settings));
  PostAll("t", {"b"});
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 2; }));
  EXPECT_EQ(sink.deliveries[1].deadline, house.clock.Monotonic() + seconds(5));
}

}  // namespace
}  // namespace postroad::delivery
