// What wakes the relay: notifications while it sleeps, itself while rows come fast. Here it looks
// by itself once a minute only, so what arrives in time was told of.
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "outbox/postgres/ddl.h"
#include "postgres_outbox.h"

namespace postroad::outbox {
namespace {

using std::chrono::milliseconds;

class Wake : public PostgresOutbox {
 protected:
  Wake() {
    options.poll_interval = std::chrono::minutes(1);
    options.busy_poll_interval = std::chrono::minutes(1);
  }

  // Sessions that hold the table's lock, exclusively or shared.
  int Holders(const std::string& mode) {
    return std::stoi(sql->One(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM "
        "pg_database WHERE datname = current_database()) AND granted AND mode = '" +
        mode + "' AND (classid::bigint << 32) + objid::bigint = " +
        std::to_string(postgres::WakeKey(options.table))));
  }
  bool IsAwake() { return Holders("ExclusiveLock") == 1; }
  bool Sleeps() {
    return Eventually([&] { return !IsAwake() && Holders("ShareLock") == 1; });
  }
  // And asks the database for nothing more: nothing has been asked for a while.
  bool IsQuiet() {
    return Eventually([&] {
      return sql->One(
                 "SELECT bool_and(state = 'idle' AND state_change < now() - interval '300 ms') "
                 "FROM "
                 "pg_stat_activity WHERE datname = current_database() AND application_name LIKE "
                 "'postroad relay %'") == "t";
    });
  }

  static inline const char* kPost = "SELECT postroad_post('t', 'x')";
};

// Posts one after another until told to stop.
class Writer {
 public:
  explicit Writer(const std::string& url, std::string statement = "SELECT postroad_post('t', 'x')")
      : thread_([this, url, statement = std::move(statement)] {
          PgSession session(url);
          for (; !stop_; ++posted_) session.Run(statement);
        }) {}
  ~Writer() { Stop(); }
  size_t Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return posted_;
  }

 private:
  std::atomic<bool> stop_ = false;
  std::atomic<size_t> posted_ = 0;
  std::thread thread_;
};

TEST_F(Wake, AQuietRelayIsNotified) {
  ASSERT_TRUE(Leads(Start()));
  ASSERT_TRUE(Sleeps());
  for (size_t i = 1; i <= 5; ++i) {
    ASSERT_TRUE(IsQuiet());
    sql->Run(kPost);
    ASSERT_TRUE(Arrives("t", i)) << i;
  }
}

TEST_F(Wake, ABusyRelayIsAwakeUntilNoMoreComes) {
  ASSERT_TRUE(Leads(Start()));
  ASSERT_TRUE(Sleeps());
  Writer writer(url);
  EXPECT_TRUE(Eventually([&] { return IsAwake(); }));
  EXPECT_TRUE(Arrives("t", 500));
  const size_t posted = writer.Stop();
  EXPECT_TRUE(Arrives("t", posted));
  EXPECT_TRUE(Sleeps());
  EXPECT_TRUE(IsQuiet());
  sql->Run(kPost);
  EXPECT_TRUE(Arrives("t", posted + 1));
}

// It did not notify, for the relay was awake; and commits when nobody is.
class SkippedNotify : public Wake, public ::testing::WithParamInterface<bool> {};

TEST_P(SkippedNotify, OfATransactionThatCommitsLongAfterwards) {
  const bool prepared = GetParam();
  ASSERT_TRUE(Leads(Start()));
  PgSession slow(url);
  {
    Writer writer(url);
    ASSERT_TRUE(Eventually([&] { return IsAwake(); }));
    slow.Run("BEGIN; SELECT postroad_post('slow', 'x')");
    ASSERT_TRUE(IsAwake()) << "or it may have notified";
    // PostgreSQL refuses it after a NOTIFY.
    if (prepared) slow.Run("PREPARE TRANSACTION 'slow'");
  }
  ASSERT_TRUE(Sleeps());
  Writer other(url, "SELECT pg_current_xact_id(), pg_sleep(0.001)");  // ids go on
  std::this_thread::sleep_for(milliseconds(200));
  EXPECT_TRUE(house.Stored("slow").empty());
  slow.Run(prepared ? "COMMIT PREPARED 'slow'" : "COMMIT");
  EXPECT_TRUE(Arrives("slow", 1));
  other.Stop();
  EXPECT_TRUE(IsQuiet());
}

INSTANTIATE_TEST_SUITE_P(Transaction, SkippedNotify, ::testing::Bool(),
                         [](const auto& param) { return param.param ? "Prepared" : "Open"; });

// Of those under way at once only one notifies; one that stays open must not be it for all.
TEST_F(Wake, AnOpenTransactionTakesNobodysNotification) {
  ASSERT_TRUE(Leads(Start()));
  ASSERT_TRUE(Sleeps());
  PgSession open(url);
  open.Run("BEGIN; SELECT postroad_post('open', 'x')");
  ASSERT_TRUE(IsQuiet());
  sql->Run(kPost);
  EXPECT_TRUE(Arrives("t", 1));
  open.Run("ROLLBACK");
}

// Two sources read one table: neither makes the writers silent while the other sleeps.
TEST_F(Wake, ReadersOfOneTableAreAllToldOf) {
  const auto has_sent = [&](Relay& relay, size_t count) {
    return Eventually([&] { return relay.state().sent >= count; });
  };
  Relay& first = Start();
  options.name = "second";
  Relay& second = Start();
  ASSERT_TRUE(Leads(first) && Leads(second));
  ASSERT_TRUE(Eventually([&] { return Holders("ShareLock") == 2; }));
  size_t posted = 0;
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(IsQuiet());
    sql->Run(kPost);
    ++posted;
    ASSERT_TRUE(has_sent(first, posted) && has_sent(second, posted)) << round;
    Writer writer(url);
    ASSERT_TRUE(Eventually([&] { return IsAwake(); })) << "both are, and one holds the lock";
    EXPECT_EQ(Holders("ShareLock"), 0);
    posted += writer.Stop();
    ASSERT_TRUE(has_sent(first, posted) && has_sent(second, posted)) << round;
    ASSERT_TRUE(Eventually([&] { return Holders("ShareLock") == 2; }));
  }
}

// One of two that is kept from looking, by its target, does not keep the other from being told.
TEST_F(Wake, AReaderWhoseTargetHangsLetsWritersNotify) {
  ASSERT_TRUE(Leads(Start()));
  Writer writer(url);
  ASSERT_TRUE(Eventually([&] { return IsAwake(); }));
  house.control->Set(&Gate::Control::closed, true);
  ASSERT_TRUE(Eventually([&] { return house.control->Count(&Gate::Control::kept_back) == 1; }));
  EXPECT_TRUE(Sleeps());
  const size_t posted = writer.Stop();
  house.control->Set(&Gate::Control::closed, false);
  EXPECT_TRUE(Arrives("t", posted));
}

TEST_F(Wake, ARelayKilledWhileAwakeSilencesNobody) {
  ASSERT_TRUE(Leads(Start()));
  Start();  // waits
  Writer writer(url);
  ASSERT_TRUE(Eventually([&] { return IsAwake(); }));
  sql->Run(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
      "current_database() AND application_name = 'postroad relay shop'");
  const size_t more = house.Stored("t").size() + 500;
  EXPECT_TRUE(Arrives("t", more));
  const size_t posted = writer.Stop();
  EXPECT_TRUE(Arrives("t", posted));
  ASSERT_TRUE(Sleeps());
  ASSERT_TRUE(IsQuiet());
  sql->Run(kPost);
  EXPECT_TRUE(Arrives("t", posted + 1));
}

// Bursts with pauses as long as it takes to fall asleep: no row waits for the next burst. Here no
// transaction leaves it to another to notify: one that does, and commits after the relay has
// looked, is found when the relay looks by itself.
TEST_F(Wake, NoRowOfManyBurstsIsLeftBehind) {
  sql->Run(
      "DO $do$ BEGIN EXECUTE regexp_replace(pg_get_functiondef('postroad_outbox_notify'::regproc), "
      "'AND pg_try_advisory_xact_lock.*THEN', 'THEN'); END $do$");
  const std::string source =
      sql->One("SELECT prosrc FROM pg_proc WHERE oid = 'postroad_outbox_notify'::regproc");
  ASSERT_EQ(source.find("xact_lock"), source.npos);
  ASSERT_NE(source.find("pg_try_advisory_lock_shared"), source.npos);
  ASSERT_TRUE(Leads(Start()));
  std::vector<std::unique_ptr<PgSession>> sessions;
  for (int i = 0; i < 4; ++i) sessions.push_back(std::make_unique<PgSession>(url));
  size_t posted = 0;
  for (int burst = 0; burst < testing::Scaled(40); ++burst) {
    std::vector<std::thread> threads;
    for (auto& session : sessions) {
      threads.emplace_back([&session, burst] {
        for (int i = 0; i < 10; ++i) {
          session->Run(i == burst % 10 ? "BEGIN; SELECT postroad_post('t', 'x'); SELECT pg_sleep("
                                         "0.02); COMMIT"
                                       : kPost);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    posted += 10 * sessions.size();
    ASSERT_TRUE(Arrives("t", posted)) << burst;
    std::this_thread::sleep_for(milliseconds(burst * 3 % 100));
  }
  EXPECT_TRUE(CaughtUp());
  EXPECT_EQ(house.Stored("t").size(), posted);
}

TEST_F(Wake, OfATableWithQuotesInItsName) {
  options = *Complete({.name = "odd", .url = url, .table = "public.odd\"t`a'ble"});
  options.poll_interval = options.busy_poll_interval = std::chrono::minutes(1);
  for (int time = 1; time <= 2; ++time) {
    const Status installed = InstallPostgres(options);
    ASSERT_TRUE(installed) << time << installed.error().ToString();
  }
  ASSERT_TRUE(Leads(Start()));
  ASSERT_TRUE(Sleeps());
  ASSERT_TRUE(IsQuiet());
  sql->Run("SELECT \"odd\"\"t`a'ble_post\"('t', 'x')");
  EXPECT_TRUE(Arrives("t", 1));
}

// Tables whose rows are marked have the same trigger.
TEST_F(Wake, OfAMarkedTable) {
  options.marked = true;
  ASSERT_TRUE(InstallPostgres(*Complete(options)));
  options = *Complete(options);
  ASSERT_TRUE(Leads(Start()));
  ASSERT_TRUE(Sleeps());
  PgSession slow(url);
  size_t posted = 0;
  {
    Writer writer(url);
    ASSERT_TRUE(Eventually([&] { return IsAwake(); }));
    slow.Run("BEGIN; SELECT postroad_post('slow', 'x')");
    ASSERT_TRUE(IsAwake()) << "or it may have notified";
    posted = writer.Stop();
  }
  EXPECT_TRUE(Arrives("t", posted));
  ASSERT_TRUE(Sleeps());
  slow.Run("COMMIT");
  EXPECT_TRUE(Arrives("slow", 1));
  ASSERT_TRUE(IsQuiet());
  sql->Run(kPost);
  EXPECT_TRUE(Arrives("t", posted + 1));
}

// Of an older version: it always notifies. `install` replaces it, and `check` says so.
TEST_F(Wake, WithTheTriggerOfAnOlderVersion) {
  sql->Run(
      "CREATE OR REPLACE FUNCTION postroad_outbox_notify() RETURNS trigger LANGUAGE plpgsql AS $$ "
      "BEGIN PERFORM pg_notify('postroad_outbox', ''); RETURN NULL; END $$");
  Waker waker;
  const auto tool = NewPostgresSource(options, waker);
  ASSERT_TRUE(tool->Connect());
  auto advice = tool->Advice();
  ASSERT_TRUE(advice && advice->size() == 1);
  EXPECT_NE((*advice)[0].find("older version"), std::string::npos) << (*advice)[0];
  ASSERT_TRUE(Leads(Start()));
  Writer writer(url);
  ASSERT_TRUE(Eventually([&] { return IsAwake(); }));
  ASSERT_TRUE(InstallPostgres(options));
  advice = tool->Advice();
  EXPECT_TRUE(advice && advice->empty());
  const size_t posted = writer.Stop();
  EXPECT_TRUE(Arrives("t", posted));
  ASSERT_TRUE(Sleeps());
  ASSERT_TRUE(IsQuiet());
  sql->Run(kPost);
  EXPECT_TRUE(Arrives("t", posted + 1));
  sql->Run("DROP TRIGGER postroad_notify ON postroad_outbox");
  advice = tool->Advice();
  ASSERT_TRUE(advice && advice->size() == 1);
  EXPECT_NE((*advice)[0].find("no trigger"), std::string::npos) << (*advice)[0];
}

}  // namespace
}  // namespace postroad::outbox
