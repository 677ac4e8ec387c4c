// Topics to Kafka on bad days: Kafka killed, the server killed, events that Kafka never takes.
#include <algorithm>
#include <array>
#include <thread>

#include "kafka/fixture.h"

namespace postroad::testing {
namespace {

constexpr int kKeys = 7;

std::string OutTo(const std::string& address, const std::string& more = {}) {
  return "[[kafka.out]]\nname = \"out\"\nbrokers = \"" + address +
         "\"\ntopics = [\"orders\", \"lost\"]\nformat = \"raw\"\n" + more + "\n";
}
// With the shortest wait for a topic to be made known.
const std::string kHasty = "properties = { \"topic.metadata.propagation.max.ms\" = 500 }\n";

std::vector<Event> Numbered(const std::string& topic, int from, int to) {
  std::vector<Event> events;
  for (int i = from; i < to; ++i) events.push_back(NumberedEvent(topic, i, kKeys));
  return events;
}

auto AllNumbers(int count) {
  return [count](const std::vector<KafkaRecord>& records) {
    std::vector<std::string> values;
    for (const KafkaRecord& record : records) values.push_back(record.value);
    std::ranges::sort(values);
    const auto rest = std::ranges::unique(values);
    return static_cast<int>(values.size() - rest.size()) >= count;
  };
}

double Sent(const ServerProcess& server) {
  return MetricOf(server, "postroad_kafka_out_events_total{connector=\"out\"}");
}

TEST(KafkaOut, LosesNothingWhileKafkaIsKilledUnderLoad) {
  POSTROAD_NEEDS_KAFKA();
  KafkaBroker kafka;
  CreateKafkaTopic(kafka.address(), "orders", 4);
  ServerProcess server({.config = OutTo(kafka.address())});
  const int count = Scaled(20'000);
  PostEvents(server, Numbered("orders", 0, count / 4));
  ASSERT_TRUE(Eventually([&] { return Sent(server) > 0; }));
  std::thread posting([&] { PostEvents(server, Numbered("orders", count / 4, count)); });
  kafka.Kill();
  posting.join();
  EXPECT_TRUE(Eventually(
      [&] { return MetricOf(server, "postroad_kafka_connected{connector=\"out\"}") == 0; }));
  EXPECT_NE(HttpGet(server.http(), "/readyz").body.find("kafka out out: not connected"),
            std::string::npos);
  kafka.Start();
  const auto records = ReadKafka(kafka.address(), "orders", AllNumbers(count));
  EXPECT_TRUE(AtLeastOnce(NumbersByKey(records), count, kKeys));
  EXPECT_TRUE(Eventually([&] { return Sent(server) == count; }));
  // Told by librdkafka's statistics, which come each second.
  EXPECT_TRUE(Eventually([&] {
    return HttpGet(server.http(), "/readyz").body.find("kafka out out: connected") !=
           std::string::npos;
  }));
  EXPECT_EQ(server.Stop().code, 0);
}

TEST(KafkaOut, GoesOnWhereItWasAfterTheServerIsKilled) {
  POSTROAD_NEEDS_KAFKA();
  KafkaBroker kafka;
  CreateKafkaTopic(kafka.address(), "orders", 4);
  ServerProcess server({.config = OutTo(kafka.address())});
  const int count = Scaled(20'000);
  for (int part = 0; part < 4; ++part) {
    PostEvents(server, Numbered("orders", part * count / 4, (part + 1) * count / 4));
    server.KillAndRestart();
  }
  const auto records = ReadKafka(kafka.address(), "orders", AllNumbers(count));
  EXPECT_TRUE(AtLeastOnce(NumbersByKey(records), count, kKeys));
  EXPECT_EQ(server.Stop().code, 0);
  // Where Kafka's own producer puts these keys: its murmur2, modulo the partitions.
  constexpr std::array<int32_t, kKeys> kOfKey = {1, 1, 1, 0, 0, 0, 1};
  for (const KafkaRecord& record : records) {
    ASSERT_EQ(record.partition, kOfKey.at(std::stoul(record.key->substr(1)))) << *record.key;
  }
}

TEST(KafkaOut, StartsWithoutKafka) {
  POSTROAD_NEEDS_KAFKA();
  KafkaBroker kafka;
  CreateKafkaTopic(kafka.address(), "orders", 1);
  kafka.Stop();
  ServerProcess server({.config = OutTo(kafka.address())});
  ASSERT_TRUE(server.ready());
  PostEvents(server, Numbered("orders", 0, 10));
  server.KillAndRestart();
  kafka.Start();
  EXPECT_TRUE(ExactlyOnce(NumbersByKey(ReadKafka(kafka.address(), "orders", 10)), 10, kKeys));
  // Stopping waits for nobody who is not there.
  kafka.Stop();
  PostEvents(server, Numbered("orders", 10, 20));
  EXPECT_EQ(server.Stop().code, 0);
}

TEST(KafkaOut, SetsAsideWhatIsTooLargeAndKeepsTheOrderOfTheRest) {
  POSTROAD_NEEDS_KAFKA();
  KafkaBroker kafka;
  // Less than a request of many: only what is too large for itself may be refused.
  CreateKafkaTopic(kafka.address(), "orders", 2, {{"max.message.bytes", "3000"}});
  ServerProcess server({.config = OutTo(kafka.address(), "start = \"beginning\"")});
  std::vector<Event> events = Numbered("orders", 0, 500);
  events[100].payload.append(4'000, 'x');      // for the topic
  events[101].payload.append(1'020'000, 'x');  // for the client
  PostEvents(server, events);
  const std::vector<Event> dead = ReadEvents(server, {"_dead/kafka/out"}, 2);
  ASSERT_EQ(dead.size(), 2U);
  for (const Event& event : dead) {
    EXPECT_THAT(ViewOf(event).Header("postroad-dead-reason").value_or(""),
                ::testing::HasSubstr("MSG_SIZE_TOO_LARGE"));
  }
  auto numbers = NumbersByKey(ReadKafka(kafka.address(), "orders", AllNumbers(498)));
  for (const int i : {100, 101}) {
    std::vector<int>& list = numbers["k" + std::to_string(i % kKeys)];
    list.insert(std::ranges::lower_bound(list, i), i);
  }
  EXPECT_TRUE(AtLeastOnce(numbers, 500, kKeys));
  EXPECT_EQ(MetricOf(server, "postroad_kafka_out_rejected_total{connector=\"out\"}"), 2);
  EXPECT_EQ(server.Stop().code, 0);
}

TEST(KafkaOut, SetsAsideWhatHasNoTopicInKafka) {
  POSTROAD_NEEDS_KAFKA();
  KafkaBroker kafka;
  CreateKafkaTopic(kafka.address(), "orders", 2);
  ServerProcess server({.config = OutTo(kafka.address(), kHasty)});
  std::vector<Event> events = Numbered("orders", 0, 100);
  events.insert(events.begin() + 50, NumberedEvent("lost", 1, kKeys));
  PostEvents(server, events);
  EXPECT_TRUE(ExactlyOnce(NumbersByKey(ReadKafka(kafka.address(), "orders", 100)), 100, kKeys));
  const std::vector<Event> dead = ReadEvents(server, {"_dead/kafka/out"}, 1);
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_THAT(ViewOf(dead[0]).Header("postroad-dead-reason").value_or(""),
              ::testing::HasSubstr("UNKNOWN_TOPIC"));
  EXPECT_EQ(server.Stop().code, 0);
}

TEST(KafkaOut, StopsThereIfToldSoUntilTheTopicIsMade) {
  POSTROAD_NEEDS_KAFKA();
  KafkaBroker kafka;
  CreateKafkaTopic(kafka.address(), "orders", 2);
  ServerProcess server({.config = OutTo(kafka.address(), "on_rejected = \"stop\"\n" + kHasty)});
  PostEvents(server, Numbered("lost", 0, 100));
  EXPECT_TRUE(Eventually([&] {
    return HttpGet(server.http(), "/readyz").body.find("nothing goes on behind it") !=
           std::string::npos;
  }));
  CreateKafkaTopic(kafka.address(), "lost", 2);
  EXPECT_TRUE(
      AtLeastOnce(NumbersByKey(ReadKafka(kafka.address(), "lost", AllNumbers(100))), 100, kKeys));
  EXPECT_EQ(MetricOf(server, "postroad_kafka_out_rejected_total{connector=\"out\"}"), 0);
  EXPECT_EQ(server.Stop().code, 0);
}

}  // namespace
}  // namespace postroad::testing
