// From a PostgreSQL transaction to Kafka: an outbox source whose target is Kafka.
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

}  // namespace
}  // namespace postroad::testing
