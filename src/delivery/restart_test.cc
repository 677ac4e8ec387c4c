// What a subscription keeps over stops, restarts and lost saves.
#include <atomic>
#include <thread>

#include "delivery/state_codec.h"
#include "delivery/testing.h"

namespace postroad::delivery {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using Strings = std::vector<std::string>;

TEST_F(DeliveryTest, ARestartKeepsWhatIsSettledAndDeliversTheRest) {
  Create("s", Settings({"t"}));
  PostAll("t", {"a", "b", "c", "d"});
  {
    RecordingSink sink;
    const auto member = Join("s", sink, 3);
    ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 3; }));
    SettleOne(*member, Ack(DeliveryId(0)));
    SettleOne(*member, Ack(DeliveryId(2)));
  }
  Restart();
  RecordingSink sink;
  const auto member = Join("s", sink);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 2; }));
  Settle();
  EXPECT_EQ(sink.Payloads(), (Strings{"b", "d"}));
  EXPECT_EQ(sink.deliveries[0].attempt, 1u);
  EXPECT_EQ(Info("s").floor, 1u);
}

TEST_F(DeliveryTest, RetriesSurviveARestartAndAClockThatJumps) {
  Create("s", Settings({"t"}));
  PostAll("t", {"a"});
  {
    RecordingSink sink;
    const auto member = Join("s", sink);
    ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 1; }));
    SettleOne(*member, Nack(DeliveryId(0), "busy"));
    EXPECT_EQ(Info("s").retrying, 1u);
    house.clock.JumpWall(hours(5));  // within a run the wall clock has no say
    Settle();
    EXPECT_EQ(sink.deliveries.size(), 1u);
  }
  CloseEngine();
  house.clock.JumpWall(-hours(48));  // over a restart it may not make the wait longer
  house.Reopen();
  OpenEngine();
  RecordingSink sink;
  const auto member = Join("s", sink);
  Advance(seconds(59));
  EXPECT_TRUE(sink.deliveries.empty());
  Advance(seconds(2));
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 1; }));
  EXPECT_EQ(sink.deliveries[0].attempt, 2u);
  SettleOne(*member, Terminate(DeliveryId(0), "no use"));
  ASSERT_TRUE(Until([&] { return Info("s").dead_letters == 1; }));
  const auto dead = engine->ListDeadLetters("s", 0, 10);
  ASSERT_TRUE(dead);
  ASSERT_EQ(dead->at(0).attempts.size(), 2u);
  EXPECT_EQ(dead->at(0).attempts[0].reason, "busy");
  EXPECT_EQ(dead->at(0).attempts[1].reason, "no use");
}

TEST_F(DeliveryTest, DrainingClosesMembersWithTheReason) {
  Create("s", Settings({"t"}));
  PostAll("t", {"a"});
  RecordingSink sink;
  const auto member = Join("s", sink);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 1; }));
  engine->Drain(Duration(0));
  ASSERT_TRUE(Until([&] { return sink.closed.has_value(); }));
  EXPECT_EQ(sink.closed->code, ErrorCode::kUnavailable);
  EXPECT_EQ(sink.closed->reason, "DRAINING");
  RecordingSink late;
  EXPECT_EQ(engine->Join("s", {}, executor, late).error().reason, "DRAINING");
}

TEST_F(DeliveryTest, DrainingWaitsForWhatIsInFlight) {
  Create("s", Settings({"t"}));
  PostAll("t", {"a", "b"});
  RecordingSink sink;
  const auto member = Join("s", sink, 1);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 1; }));
  std::atomic<bool> drained = false;
  std::thread drainer([&] {
    engine->Drain(hours(1));
    drained = true;
  });
  // Once it is draining nobody can join.
  ASSERT_TRUE(Until([&] {
    RecordingSink late;
    return !engine->Join("s", {}, executor, late);
  }));
  member->AddCredit(10);
  Settle();
  EXPECT_FALSE(drained);
  EXPECT_EQ(sink.deliveries.size(), 1u);  // nothing new
  SettleOne(*member, Ack(DeliveryId(0)));
  EXPECT_TRUE(Until([&] { return drained && sink.closed; }));
  drainer.join();
}

std::string SavedBytes(DeliveryTest& test, const std::string& name) {
  const auto bytes = test.house.store->Get(store::Table::kSubscriptions, StateKey(name));
  return bytes && *bytes ? **bytes : std::string();
}

TEST_F(DeliveryTest, WhatIsSettledIsSavedWithoutAStop) {
  Create("s", Settings({"t"}));
  PostAll("t", {"a", "b"});
  RecordingSink sink;
  const auto member = Join("s", sink);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 2; }));
  SettleOne(*member, Ack(DeliveryId(1)));
  EXPECT_TRUE(Until([&] {
    const auto saved = DecodeState(SavedBytes(*this, "s"));
    return saved && saved->end == 2 && saved->unsettled.size() == 1;
  }));
}

// As after a crash: the state in the store is older than what happened.
TEST_F(DeliveryTest, AnOlderStateRedeliversButBuriesNothingTwice) {
  Create("s", Settings({"t"}));
  PostAll("t", {"a", "b", "c"});
  const std::string old = SavedBytes(*this, "s");
  {
    RecordingSink sink;
    const auto member = Join("s", sink);
    ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 3; }));
    SettleOne(*member, Ack(DeliveryId(0)));
    SettleOne(*member, Terminate(DeliveryId(1), "bad"));
    ASSERT_TRUE(Until([&] { return Info("s").dead_letters == 1; }));
  }
  CloseEngine();
  const store::Mutation put{store::Mutation::Kind::kPut, store::Table::kSubscriptions,
                            StateKey("s"), old};
  ASSERT_TRUE(house.store->Write({&put, 1}, true));
  OpenEngine();
  RecordingSink sink;
  const auto member = Join("s", sink);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 2; }));
  Settle();
  EXPECT_EQ(sink.Payloads(), (Strings{"a", "c"}));
  EXPECT_EQ(Info("s").dead_letters, 1u);
}

}  // namespace
}  // namespace postroad::delivery
