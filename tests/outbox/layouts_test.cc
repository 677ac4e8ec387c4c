// Tables of other layouts, in PostgreSQL: outbox-event-bus's as it is, Debezium's, and any other.
#include <gtest/gtest.h>

#include <algorithm>

#include "outbox/postgres/postgres_source.h"
#include "outbox_house.h"
#include "support/postgres.h"

namespace postroad::outbox {
namespace {

using testing::PgSession;
using testing::PostgresServer;

class Layouts : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server = std::make_unique<PostgresServer>(); }
  static void TearDownTestSuite() { server.reset(); }

  Layouts() : url(server->NewDatabase()), sql(url) {}

  // As the library of seed 002 makes it.
  SourceOptions RecordedEvents() {
    sql.Run(
        "CREATE TABLE recorded_events (id bigserial PRIMARY KEY, topic varchar(255) NOT NULL, "
        "delivered boolean NOT NULL DEFAULT false, uuid char(36) NOT NULL UNIQUE, "
        "stored_timestamp timestamp NOT NULL, send_timestamp timestamp, msg_type varchar(255), "
        "mime_type varchar(255), payload bytea)");
    return Installed({.name = "old", .url = url, .layout = Layout::kRecordedEvents});
  }
  SourceOptions Installed(SourceOptions options) {
    options = *Complete(std::move(options));
    const Status installed = InstallPostgres(options);
    EXPECT_TRUE(installed) << installed.error().ToString();
    return options;
  }
  void Record(int i, const std::string& topic = "t") {
    sql.Run(
        "INSERT INTO recorded_events (topic, uuid, stored_timestamp, msg_type, mime_type, "
        "payload) VALUES ('" +
        topic +
        "', gen_random_uuid(), '2026-01-02 03:04:05.678', "
        "'counted', 'text/plain', convert_to('" +
        std::to_string(i) + "', 'UTF8'))");
  }
  bool Arrives(const std::string& topic, size_t count) {
    return Eventually([&] { return house.Stored(topic).size() >= count; });
  }
  bool BecomesOne(const std::string& query, const std::string& value) {
    return Eventually([&] { return sql.One(query) == value; });
  }
  Relay& Start(const SourceOptions& options) {
    return house.StartRelay(options, NewPostgresSource);
  }

  static std::unique_ptr<PostgresServer> server;
  const std::string url;
  PgSession sql;
  OutboxHouse house;
};
std::unique_ptr<PostgresServer> Layouts::server;

TEST_F(Layouts, RecordedEventsAsTheyAre) {
  const SourceOptions options = RecordedEvents();
  Start(options);
  for (int i = 0; i < 10; ++i) Record(i);
  ASSERT_TRUE(Arrives("t", 10));
  const Event event = house.Stored("t")[3];
  EXPECT_EQ(event.payload, "3");
  EXPECT_EQ(event.type, "counted");
  EXPECT_EQ(event.content_type, "text/plain");
  EXPECT_EQ(FormatTime(*event.time), "2026-01-02T03:04:05.678Z");
  EXPECT_EQ(event.id, sql.One("SELECT uuid FROM recorded_events WHERE id = 4"));
  EXPECT_TRUE(
      BecomesOne("SELECT count(*) FROM recorded_events WHERE delivered AND send_timestamp "
                 "IS NOT NULL",
                 "10"));
  // Retention goes by the time of sending.
  sql.Run("UPDATE recorded_events SET send_timestamp = now() - interval '8 days' WHERE id <= 4");
  house.relays.clear();
  Start(options);
  EXPECT_TRUE(BecomesOne("SELECT count(*) FROM recorded_events", "6"));
}

// A name that is too long is cut for the table of poison: not within a character.
TEST_F(Layouts, PoisonOfAnyTextIsSetAside) {
  const SourceOptions options = RecordedEvents();
  std::string name;
  for (int i = 0; i < 200; ++i) name += "é";
  Record(0, name);
  Record(0, "x" + name);
  Record(1);
  Start(options);
  ASSERT_TRUE(Arrives("t", 1));
  EXPECT_TRUE(BecomesOne("SELECT count(*) FROM recorded_events_poison", "2"));
}

TEST_F(Layouts, ALateCommitIsNotMissedAndPoisonHoldsNobodyUp) {
  SourceOptions options = RecordedEvents();
  options.batch_rows = 3;
  Start(options);
  PgSession slow(url);
  slow.Run(
      "BEGIN; INSERT INTO recorded_events (topic, uuid, stored_timestamp, payload) VALUES "
      "('slow', gen_random_uuid(), now(), 'x')");
  for (int i = 0; i < 20; ++i) Record(i);
  Record(0, "_poison");
  Record(20);
  ASSERT_TRUE(Arrives("t", 21));
  EXPECT_TRUE(house.Stored("slow").empty());
  slow.Run("COMMIT");
  ASSERT_TRUE(Arrives("slow", 1));
  EXPECT_TRUE(BecomesOne("SELECT count(*) FROM recorded_events WHERE NOT delivered", "1"));
  const auto payloads = house.Payloads("t");
  ASSERT_EQ(payloads.size(), 21u);
  for (size_t i = 0; i < payloads.size(); ++i) EXPECT_EQ(payloads[i], std::to_string(i));

  Waker waker;
  const auto tool = NewPostgresSource(options, waker);
  ASSERT_TRUE(tool->Connect());
  const auto rows = tool->ListPoison(10);
  ASSERT_TRUE(rows) << rows.error().ToString();
  ASSERT_EQ(rows->size(), 1u);
  EXPECT_EQ((*rows)[0].topic, "_poison");
  sql.Run("UPDATE recorded_events SET topic = 'mended' WHERE topic = '_poison'");
  EXPECT_EQ(tool->RetryPoison((*rows)[0].id), 1u);
  ASSERT_TRUE(Arrives("mended", 1));
  EXPECT_TRUE(BecomesOne("SELECT count(*) FROM recorded_events_poison", "0"));
  Record(0, "_again");
  EXPECT_TRUE(BecomesOne("SELECT count(*) FROM recorded_events_poison", "1"));
  EXPECT_EQ(tool->DropPoison(std::nullopt), 1u);
  EXPECT_TRUE(BecomesOne("SELECT count(*) FROM recorded_events WHERE NOT delivered", "0"));
}

// Somebody holds a row that is sent: those behind it go on, and it is marked once it is free.
TEST_F(Layouts, ALockedRowIsSentOnceAndMarkedLater) {
  const SourceOptions options = RecordedEvents();
  Record(0);
  PgSession client(url);
  client.Run("BEGIN; SELECT * FROM recorded_events FOR UPDATE");
  Start(options);
  ASSERT_TRUE(Arrives("t", 1));
  Record(1);
  ASSERT_TRUE(Arrives("t", 2));
  EXPECT_TRUE(BecomesOne("SELECT count(*) FROM recorded_events WHERE delivered", "1"));
  client.Run("COMMIT");
  EXPECT_TRUE(BecomesOne("SELECT count(*) FROM recorded_events WHERE delivered", "2"));
  EXPECT_EQ(house.Stored("t").size(), 2u);
  EXPECT_EQ(house.Metric("postroad_outbox_events_total{outcome=\"duplicate\",source=\"old\"}"), 0);
}

TEST_F(Layouts, KilledBetweenAppendAndMarkIsADuplicate) {
  const SourceOptions options = RecordedEvents();
  for (int i = 0; i < 10; ++i) Record(i);
  house.control->Set(&Gate::Control::closed, true);
  Start(options);
  ASSERT_TRUE(Arrives("t", 10));
  house.KillRelays();
  EXPECT_EQ(sql.One("SELECT count(*) FROM recorded_events WHERE delivered"), "0");
  house.control->Set(&Gate::Control::closed, false);
  Start(options);
  EXPECT_TRUE(BecomesOne("SELECT count(*) FROM recorded_events WHERE NOT delivered", "0"));
  EXPECT_EQ(house.Stored("t").size(), 10u);
}

TEST_F(Layouts, DebeziumsOutboxIsEmptied) {
  sql.Run(
      "CREATE TABLE outboxevent (id uuid PRIMARY KEY, aggregatetype varchar(255) NOT NULL, "
      "aggregateid varchar(255) NOT NULL, type varchar(255) NOT NULL, payload jsonb)");
  Start(Installed(
      {.name = "d", .url = url, .layout = Layout::kDebezium, .topic_prefix = "outbox.event."}));
  for (int i = 0; i < 20; ++i) {
    sql.Run(
        "INSERT INTO outboxevent VALUES (gen_random_uuid(), 'order', 'o-1', 'changed', "
        "'{\"n\": " +
        std::to_string(i) + "}')");
  }
  ASSERT_TRUE(Arrives("outbox.event.order", 20));
  const auto events = house.Stored("outbox.event.order");
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].payload, "{\"n\": " + std::to_string(i) + "}");
    EXPECT_EQ(events[i].key, "o-1");
    EXPECT_EQ(events[i].type, "changed");
  }
  EXPECT_TRUE(BecomesOne("SELECT count(*) FROM outboxevent", "0"));
}

// As ORMs make them: the column has no default, and what nobody has marked is NULL.
TEST_F(Layouts, RowsWithoutAMarkAreSentAndFoundByTheIndex) {
  sql.Run("CREATE TABLE msg (no bigserial PRIMARY KEY, channel text, body text, sent boolean)");
  const SourceOptions options = Installed(
      {.name = "m",
       .url = url,
       .layout = Layout::kColumns,
       .table = "msg",
       .columns = {.id = "no", .topic = "channel", .payload = "body", .delivered = "sent"}});
  sql.Run("INSERT INTO msg (channel, body, sent) VALUES ('c', '1', NULL), ('c', NULL, false)");
  house.control->Set(&Gate::Control::failing, true);
  Start(options);
  EXPECT_TRUE(
      Eventually([&] { return house.Metric("postroad_outbox_lag_rows{source=\"m\"}") == 2; }));
  house.control->Set(&Gate::Control::failing, false);
  ASSERT_TRUE(Arrives("c", 2));
  EXPECT_EQ(house.Payloads("c"), (std::vector<std::string>{"1", ""}));
  EXPECT_TRUE(BecomesOne("SELECT count(*) FROM msg WHERE sent", "2"));
  const auto plan = sql.Run(
      "SET enable_seqscan = off; EXPLAIN SELECT no FROM msg t WHERE (t.sent = false OR t.sent IS "
      "NULL) ORDER BY no LIMIT 10");
  EXPECT_TRUE(std::ranges::any_of(
      plan, [](const auto& line) { return line[0].find("msg_undelivered") != std::string::npos; }));
}

TEST_F(Layouts, AnyTableWithItsColumnsNamed) {
  sql.Run(
      "CREATE SCHEMA app; CREATE TABLE app.\"Messages\" (\"No\" serial PRIMARY KEY, channel text, "
      "body text, due timestamptz, labels text[], extra json)");
  Start(Installed({.name = "c",
                   .url = url,
                   .layout = Layout::kColumns,
                   .table = "app.Messages",
                   .columns = {.id = "No",
                               .topic = "channel",
                               .headers = "extra",
                               .payload = "body",
                               .deliver_at = "due",
                               .search_keys = "labels"}}));
  sql.Run(
      "INSERT INTO app.\"Messages\" (channel, body, labels, extra) VALUES ('c', 'größer', "
      "ARRAY['a', 'b'], '{\"h\": \"v\"}')");
  ASSERT_TRUE(Arrives("c", 1));
  const Event event = house.Stored("c")[0];
  EXPECT_EQ(event.id, "1");
  EXPECT_EQ(event.payload, "größer");
  EXPECT_EQ(event.search_keys, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(event.headers[0].second, "v");
  const Relay& wrong = Start(*Complete({.name = "w",
                                        .url = url,
                                        .layout = Layout::kColumns,
                                        .table = "app.Messages",
                                        .columns = {.id = "No", .topic = "chanel"}}));
  EXPECT_TRUE(Eventually([&] {
    return wrong.state().error.find("has no column chanel") != std::string::npos;
  })) << wrong.state().error;
}

}  // namespace
}  // namespace postroad::outbox
