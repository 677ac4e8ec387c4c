// The relay and its target: dead, away, slow, or told to stop while a page is on its way.
#include <set>

#include "postgres_outbox.h"

namespace postroad::outbox {
namespace {

// Stored, but not marked: the next relay sends it again, and the log knows it.
TEST_F(PostgresOutbox, KilledBetweenAppendAndMarkIsADuplicateNotASecondEvent) {
  house.control->Set(&Gate::Control::closed, true);
  Start();
  sql->Run(Numbers(1, 10));
  ASSERT_TRUE(Eventually([&] { return house.control->Count(&Gate::Control::kept_back) > 0; }));
  ASSERT_TRUE(Arrives("t", 1));
  const size_t stored = house.Stored("t").size();
  house.KillRelays();
  EXPECT_EQ(sql->One("SELECT seen FROM postroad_outbox_relay"), "1:1:");
  house.control->Set(&Gate::Control::closed, false);
  Start();
  ASSERT_TRUE(CaughtUp());
  EXPECT_EQ(house.Stored("t").size(), 10u);
  EXPECT_TRUE(Eventually([&] {
    return house.Metric("postroad_outbox_events_total{outcome=\"duplicate\",source=\"shop\"}") >=
           static_cast<double>(stored);
  }));
}

// Or every end under load would send what is on its way again: twice, to Kafka.
TEST_F(PostgresOutbox, StoppedWithAPageOnItsWayItSettlesThatAndSendsNoOther) {
  options.batch_rows = 10;
  house.control->Set(&Gate::Control::closed, true);
  sql->Run(Numbers(1, 30));
  Relay& relay = Start();
  ASSERT_TRUE(Eventually([&] { return house.control->Count(&Gate::Control::kept_back) == 1; }));
  relay.StartDrain();
  house.control->Set(&Gate::Control::closed, false);
  relay.Stop();
  EXPECT_EQ(house.Stored("t").size(), 10u);
  Start();
  ASSERT_TRUE(Arrives("t", 30));
  ASSERT_TRUE(CaughtUp());
  EXPECT_EQ(house.Metric("postroad_outbox_events_total{outcome=\"duplicate\",source=\"shop\"}"), 0);
}

TEST_F(PostgresOutbox, AStopDoesNotWaitForATargetThatDoesNotAnswer) {
  house.control->Set(&Gate::Control::closed, true);
  sql->Run(Numbers(1, 10));
  Relay& relay = Start();
  ASSERT_TRUE(Eventually([&] { return house.control->Count(&Gate::Control::kept_back) == 1; }));
  relay.StartDrain(std::chrono::milliseconds(100));
  relay.Stop();  // or the test does not end
  house.control->Set(&Gate::Control::closed, false);
  Start();
  ASSERT_TRUE(CaughtUp());
  EXPECT_EQ(house.Stored("t").size(), 10u);
}

// An error ends the session, but what the target has confirmed is settled all the same: the same
// page would be sent for ever.
TEST_F(PostgresOutbox, WhereCleaningFailsEventsGoOnAndNoneIsSentTwice) {
  options.retention = Duration{};
  options.batch_rows = 10;
  sql->Run(
      "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$; "
      "CREATE TRIGGER no BEFORE DELETE ON postroad_outbox FOR EACH ROW EXECUTE FUNCTION no()");
  Relay& relay = Start();
  sql->Run(Numbers(1, 10));
  ASSERT_TRUE(Eventually([&] { return !relay.state().error.empty(); }));
  sql->Run(Numbers(11, 50));
  ASSERT_TRUE(CaughtUp());
  EXPECT_EQ(house.Stored("t").size(), 50u);
  EXPECT_GT(house.Metric("postroad_outbox_cleanup_errors_total{source=\"shop\"}"), 0);
  EXPECT_EQ(house.Metric("postroad_outbox_events_total{outcome=\"duplicate\",source=\"shop\"}"), 0);
}

TEST_F(PostgresOutbox, TheTargetBeingAwayLosesNothingAndShows) {
  house.control->Set(&Gate::Control::failing, true);
  Relay& relay = Start();
  sql->Run(Numbers(1, 10));
  ASSERT_TRUE(Eventually([&] { return relay.state().error == "no road"; }));
  ASSERT_TRUE(Eventually([&] { return house.control->Count(&Gate::Control::batches) > 2; }));
  EXPECT_GT(house.Metric("postroad_outbox_send_errors_total{source=\"shop\"}"), 0);
  house.control->Set(&Gate::Control::failing, false);
  ASSERT_TRUE(Arrives("t", 10));
  ASSERT_TRUE(CaughtUp());
  EXPECT_TRUE(Eventually([&] { return relay.state().error.empty(); }));
}

// Or nobody would be alarmed in the outage that alarms are for.
TEST_F(PostgresOutbox, LagAndCleaningGoOnWhileTheTargetIsAway) {
  options.retention = Duration{};
  Start();
  sql->Run(Numbers(1, 1));
  ASSERT_TRUE(Arrives("t", 1));
  house.control->Set(&Gate::Control::failing, true);
  sql->Run(Numbers(2, 11));
  EXPECT_TRUE(
      Eventually([&] { return house.Metric("postroad_outbox_lag_rows{source=\"shop\"}") == 10; }));
  house.control->Set(&Gate::Control::failing, false);
  EXPECT_TRUE(Arrives("t", 11));
}

// The session ends while the target fails: the page is not kept from another relay.
TEST_F(PostgresOutbox, ALostSessionEndsTheRetriesOfItsPage) {
  house.control->Set(&Gate::Control::failing, true);
  Relay& relay = Start();
  sql->Run(Numbers(1, 10));
  ASSERT_TRUE(Eventually([&] { return relay.state().error == "no road"; }));
  sql->Run(
      "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted");
  EXPECT_TRUE(Eventually(
      [&] { return house.Metric("postroad_outbox_source_errors_total{source=\"shop\"}") > 0; }));
  house.control->Set(&Gate::Control::failing, false);
  ASSERT_TRUE(CaughtUp());
  EXPECT_EQ(house.Stored("t").size(), 10u);
}

// Or the database would take it for gone, and its lead for free.
TEST_F(PostgresOutbox, ARelayWhoseTargetTakesItsTimeIsHeardOf) {
  Start();
  house.control->Set(&Gate::Control::closed, true);
  sql->Run(Numbers(1, 1));
  ASSERT_TRUE(Eventually([&] { return house.control->Count(&Gate::Control::kept_back) == 1; }));
  std::set<std::string> asked;
  EXPECT_TRUE(Eventually([&] {
    asked.insert(
        sql->One("SELECT query_start FROM pg_stat_activity WHERE datname = "
                 "current_database() AND application_name = 'postroad relay shop'"));
    return asked.size() > 3;
  }));
  house.control->Set(&Gate::Control::closed, false);
}

}  // namespace
}  // namespace postroad::outbox
