// Buses over a database and a Kafka broker, for tests of the Kafka engine.
#ifndef POSTROAD_TESTS_EVENT_BUS_KAFKA_HOUSE_H_
#define POSTROAD_TESTS_EVENT_BUS_KAFKA_HOUSE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "event_bus/collector.h"
#include "event_bus/databases.h"
#include "kafka/broker.h"
#include "kafka/peer.h"
#include "postroad/event_bus.h"

namespace postroad::testing {

inline event_bus::Properties Consuming(const std::string& brokers, const std::string& mode,
                                       const event_bus::Properties& more = {}) {
  event_bus::Properties properties = {
      {"bootstrap.servers", brokers},
      {"consumer.streamMode", mode},
      {"enable.auto.commit", mode == "AutoCommit" ? "true" : "false"},
      {"auto.commit.interval.ms", "200"},
      {"auto.offset.reset", "earliest"},
      {"session.timeout.ms", "6000"}};
  for (const auto& [name, value] : more) properties[name] = value;
  return properties;
}

// A bus whose consumer is Kafka's.
struct ConsumingBus {
  explicit ConsumingBus(const event_bus::Properties& properties) {
    EXPECT_TRUE(bus.SetupConsumer(event_bus::EventBackend::kKafka));
    auto made = bus.GetConsumer(properties);
    EXPECT_TRUE(made) << made.error().ToString();
    consumer = *made;
  }
  std::shared_ptr<event_bus::EventStream> Stream(const std::string& topic, Collector& into,
                                                 const std::string& group) {
    auto stream = consumer->Stream(topic, group, into.Handlers());
    EXPECT_TRUE(stream) << stream.error().ToString();
    return *stream;
  }
  event_bus::EventBus bus;
  std::shared_ptr<event_bus::EventConsumer> consumer;
};

// Messages as outbox-event-bus sends them: no key, all strings.
inline std::vector<KafkaRecord> Envelopes(const std::string& topic, int from, int to) {
  std::vector<KafkaRecord> records;
  for (const std::string& number : Numbers(from, to)) {
    records.push_back({.topic = topic,
                       .value = R"({"topic":")" + topic + R"(","uuid":"u-)" + number +
                                R"(","timestamp":"2026-01-31T08:00:00Z","msgType":"number",)" +
                                R"("mimeType":"text/plain","payload":")" + number + "\"}"});
  }
  return records;
}

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_EVENT_BUS_KAFKA_HOUSE_H_
