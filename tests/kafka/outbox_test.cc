// From a PostgreSQL transaction to Kafka: an outbox source whose target is Kafka, for all topics or
// for some of them.
#include <algorithm>
#include <atomic>
#include <set>
#include <thread>
#include <utility>

#include "kafka/fixture.h"
#include "support/postgres.h"

namespace postroad::testing {
namespace {

constexpr int kKeys = 5;

class OutboxToKafka : public ::testing::Test {
 protected:
  void Install() {
    url_ = database_.NewDatabase();
    sql_ = std::make_unique<PgSession>(url_);
    const Ended installed = RunProgram({PostroadProgram(), "outbox", "install", "--url", url_});
    ASSERT_EQ(installed.code, 0) << installed.output;
  }
  std::string Config(const std::string& brokers) {
    return "[[outbox.source]]\nname = \"shop\"\nurl = \"" + url_ + "\"\nbatch_rows = 200\n" +
           "kafka = { brokers = \"" + brokers +
           "\", to = \"{topic}\", format = \"raw\", send_timeout = \"2s\" }\n";
  }
  void Write(int from, int to) {
    sql_->Run("SELECT postroad_post('orders', i::text, key => 'k' || i % " + std::to_string(kKeys) +
              ") FROM generate_series(" + std::to_string(from) + ", " + std::to_string(to - 1) +
              ") AS i");
  }
  // What is in Kafka once it has all numbers below `count`.
  static std::vector<KafkaRecord> ReadAll(const KafkaBroker& kafka, int count) {
    return ReadKafka(kafka.address(), "orders", [&](const auto& all) {
      std::set<int> numbers;
      for (const KafkaRecord& record : all) numbers.insert(std::stoi(record.value));
      return static_cast<int>(numbers.size()) >= count;
    });
  }

  PostgresServer database_;
  std::string url_;
  std::unique_ptr<PgSession> sql_;
};

// `postroad relay` by itself, no server anywhere: the one that works is killed, the one that waits
// takes over, again and again while rows are written.
TEST_F(OutboxToKafka, RelaysOfTheirOwnKilledOneAfterTheOther) {
  POSTROAD_NEEDS_KAFKA();
  Install();
  CreateKafkaTopic(SharedKafka().address(), "orders", 3);
  TempFolder folder;
  WriteFile(folder / "postroad.toml", Config(SharedKafka().address()));
  const auto start = [&] {
    return std::make_unique<Process>(std::vector<std::string>{
        PostroadProgram(), "relay", "--config", folder / "postroad.toml", "--source", "shop"});
  };
  const auto leads = [](const Process& relay) {
    return relay.Output().find("outbox relay works") != std::string::npos;
  };
  auto works = start();
  ASSERT_TRUE(Eventually([&] { return leads(*works); })) << works->Output();
  auto waits = start();
  const int rounds = 3, each = Scaled(3'000);
  for (int round = 0; round < rounds; ++round) {
    EXPECT_FALSE(leads(*waits)) << "two of them work";
    // Ended in the middle of it.
    std::atomic<bool> written = false;
    std::thread writing([&] {
      for (int i = 0; i < each; i += 100) {
        Write(round * each + i, round * each + std::min(i + 100, each));
        if (2 * i >= each) written = true;
      }
      written = true;
    });
    EXPECT_TRUE(Eventually([&] { return written.load(); }));
    works->Signal(SIGKILL);
    EXPECT_EQ(works->Wait().code, -SIGKILL) << works->Output();
    writing.join();
    EXPECT_TRUE(Eventually([&] { return leads(*waits); })) << waits->Output();
    works = std::exchange(waits, start());
  }
  const int count = rounds * each;
  EXPECT_TRUE(AtLeastOnce(NumbersByKey(ReadAll(SharedKafka(), count)), count, kKeys));
  works->Signal(SIGTERM);
  EXPECT_EQ(works->Wait().code, 0) << works->Output();
}

// Told to end in the middle of a backlog, again and again: each message is there once.
TEST_F(OutboxToKafka, EndedUnderLoadItSendsNothingTwice) {
  POSTROAD_NEEDS_KAFKA();
  Install();
  CreateKafkaTopic(SharedKafka().address(), "once", 2);
  const int count = Scaled(20'000);
  sql_->Run("SELECT postroad_post('once', i::text, key => 'k' || i % " + std::to_string(kKeys) +
            ") FROM generate_series(0, " + std::to_string(count - 1) + ") AS i");
  TempFolder folder;
  WriteFile(folder / "postroad.toml", Config(SharedKafka().address()));
  const auto place = [&] {
    return sql_->One("SELECT coalesce(max(next_id), 0) FROM postroad_outbox_relay");
  };
  const auto done = [&] {
    return sql_->One(
               "SELECT count(*) FROM postroad_outbox o, postroad_outbox_relay r WHERE "
               "pg_visible_in_snapshot(o.txid, r.seen)") == std::to_string(count);
  };
  constexpr int kRounds = 5;
  for (int round = 1; round <= kRounds; ++round) {
    const std::string before = place();
    Process relay({PostroadProgram(), "relay", "--config", folder / "postroad.toml"});
    EXPECT_TRUE(Eventually([&] { return done() || (round < kRounds && place() != before); }));
    relay.Signal(SIGTERM);
    EXPECT_EQ(relay.Wait().code, 0) << relay.Output();
  }
  const auto records = ReadKafka(SharedKafka().address(), "once", count);
  EXPECT_TRUE(ExactlyOnce(NumbersByKey(records), count, kKeys));
}

TEST_F(OutboxToKafka, EveryCommittedRowInOrderThroughDeathsOfBoth) {
  POSTROAD_NEEDS_KAFKA();
  Install();
  KafkaBroker kafka;
  CreateKafkaTopic(kafka.address(), "orders", 3);
  ServerProcess server({.config = Config(kafka.address())});
  ASSERT_TRUE(server.ready());
  const int step = Scaled(3'000);
  Write(0, step);
  server.KillAndRestart();
  Write(step, 2 * step);
  kafka.Kill();
  Write(2 * step, 3 * step);
  kafka.Start();
  sql_->Run("BEGIN");
  Write(9'000'000, 9'000'010);
  sql_->Run("ROLLBACK");
  const int count = 3 * step;
  const auto records = ReadAll(kafka, count);
  EXPECT_TRUE(AtLeastOnce(NumbersByKey(records), count, kKeys));
  EXPECT_EQ(server.Stop().code, 0);
}

// Two topics of one table, each to where it belongs.
TEST_F(OutboxToKafka, SomeTopicsGoToKafkaAndTheOthersToTheLog) {
  POSTROAD_NEEDS_KAFKA();
  Install();
  KafkaBroker kafka;
  CreateKafkaTopic(kafka.address(), "shop.orders", 3);
  ServerProcess server({.config = "[[kafka.connection]]\nname = \"main\"\nbrokers = \"" +
                                  kafka.address() +
                                  "\"\n[[outbox.source]]\nname = \"shop\"\nurl = \"" + url_ +
                                  "\"\nbatch_rows = 200\n[[outbox.source.target]]\n"
                                  "topics = [\"orders\"]\nkafka = { connection = \"main\", to = "
                                  "\"shop.{topic}\", format = \"raw\", send_timeout = \"2s\" }\n"});
  ASSERT_TRUE(server.ready());
  const int step = Scaled(1'000);
  const auto write = [&](int from, int to) {
    sql_->Run("SELECT postroad_post(t, i::text, key => 'k' || i % " + std::to_string(kKeys) +
              ") FROM generate_series(" + std::to_string(from) + ", " + std::to_string(to - 1) +
              ") AS i, unnest(ARRAY['orders', 'notices']) AS t");
  };
  write(0, step);
  server.KillAndRestart();
  write(step, 2 * step);
  kafka.Kill();
  write(2 * step, 3 * step);
  kafka.Start();
  const int count = 3 * step;
  const auto all = [&](const auto& records) {
    std::set<int> numbers;
    for (const KafkaRecord& record : records) numbers.insert(std::stoi(record.value));
    return static_cast<int>(numbers.size()) == count;
  };
  EXPECT_TRUE(
      AtLeastOnce(NumbersByKey(ReadKafka(kafka.address(), "shop.orders", all)), count, kKeys));
  EXPECT_TRUE(ExactlyOnce(NumbersByKey(ReadEvents(server, {"notices"}, count)), count, kKeys));
  EXPECT_EQ(LogHas(server, "notices"), count);
  EXPECT_EQ(LogHas(server, "orders"), 0);
  EXPECT_EQ(sql_->One("SELECT count(*) FROM postroad_outbox_poison"), "0");
  EXPECT_EQ(server.Stop().code, 0);
}

// A table whose rows are marked: none is before the target that it belongs to has confirmed it.
// What goes to the log waits behind a Kafka that is away, and is not lost.
TEST_F(OutboxToKafka, WithoutKafkaNothingIsMarkedAndNothingLost) {
  POSTROAD_NEEDS_KAFKA();
  url_ = database_.NewDatabase();
  sql_ = std::make_unique<PgSession>(url_);
  sql_->Run(
      "CREATE TABLE recorded_events (id bigserial PRIMARY KEY, topic varchar(255) NOT NULL, "
      "delivered boolean NOT NULL DEFAULT false, uuid char(36) NOT NULL DEFAULT gen_random_uuid(), "
      "stored_timestamp timestamp NOT NULL DEFAULT now(), send_timestamp timestamp, msg_type "
      "varchar(255), mime_type varchar(255), payload bytea)");
  ASSERT_EQ(RunProgram({PostroadProgram(), "outbox", "install", "--url", url_, "--layout",
                        "recorded_events"})
                .code,
            0);
  const auto write = [&](const std::string& topic, const std::string& payload) {
    sql_->Run("INSERT INTO recorded_events (topic, payload) VALUES ('" + topic + "', '" + payload +
              "')");
  };
  const auto marked = [&] {
    return sql_->One("SELECT count(*) FROM recorded_events WHERE delivered");
  };
  KafkaBroker kafka;
  CreateKafkaTopic(kafka.address(), "orders", 1);
  kafka.Kill();
  sql_->Run("BEGIN");
  write("orders", "1");
  write("notices", "2");
  sql_->Run("COMMIT");
  ServerProcess server(
      {.config =
           "[[outbox.source]]\nname = \"shop\"\nurl = \"" + url_ +
           "\"\nlayout = \"recorded_events\"\n[[outbox.source.target]]\ntopics = "
           "[\"notices\"]\n[[outbox.source.target]]\ntopics = [\"*\"]\nkafka = { brokers = \"" +
           kafka.address() + "\", format = \"raw\", send_timeout = \"500ms\" }\n"});
  ASSERT_TRUE(server.ready());
  // Of the batch that is on its way, the log has its part.
  EXPECT_EQ(ReadEvents(server, {"notices"}, 1).at(0).payload, "2");
  write("notices", "3");
  const std::string errors = "postroad_outbox_send_errors_total{source=\"shop\"}";
  const double before = MetricOf(server, errors);
  EXPECT_TRUE(Eventually([&] { return MetricOf(server, errors) >= before + 3; }));
  EXPECT_EQ(LogHas(server, "notices"), 1) << "later batches wait";
  EXPECT_EQ(marked(), "0");
  EXPECT_THAT(HttpGet(server.http(), "/outbox").body, ::testing::HasSubstr("Kafka"));
  kafka.Start();
  EXPECT_EQ(ReadKafka(kafka.address(), "orders", 1).at(0).value, "1");
  EXPECT_TRUE(Eventually([&] { return marked() == "3"; }));
  EXPECT_EQ(ReadEvents(server, {"notices"}, 2).at(1).payload, "3");
  EXPECT_EQ(server.Stop().code, 0);
}

}  // namespace
}  // namespace postroad::testing
