// The outbox target that is Kafka, by itself: what becomes of a batch, and when it says so.
#include "kafka/kafka_target.h"

#include <algorithm>
#include <future>

#include "kafka/fixture.h"
#include "runtime/clock.h"

namespace postroad::testing {
namespace {

using kafka::NewKafkaTarget;
using kafka::TargetOptions;
using outbox::EventResult;
using outbox::Outcome;

constexpr int kKeys = 3;

std::vector<EventResult> Send(outbox::Target& target, std::vector<Event> events) {
  auto storage = std::make_shared<std::vector<Event>>(std::move(events));
  auto batch = std::make_shared<outbox::Batch>();
  for (const Event& event : *storage) batch->events.push_back(ViewOf(event));
  batch->storage = storage;
  std::promise<std::vector<EventResult>> results;
  target.Send(batch, [&](std::vector<EventResult> all) { results.set_value(std::move(all)); });
  return results.get_future().get();
}

std::vector<Event> Numbered(const std::string& topic, int from, int to) {
  std::vector<Event> events;
  for (int i = from; i < to; ++i) {
    events.push_back(NumberedEvent(topic, i, kKeys));
    events.back().id = "id-" + std::to_string(i);
  }
  return events;
}

TargetOptions To(const std::string& address, std::chrono::milliseconds timeout = kPatience) {
  return {.name = "test",
          .brokers = address,
          .to = "{topic}",
          .send_timeout = timeout,
          .properties = {{"topic.metadata.propagation.max.ms", "500"}}};
}

TEST(KafkaTarget, SaysStoredOnceKafkaHasIt) {
  POSTROAD_NEEDS_KAFKA();
  const std::string address = SharedKafka().address();
  CreateKafkaTopic(address, "target", 3);
  const auto target = *NewKafkaTarget(To(address), SystemClock());
  for (int part = 0; part < 3; ++part) {
    for (const EventResult& result :
         Send(*target, Numbered("target", part * 200, part * 200 + 200))) {
      EXPECT_EQ(result, EventResult{});
    }
    // All of it is there already.
    EXPECT_EQ(ReadKafka(address, "target", 200 * (part + 1)).size(), 200U * (part + 1));
  }
  EXPECT_TRUE(ExactlyOnce(NumbersByKey(ReadKafka(address, "target", 600)), 600, kKeys));
}

TEST(KafkaTarget, PoisonIsWhatKafkaNeverTakesAndNoMore) {
  POSTROAD_NEEDS_KAFKA();
  const std::string address = SharedKafka().address();
  CreateKafkaTopic(address, "small", 1, {{"max.message.bytes", "3000"}});
  const auto target = *NewKafkaTarget(To(address), SystemClock());
  std::vector<Event> events = Numbered("small", 0, 300);
  events[150].payload = std::string(4'000, 'x');
  events.push_back(NumberedEvent("not-there", 0, kKeys));
  const auto results = Send(*target, events);
  ASSERT_EQ(results.size(), 301U);
  for (size_t i = 0; i < results.size(); ++i) {
    const bool poison = i == 150 || i == 300;
    EXPECT_EQ(results[i].outcome, poison ? Outcome::kPoison : Outcome::kStored)
        << i << ": " << results[i].reason;
  }
  EXPECT_THAT(results[150].reason, ::testing::HasSubstr("MSG_SIZE_TOO_LARGE"));
  EXPECT_THAT(results[300].reason, ::testing::HasSubstr("UNKNOWN_TOPIC"));
  auto numbers = NumbersByKey(ReadKafka(address, "small", 299));
  std::vector<int>& list = numbers["k" + std::to_string(150 % kKeys)];
  list.insert(std::ranges::lower_bound(list, 150), 150);
  EXPECT_TRUE(AtLeastOnce(numbers, 300, kKeys));
}

// It is waited for as long as for one that is new; not set aside at once.
TEST(KafkaTarget, ATopicDeletedAndMadeAgainCostsNoEvent) {
  POSTROAD_NEEDS_KAFKA();
  const std::string address = SharedKafka().address();
  CreateKafkaTopic(address, "again", 1);
  TargetOptions options = To(address);
  options.properties = {{"topic.metadata.refresh.interval.ms", "200"}};
  const auto target = *NewKafkaTarget(options, SystemClock());
  EXPECT_EQ(Send(*target, Numbered("again", 0, 1)).front(), EventResult{});
  DeleteKafkaTopic(address, "again");
  for (const EventResult& result : Send(*target, Numbered("again", 1, 3))) {
    EXPECT_NE(result.outcome, Outcome::kPoison) << result.reason;
  }
  CreateKafkaTopic(address, "again", 1);
  EXPECT_TRUE(Eventually(
      [&] { return Send(*target, Numbered("again", 1, 3)).back().outcome == Outcome::kStored; }));
  EXPECT_EQ(ReadKafka(address, "again", 2).size(), 2U);
}

TEST(KafkaTarget, FailsInTimeWithoutKafkaAndGoesOnWithIt) {
  POSTROAD_NEEDS_KAFKA();
  KafkaBroker kafka;
  CreateKafkaTopic(kafka.address(), "target", 1);
  const auto target = *NewKafkaTarget(To(kafka.address(), std::chrono::seconds(2)), SystemClock());
  kafka.Kill();
  for (const EventResult& result : Send(*target, Numbered("target", 0, 10))) {
    EXPECT_EQ(result.outcome, Outcome::kFailed);
    EXPECT_THAT(result.reason, ::testing::HasSubstr("Kafka"));
  }
  kafka.Start();
  EXPECT_TRUE(Eventually(
      [&] { return Send(*target, Numbered("target", 0, 10)).back().outcome == Outcome::kStored; }));
  EXPECT_TRUE(AtLeastOnce(NumbersByKey(ReadKafka(kafka.address(), "target", 10)), 10, kKeys));
  kafka.Kill();
  target->Stop();
  EXPECT_EQ(Send(*target, Numbered("target", 10, 11)).front().outcome, Outcome::kFailed);
}

}  // namespace
}  // namespace postroad::testing
