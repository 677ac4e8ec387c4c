// examples/outbox/partitioned.sql: an outbox with a partition for each day, relayed and dropped.
#include <gtest/gtest.h>

#include "outbox/postgres/postgres_source.h"
#include "outbox_house.h"
#include "support/postgres.h"

namespace postroad::outbox {
namespace {

using testing::PgSession;
using testing::PostgresServer;

constexpr const char* kOldDay = "2020-01-01 12:00:00Z";
constexpr const char* kOldPartition = "postroad_outbox_20200101";

class Partitions : public ::testing::Test {
 protected:
  Partitions() {
    // What the relay deletes by itself is not at stake here.
    options = *Complete(
        {.name = "shop", .url = url, .retention = std::chrono::days(30'000), .batch_rows = 40});
    sql.Run(testing::ReadFile(POSTROAD_SOURCE_DIR "/examples/outbox/partitioned.sql"));
    const Status installed = InstallPostgres(options);
    EXPECT_TRUE(installed) << installed.error().message;
    sql.Run(std::string("CREATE TABLE ") + kOldPartition +
            " PARTITION OF postroad_outbox FOR VALUES FROM ('2020-01-01Z') TO ('2020-01-02Z')");
  }

  // A hundred events in the partition of `time`.
  static std::string Write(PgSession& session, int from, const std::string& time) {
    return session.Try(
        "INSERT INTO postroad_outbox (topic, key, payload, time) SELECT 't', 'k', "
        "convert_to(i::text, 'UTF8'), '" +
        time + "' FROM generate_series(" + std::to_string(from) + ", " + std::to_string(from + 99) +
        ") i");
  }
  Relay& Start() { return house.StartRelay(options, NewPostgresSource); }
  bool Arrives(size_t count) {
    return Eventually([&] { return house.Stored("t").size() >= count; });
  }
  bool Settled() {
    return Eventually([&] {
      return sql.One(
                 "SELECT count(*) FROM postroad_outbox o, postroad_outbox_relay r WHERE NOT "
                 "pg_visible_in_snapshot(o.txid, r.seen)") == "0";
    });
  }
  std::string Maintain() { return sql.Try("SELECT postroad_outbox_partitions()"); }
  bool OldIsThere() {
    return sql.One(std::string("SELECT to_regclass('") + kOldPartition + "') IS NOT NULL") == "t";
  }

  PostgresServer server;
  const std::string url = server.NewDatabase();
  PgSession sql{url};
  SourceOptions options;
  OutboxHouse house;
};

TEST_F(Partitions, AreReadInOrderAndDroppedOnceAllIsSent) {
  EXPECT_EQ(Maintain(), "");
  EXPECT_EQ(sql.One("SELECT count(*) FROM pg_inherits WHERE inhparent = "
                    "'postroad_outbox'::regclass"),
            "6");  // today, three days ahead, the rest, and the old one
  EXPECT_EQ(Write(sql, 0, kOldDay), "");
  EXPECT_EQ(Write(sql, 100, "now"), "");
  EXPECT_EQ(Write(sql, 200, "2021-05-05 12:00:00Z"), "");  // of no partition's day
  EXPECT_EQ(Maintain(), "");
  EXPECT_TRUE(OldIsThere()) << "no relay has been there yet";
  Start();
  ASSERT_TRUE(Arrives(300));
  std::vector<std::string> expected;
  for (int i = 0; i < 300; ++i) expected.push_back(std::to_string(i));
  EXPECT_EQ(house.Payloads("t"), expected);
  ASSERT_TRUE(Settled());
  EXPECT_EQ(Maintain(), "");
  EXPECT_FALSE(OldIsThere());
  EXPECT_EQ(sql.One("SELECT count(*) FROM postroad_outbox"), "200");
  EXPECT_EQ(Write(sql, 300, "now"), "");
  EXPECT_TRUE(Arrives(400)) << "the relay goes on";
}

TEST_F(Partitions, StayWhileATransactionOrARelayIsBehind) {
  Start();
  PgSession late(url);
  late.Run("BEGIN");
  EXPECT_EQ(Write(late, 0, kOldDay), "");
  EXPECT_EQ(Write(sql, 100, kOldDay), "");
  ASSERT_TRUE(Arrives(100));
  EXPECT_NE(Maintain(), "") << "who has not committed holds the lock";
  EXPECT_TRUE(OldIsThere());
  house.control->Set(&Gate::Control::failing, true);
  late.Run("COMMIT");
  EXPECT_EQ(Maintain(), "");
  EXPECT_TRUE(OldIsThere()) << "committed and not sent";
  house.control->Set(&Gate::Control::failing, false);
  ASSERT_TRUE(Arrives(200));
  ASSERT_TRUE(Settled());
  EXPECT_EQ(Maintain(), "");
  EXPECT_FALSE(OldIsThere());
}

TEST_F(Partitions, StayWhileARowIsSetAside) {
  Start();
  sql.Run(std::string("INSERT INTO postroad_outbox (topic, time) VALUES ('no topic!', '") +
          kOldDay + "')");
  ASSERT_TRUE(
      Eventually([&] { return sql.One("SELECT count(*) FROM postroad_outbox_poison") == "1"; }));
  ASSERT_TRUE(Settled());
  EXPECT_EQ(Maintain(), "");
  EXPECT_TRUE(OldIsThere());
  sql.Run("DELETE FROM postroad_outbox_poison");
  EXPECT_EQ(Maintain(), "");
  EXPECT_FALSE(OldIsThere());
}

}  // namespace
}  // namespace postroad::outbox
