// A PostgreSQL with a standby: the primary dies under load, the standby is promoted.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>

#include "outbox/postgres/postgres_source.h"
#include "outbox_house.h"
#include "support/postgres.h"

namespace postroad::outbox {
namespace {

using testing::PgSession;
using testing::PostgresServer;

class Failover : public ::testing::Test {
 protected:
  Failover() {
    const std::string name = primary.DatabaseOf(primary.NewDatabase());
    url_of_primary = primary.UrlOf(name);
    const Status installed = InstallPostgres(*Complete({.name = "shop", .url = url_of_primary}));
    EXPECT_TRUE(installed) << installed.error().ToString();
    standby = std::make_unique<PostgresServer>(primary);
    url_of_standby = standby->UrlOf(name);
    // The standby first: it is passed over as long as it is one.
    options = *Complete({.name = "shop", .url = primary.UrlOf(name, {standby.get(), &primary})});
  }
  ~Failover() override { house.relays.clear(); }

  static std::string Post(const std::string& payload) {
    return "SELECT postroad_post('t', '" + payload + "')";
  }
  bool Arrives(size_t count) {
    return Eventually([&] { return house.Stored("t").size() >= count; });
  }
  // The relay's log has each committed row of the database once, and nothing else.
  void ExpectAllOf(PgSession& sql) {
    std::set<std::string> written;
    for (const auto& row : sql.Run("SELECT event_id FROM postroad_outbox")) written.insert(row[0]);
    EXPECT_TRUE(Arrives(written.size()));
    std::set<std::string> stored;
    for (const Event& event : house.Stored("t")) {
      EXPECT_TRUE(stored.insert(event.id).second) << event.id << " twice";
    }
    EXPECT_EQ(stored, written);
  }

  PostgresServer primary;
  std::unique_ptr<PostgresServer> standby;
  std::string url_of_primary, url_of_standby;
  SourceOptions options;
  OutboxHouse house;
};

TEST_F(Failover, OfAPrimaryThatDiesUnderLoadLosesNothing) {
  PgSession(url_of_primary).Run("ALTER SYSTEM SET synchronous_standby_names = '*'");
  PgSession(url_of_primary).Run("SELECT pg_reload_conf()");
  ASSERT_TRUE(Eventually([&] {
    return PgSession(url_of_primary).One("SELECT sync_state FROM pg_stat_replication") == "sync";
  }));
  Relay& relay = house.StartRelay(options, NewPostgresSource);
  std::atomic<int> acknowledged = 0;
  std::thread writer([&] {
    PgSession sql(url_of_primary);
    while (sql.Try(Post(std::to_string(acknowledged))).empty()) ++acknowledged;
  });
  EXPECT_TRUE(Eventually([&] { return acknowledged > 200; }));
  EXPECT_TRUE(Arrives(100));
  primary.Kill();
  writer.join();
  EXPECT_TRUE(Eventually([&] { return relay.state().phase == RelayState::Phase::kConnecting; }));
  standby->Promote();
  PgSession sql(url_of_standby);
  for (int i = 0; i < 100; ++i) sql.Run(Post("later"));
  EXPECT_GE(std::stoi(sql.One("SELECT count(*) FROM postroad_outbox")), acknowledged + 100);
  ExpectAllOf(sql);
}

// What the standby did not get is lost to the database, though consumers may have it. The ids of
// its transactions are given out again; what they write then is not taken for sent.
TEST_F(Failover, ToAnAsynchronousStandbyThatLagsSendsWhatIsWrittenThere) {
  house.StartRelay(options, NewPostgresSource);
  PgSession(url_of_primary).Run(Post("both"));
  ASSERT_TRUE(Arrives(1));
  ASSERT_TRUE(Eventually([&] {
    return PgSession(url_of_standby).One("SELECT count(*) FROM postroad_outbox") == "1";
  }));
  standby->Kill();
  for (int i = 0; i < 20; ++i) PgSession(url_of_primary).Run(Post("lost"));
  ASSERT_TRUE(Arrives(21));
  primary.Kill();
  standby->Start();
  standby->Promote();
  PgSession sql(url_of_standby);
  for (int i = 0; i < 20; ++i) sql.Run(Post("new"));
  EXPECT_EQ(sql.One("SELECT count(*) FROM postroad_outbox"), "21");
  ASSERT_TRUE(Arrives(41));
  const auto payloads = house.Payloads("t");
  EXPECT_EQ(std::ranges::count(payloads, "both"), 1);
  EXPECT_EQ(std::ranges::count(payloads, "lost"), 20);
  EXPECT_EQ(std::ranges::count(payloads, "new"), 20);
}

}  // namespace
}  // namespace postroad::outbox
