// From a PostgreSQL transaction to Kafka: an outbox source whose target is Kafka.
#include <algorithm>

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

  PostgresServer database_;
  std::string url_;
  std::unique_ptr<PgSession> sql_;
};

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
  const auto records = ReadKafka(kafka.address(), "orders", [&](const auto& all) {
    std::vector<int> numbers;
    for (const KafkaRecord& record : all) numbers.push_back(std::stoi(record.value));
    std::ranges::sort(numbers);
    const auto rest = std::ranges::unique(numbers);
    return static_cast<int>(numbers.size() - rest.size()) >= count;
  });
  EXPECT_TRUE(AtLeastOnce(NumbersByKey(records), count, kKeys));
  EXPECT_EQ(server.Stop().code, 0);
}

}  // namespace
}  // namespace postroad::testing
