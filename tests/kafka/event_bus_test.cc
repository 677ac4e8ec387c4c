// The event bus beside the server: a service writes in its transaction, `postroad serve` relays to
// Kafka, and another service's stream reads.
#include "postroad/event_bus.h"
#include "kafka/fixture.h"
#include "postroad/outbox_pqxx.h"
#include "support/postgres.h"

namespace postroad::testing {
namespace {

using namespace event_bus;

TEST(EventBusBesideTheServer, FromATransactionByTheServersRelayToAStream) {
  POSTROAD_NEEDS_KAFKA();
  const std::string brokers = SharedKafka().address();
  CreateKafkaTopic(brokers, "bus.orders", 2);
  PostgresServer database;
  const std::string url = database.NewDatabase();
  ASSERT_TRUE(EventBus::Install(EventBackend::kKafka, {.url = url}));
  ServerProcess server({.config = "[[outbox.source]]\nname = \"shop\"\nurl = \"" + url +
                                  "\"\nkafka = { brokers = \"" + brokers + "\" }\n"});
  ASSERT_TRUE(server.ready());

  EventBus bus;
  ASSERT_TRUE(bus.SetupProducer(EventBackend::kKafka, {.url = url}));
  ASSERT_TRUE(bus.SetupConsumer(EventBackend::kKafka));
  const auto producer = *bus.GetProducer({{"producer.relay", "apart"}});
  const auto consumer = *bus.GetConsumer({{"bootstrap.servers", brokers},
                                          {"consumer.streamMode", "MessageCommit"},
                                          {"enable.auto.commit", "false"},
                                          {"auto.offset.reset", "earliest"}});
  std::mutex mutex;
  std::vector<std::string> seen;
  const auto stream = consumer->Stream("bus/orders", "billing",
                                       {.on_event = [&](const EventOutput& event) -> Status {
                                         std::lock_guard lock(mutex);
                                         seen.push_back(event.topic + ": " + event.payload);
                                         return {};
                                       }});
  ASSERT_TRUE(stream) << stream.error().ToString();

  const auto before = bus.Metrics().store.count;
  pqxx::connection connection(url);
  for (int i = 0; i < 20; ++i) {
    pqxx::work work(connection);
    ASSERT_TRUE(
        producer->Send(work, {.topic = "bus/orders", .payload = std::to_string(i), .key = "k"}));
    if (i % 2 == 0) {
      work.commit();
    } else {
      work.abort();
    }
  }
  EXPECT_EQ(bus.Metrics().store.count - before, 20U);
  std::vector<std::string> expected;
  for (int i = 0; i < 20; i += 2) expected.push_back("bus/orders: " + std::to_string(i));
  EXPECT_TRUE(Eventually([&] {
    std::lock_guard lock(mutex);
    return seen.size() >= expected.size();
  }));
  (*stream)->Stop();
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(CommittedOffsets(brokers, "billing", "bus.orders", 2), 10);
  EXPECT_EQ(server.Stop().code, 0);
}

}  // namespace
}  // namespace postroad::testing
