// The bridge in this process, out and in at once: for the sanitizers, which see all of it here.
#include "kafka/bridge/bridge.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "kafka/broker.h"
#include "kafka/peer.h"
#include "support/stack.h"

namespace postroad::testing {
namespace {

constexpr int kBatch = 500;

// Posts events <from>, <from> + 1, … and waits until they are stored.
void Post(broker::Broker& broker, int from) {
  const auth::Principal caller = auth::Principal::Anyone();
  broker::PostBuilder builder = broker.NewPost(caller);
  for (int i = from; i < from + kBatch; ++i) {
    const std::string payload = std::to_string(i), key = "k" + std::to_string(i % 7);
    EventView event{.topic = "orders", .key = key, .payload = payload};
    ASSERT_TRUE(builder.Add(event));
  }
  std::atomic<bool> stored = false;
  broker.Post(*builder.Finish(), [&](Result<broker::PostOutcome> outcome) {
    EXPECT_TRUE(outcome);
    stored = true;
  });
  ASSERT_TRUE(Eventually([&] { return stored.load(); }));
}

TEST(Bridge, OutAndInAndKafkaAwayInBetween) {
  POSTROAD_NEEDS_KAFKA();
  KafkaBroker kafka;
  CreateKafkaTopic(kafka.address(), "orders", 2);
  CorePool cores(2);
  Metrics metrics;
  Stack stack(cores, metrics);
  kafka::BridgeOptions options;
  options.out.push_back({.name = "out", .brokers = kafka.address(), .topics = {"orders"}});
  options.in.push_back(
      {.name = "in", .brokers = kafka.address(), .topics = {"orders"}, .to = "back/{kafka_topic}"});
  auto bridge = kafka::Bridge::Start(options, {stack.broker(), cores, SystemClock(), metrics});
  ASSERT_TRUE(bridge) << bridge.error().ToString();
  const auto came = [&] {
    const auto topic = stack.journal().FindTopic("back/orders");
    return topic ? topic->next.value() : 0;
  };
  Post(stack.broker(), 0);
  EXPECT_TRUE(Eventually([&] { return came() == kBatch; }));
  kafka.Kill();
  Post(stack.broker(), kBatch);
  kafka.Start();
  EXPECT_TRUE(Eventually([&] { return came() == 2 * kBatch; }));
  EXPECT_NE((*bridge)->Describe().find("kafka in in: "), std::string::npos);
  (*bridge)->Stop();
  stack.Stop();
  cores.Stop();
}

}  // namespace
}  // namespace postroad::testing
