// A client has one row locked, for a whole minute: longer than any wait of the relay's. A process
// of its own, so that the other tests run meanwhile.
#include <gtest/gtest.h>

#include "outbox/postgres/postgres_source.h"
#include "outbox_house.h"
#include "support/postgres.h"

namespace postroad::outbox {
namespace {

constexpr std::chrono::seconds kLocked{60};

// It is sent like all others, and once, and those behind it go on; marking and removing it waits.
TEST(AMinute, ARowIsLockedByAClient) {
  testing::PostgresServer server;
  const std::string url = server.NewDatabase();
  testing::PgSession sql(url), client(url);
  sql.Run(
      "CREATE TABLE recorded_events (id bigserial PRIMARY KEY, topic varchar(255) NOT NULL, "
      "delivered boolean NOT NULL DEFAULT false, uuid char(36) NOT NULL UNIQUE, "
      "stored_timestamp timestamp NOT NULL, send_timestamp timestamp, msg_type varchar(255), "
      "mime_type varchar(255), payload bytea)");
  const SourceOptions options = *Complete(
      {.name = "old", .url = url, .layout = Layout::kRecordedEvents, .retention = Duration{}});
  ASSERT_TRUE(InstallPostgres(options));
  size_t written = 0;
  const auto write = [&] {
    sql.Run(
        "INSERT INTO recorded_events (topic, uuid, stored_timestamp, payload) VALUES ('t', "
        "gen_random_uuid(), now(), '" +
        std::to_string(written++) + "')");
  };
  write();
  client.Run("BEGIN; SELECT * FROM recorded_events FOR UPDATE");
  OutboxHouse house;
  house.StartRelay(options, NewPostgresSource);
  const auto end = std::chrono::steady_clock::now() + kLocked;
  while (std::chrono::steady_clock::now() < end) {
    write();
    ASSERT_TRUE(Eventually([&] { return house.Stored("t").size() == written; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the rate of the load
  }
  const auto rows = [&] { return sql.One("SELECT count(*) FROM recorded_events"); };
  EXPECT_TRUE(Eventually([&] { return rows() == "1"; })) << rows();
  client.Run("COMMIT");
  EXPECT_TRUE(Eventually([&] { return rows() == "0"; })) << rows();
  const auto payloads = house.Payloads("t");
  ASSERT_EQ(payloads.size(), written);
  for (size_t i = 0; i < written; ++i) EXPECT_EQ(payloads[i], std::to_string(i));
  EXPECT_EQ(house.Metric("postroad_outbox_events_total{outcome=\"duplicate\",source=\"old\"}"), 0);
}

}  // namespace
}  // namespace postroad::outbox
