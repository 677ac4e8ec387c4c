// The Kafka engine from the transaction to the handler, against a real broker.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <pqxx/pqxx>
#include <set>

#include "event_bus/kafka_house.h"
#include "postroad/outbox_pqxx.h"
#include "support/process.h"

namespace postroad::testing {
namespace {

using namespace event_bus;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

class KafkaEngine : public ::testing::TestWithParam<DatabaseKind> {
 protected:
  void SetUp() override {
    POSTROAD_NEEDS_KAFKA();
    database = GetParam().make();
    store.url = database->url();
    const Status installed = EventBus::Install(EventBackend::kKafka, store);
    ASSERT_TRUE(installed) << installed.error().ToString();
  }
  // A topic of the test's own.
  std::string NewTopic(const std::string& address, int partitions = 1) {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    std::string topic = info->name();
    std::ranges::replace(topic, '/', '-');
    CreateKafkaTopic(address, topic, partitions);
    return topic;
  }
  std::shared_ptr<EventProducer> Producer(EventBus& bus, const Properties& properties) {
    EXPECT_TRUE(bus.SetupProducer(EventBackend::kKafka, store));
    auto producer = bus.GetProducer(properties);
    EXPECT_TRUE(producer) << producer.error().ToString();
    return *producer;
  }

  std::unique_ptr<Database> database;
  LocalEventStore store;
  Collector collector;
};

TEST_P(KafkaEngine, FromTheTransactionToTheHandler) {
  const std::string address = SharedKafka().address();
  const std::string topic = NewTopic(address, 2);
  EventBus bus;
  const auto producer = Producer(bus, {{"bootstrap.servers", address}});
  ConsumingBus consuming(Consuming(address, "AutoCommit"));
  consuming.Stream(topic, collector, topic);
  const EventInput whole{.topic = topic,
                         .msg_type = "order.paid",
                         .mime_type = "application/json",
                         .payload = std::string("\0'\\\xff", 4),
                         .key = "k",
                         .headers = {{"a", "b"}}};
  database->Rollback(*producer, {whole});
  database->Commit(*producer, {whole});
  database->Commit(*producer, NumberedInputs(topic, 1, 300));
  const auto payloads = collector.Await(300);
  auto expected = Numbers(1, 300);
  expected.insert(expected.begin(), whole.payload);
  EXPECT_THAT(payloads, ElementsAreArray(expected)) << "in order, since of one key";
  const EventOutput first = collector.events()[0];
  EXPECT_EQ(first.topic, topic);
  EXPECT_EQ(first.msg_type, whole.msg_type);
  EXPECT_EQ(first.mime_type, whole.mime_type);
  EXPECT_EQ(first.key, whole.key);
  EXPECT_THAT(first.headers, ::testing::Contains(std::pair<std::string, std::string>("a", "b")));
  EXPECT_TRUE(Eventually([&] { return bus.Metrics().sent == 300; }));
  const EventBusMetrics metrics = bus.Metrics();
  EXPECT_GT(metrics.send.count, 0U);
  EXPECT_TRUE(metrics.relay_leads);
  EXPECT_EQ(consuming.bus.Metrics().received, 300U);
  EXPECT_TRUE(Eventually([&] { return CommittedOffsets(address, topic, topic, 2) == 300; }));
}

INSTANTIATE_TEST_SUITE_P(All, KafkaEngine, ::testing::ValuesIn(kDatabases),
                         [](const auto& info) { return info.param.name; });

// libpqxx's transactions; the relay is another program's.
class KafkaApart : public KafkaEngine {};

TEST_P(KafkaApart, AnotherBusRelaysWhatAPqxxTransactionWrote) {
  const std::string address = SharedKafka().address();
  const std::string topic = NewTopic(address);
  EventBus writing;
  const auto producer = Producer(writing, {{"producer.relay", "apart"}});
  pqxx::connection connection(store.url);
  {
    pqxx::work work(connection);
    EXPECT_TRUE(producer->Send(work, {.topic = topic, .payload = "committed"}));
    work.commit();
  }
  {
    pqxx::work work(connection);
    EXPECT_TRUE(producer->Send(work, {.topic = topic, .payload = "rolled back"}));
    work.abort();
  }
  {
    pqxx::work work(connection);
    EXPECT_TRUE(producer->Send(work, {.topic = topic, .payload = "last"}));
    work.commit();
  }
  EXPECT_FALSE(writing.Metrics().relay_leads) << "it has none";
  EventBus relaying;
  Producer(relaying, {{"bootstrap.servers", address}});
  ConsumingBus consuming(Consuming(address, "MessageCommit"));
  consuming.Stream(topic, collector, topic);
  EXPECT_THAT(collector.Await(2), ::testing::ElementsAre("committed", "last"));
}

INSTANTIATE_TEST_SUITE_P(Postgres, KafkaApart, ::testing::Values(kDatabases[2]),
                         [](const auto& info) { return info.param.name; });

class KafkaAway : public KafkaEngine {};

TEST_P(KafkaAway, NothingIsLostWhileKafkaIsAway) {
  KafkaBroker kafka;
  CreateKafkaTopic(kafka.address(), "t", 1);
  EventBus bus;
  const auto producer = Producer(bus, {{"bootstrap.servers", kafka.address()}});
  ConsumingBus consuming(Consuming(kafka.address(), "EndOfBatchCommit"));
  const auto stream = consuming.Stream("t", collector, "g");
  database->Commit(*producer, NumberedInputs("t", 0, 10));
  collector.Await(10);
  kafka.Kill();
  database->Commit(*producer, NumberedInputs("t", 10, 20));
  EXPECT_TRUE(Eventually([&] { return !stream->stats().connected; }));
  EXPECT_TRUE(Eventually([&] { return consuming.bus.Metrics().receive_errors > 0; }));
  kafka.Start();
  ASSERT_TRUE(Eventually([&] {
    const auto seen = collector.Payloads();
    return std::set(seen.begin(), seen.end()).size() == 20;
  }));
  // At least once, and in order the first time.
  std::vector<std::string> first;
  for (const std::string& payload : collector.Payloads()) {
    if (std::ranges::find(first, payload) == first.end()) first.push_back(payload);
  }
  EXPECT_THAT(first, ElementsAreArray(Numbers(0, 20)));
  EXPECT_TRUE(Eventually([&] { return CommittedOffsets(kafka.address(), "g", "t", 1) >= 20; }));
}

INSTANTIATE_TEST_SUITE_P(Sqlite, KafkaAway, ::testing::Values(kDatabases[0]),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace postroad::testing
