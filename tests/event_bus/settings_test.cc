// The event bus's settings: outbox-event-bus's names, defaults, and refusals of what does not go
// together.
#include "event_bus/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postroad::event_bus {
namespace {

using kafka::Backpressure;
using kafka::CommitMode;
using ::testing::HasSubstr;

// As that library's README sets a consumer up.
Properties Readme() {
  return {{"bootstrap.servers", "kafka:9092"},
          {"enable.auto.commit", "true"},
          {"auto.commit.interval.ms", "1000"},
          {"heartbeat.interval.ms", "3000"},
          {"session.timeout.ms", "10000"},
          {"auto.offset.reset", "latest"},
          {"group.id", "is-the-stream's"},
          {"key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer"},
          {"value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer"},
          {"key.serializer", "org.apache.kafka.common.serialization.StringSerializer"},
          {"value.serializer", "org.apache.kafka.common.serialization.StringSerializer"},
          {"consumer.syncInterval", "1000"},
          {"consumer.streamMode", "AutoCommit"}};
}

Properties With(const Properties& more, const std::vector<std::string>& without = {}) {
  Properties properties = Readme();
  for (const std::string& name : without) properties.erase(name);
  for (const auto& [name, value] : more) properties[name] = value;
  return properties;
}

TEST(ConsumerSettingsTest, TakesTheReadmes) {
  const auto settings = ParseConsumer(EventBackend::kKafka, Readme());
  ASSERT_TRUE(settings) << settings.error().ToString();
  EXPECT_EQ(settings->mode, CommitMode::kAutoCommit);
  EXPECT_EQ(settings->strategy, Backpressure::kPause);
  EXPECT_EQ(settings->sync_interval, std::chrono::seconds(1));
  EXPECT_EQ(settings->brokers, "kafka:9092");
  EXPECT_EQ(settings->start, kafka::InStart::kLatest);
  const kafka::Properties rest = {{"enable.auto.commit", "true"},
                                  {"auto.commit.interval.ms", "1000"},
                                  {"heartbeat.interval.ms", "3000"},
                                  {"session.timeout.ms", "10000"}};
  EXPECT_EQ(settings->kafka, rest);
}

TEST(ConsumerSettingsTest, HasItsDefaults) {
  const auto settings = ParseConsumer(EventBackend::kKafka,
                                      With({}, {"consumer.streamMode", "consumer.syncInterval"}));
  ASSERT_TRUE(settings) << settings.error().ToString();
  EXPECT_EQ(settings->mode, CommitMode::kAutoCommit);
  EXPECT_EQ(settings->sync_interval, std::chrono::milliseconds(100));
}

TEST(ConsumerSettingsTest, TakesEveryModeAndStrategy) {
  const std::pair<std::string, CommitMode> modes[] = {
      {"EndOfBatchCommit", CommitMode::kEndOfBatchCommit},
      {"MessageCommit", CommitMode::kMessageCommit}};
  for (const auto& [name, mode] : modes) {
    const auto settings =
        ParseConsumer(EventBackend::kKafka, With({{"consumer.streamMode", name},
                                                  {"enable.auto.commit", "false"},
                                                  {"auto.offset.reset", "earliest"}}));
    ASSERT_TRUE(settings) << settings.error().ToString();
    EXPECT_EQ(settings->mode, mode);
    EXPECT_EQ(settings->start, kafka::InStart::kEarliest);
  }
  const std::pair<std::string, Backpressure> strategies[] = {{"ERROR", Backpressure::kError},
                                                             {"BUFFER", Backpressure::kBuffer},
                                                             {"DROP", Backpressure::kDrop},
                                                             {"LATEST", Backpressure::kLatest}};
  for (const auto& [name, strategy] : strategies) {
    const auto settings = ParseConsumer(
        EventBackend::kKafka,
        With({{"consumer.backpressureStrategy", name}, {"consumer.bufferEvents", "7"}}));
    ASSERT_TRUE(settings) << settings.error().ToString();
    EXPECT_EQ(settings->strategy, strategy);
    EXPECT_EQ(settings->buffer_events, 7U);
  }
}

// What is refused: the properties, the field, and a part of the message.
struct Refusal {
  std::string name;
  Properties more;
  std::vector<std::string> without;
  std::string field, message;
};
class ConsumerRefusals : public ::testing::TestWithParam<Refusal> {};

TEST_P(ConsumerRefusals, NameTheSetting) {
  const Refusal& refusal = GetParam();
  const auto settings = ParseConsumer(EventBackend::kKafka, With(refusal.more, refusal.without));
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(settings.error().field, refusal.field);
  EXPECT_THAT(settings.error().message, HasSubstr(refusal.message));
}

INSTANTIATE_TEST_SUITE_P(
    All, ConsumerRefusals,
    ::testing::Values(
        Refusal{"AutoCommitWithoutEnable",
                {},
                {"enable.auto.commit"},
                "consumer.streamMode",
                "AutoCommit needs the property enable.auto.commit=true"},
        Refusal{"AutoCommitDisabled",
                {{"enable.auto.commit", "false"}},
                {},
                "consumer.streamMode",
                "enable.auto.commit=true"},
        Refusal{"AutoCommitByDefaultToo",
                {{"enable.auto.commit", "false"}},
                {"consumer.streamMode"},
                "consumer.streamMode",
                "enable.auto.commit=true"},
        Refusal{"AutoCommitWithoutInterval",
                {},
                {"auto.commit.interval.ms"},
                "consumer.streamMode",
                "auto.commit.interval.ms"},
        Refusal{"AutoCommitIntervalNoNumber",
                {{"auto.commit.interval.ms", "soon"}},
                {},
                "auto.commit.interval.ms",
                "auto.commit.interval.ms"},
        Refusal{"EndOfBatchCommitEnabled",
                {{"consumer.streamMode", "EndOfBatchCommit"}},
                {},
                "consumer.streamMode",
                "EndOfBatchCommit needs the property enable.auto.commit=false"},
        Refusal{"EndOfBatchCommitNotSaid",
                {{"consumer.streamMode", "EndOfBatchCommit"}},
                {"enable.auto.commit"},
                "consumer.streamMode",
                "enable.auto.commit=false"},
        Refusal{"MessageCommitEnabled",
                {{"consumer.streamMode", "MessageCommit"}},
                {},
                "consumer.streamMode",
                "MessageCommit needs the property enable.auto.commit=false"},
        Refusal{"MessageCommitNotSaid",
                {{"consumer.streamMode", "MessageCommit"}},
                {"enable.auto.commit"},
                "consumer.streamMode",
                "enable.auto.commit=false"},
        Refusal{"UnknownMode",
                {{"consumer.streamMode", "autoCommit"}},
                {},
                "consumer.streamMode",
                "must be AutoCommit, EndOfBatchCommit or MessageCommit"},
        Refusal{"UnknownStrategy",
                {{"consumer.backpressureStrategy", "drop"}},
                {},
                "consumer.backpressureStrategy",
                "must be ERROR, BUFFER, DROP or LATEST"},
        Refusal{"Missing",
                {{"consumer.backpressureStrategy", "MISSING"}},
                {},
                "consumer.backpressureStrategy",
                "no backpressure"},
        Refusal{"BufferWithoutStrategy",
                {{"consumer.bufferEvents", "5"}},
                {},
                "consumer.bufferEvents",
                "needs a consumer.backpressureStrategy"},
        Refusal{"SyncIntervalNoNumber",
                {{"consumer.syncInterval", "1s"}},
                {},
                "consumer.syncInterval",
                "must be a number"},
        Refusal{"SyncIntervalZero",
                {{"consumer.syncInterval", "0"}},
                {},
                "consumer.syncInterval",
                "must be a number"},
        Refusal{"NoBrokers", {}, {"bootstrap.servers"}, "bootstrap.servers", "must name Kafka"},
        Refusal{"OffsetReset",
                {{"auto.offset.reset", "none"}},
                {},
                "auto.offset.reset",
                "must be earliest or latest"},
        Refusal{"OtherDeserializer",
                {{"value.deserializer", "com.example.Avro"}},
                {},
                "value.deserializer",
                "StringDeserializer"},
        Refusal{"UnknownOfTheBus",
                {{"consumer.streamMod", "x"}},
                {},
                "consumer.streamMod",
                "did you mean consumer.streamMode?"},
        Refusal{"UnknownOfKafka",
                {{"session.timeout", "1"}},
                {},
                "session.timeout",
                "did you mean session.timeout.ms?"},
        Refusal{"SessionsShorterThanHeartbeats",
                {{"session.timeout.ms", "0"}},
                {},
                "session.timeout.ms",
                ""}),
    [](const auto& info) { return info.param.name; });

TEST(ConsumerSettingsTest, TheLocalEngineSkipsKafkasAndRefusesItsOwnWrongOnes) {
  EXPECT_TRUE(ParseConsumer(EventBackend::kLocal, Readme()));
  EXPECT_TRUE(ParseConsumer(EventBackend::kLocal, {}));
  const auto bad = ParseConsumer(EventBackend::kLocal, {{"consumer.streamMode", "Never"}});
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().field, "consumer.streamMode");
  EXPECT_FALSE(ParseConsumer(EventBackend::kLocal, {{"consumer.colour", "red"}}));
}

TEST(ProducerSettingsTest, TakesTheReadmesAndSkipsTheConsumers) {
  const auto settings = ParseProducer(EventBackend::kKafka,
                                      With({{"producer.event.cleanup.intervalInSeconds", "60"}}));
  ASSERT_TRUE(settings) << settings.error().ToString();
  EXPECT_EQ(settings->retention, std::chrono::minutes(1));
  EXPECT_EQ(settings->relay, RelayPlace::kEmbedded);
  EXPECT_EQ(settings->brokers, "kafka:9092");
  EXPECT_TRUE(settings->kafka.empty());
  EXPECT_EQ(ParseProducer(EventBackend::kKafka, Readme())->retention, std::chrono::days(7));
}

struct ProducerRefusal {
  EventBackend backend;
  Properties properties;
  std::string field;
};

TEST(ProducerSettingsTest, Refuses) {
  const ProducerRefusal refusals[] = {
      {EventBackend::kKafka, {}, "bootstrap.servers"},
      {EventBackend::kKafka, {{"bootstrap.servers", "k"}, {"acks", "1"}}, "acks"},
      {EventBackend::kKafka, {{"bootstrap.servers", "k"}, {"linger", "1"}}, "linger"},
      {EventBackend::kKafka, {{"producer.relay", "elsewhere"}}, "producer.relay"},
      {EventBackend::kKafka,
       {{"producer.relay", "apart"}, {"producer.event.cleanup.intervalInSeconds", "1"}},
       "producer.event.cleanup.intervalInSeconds"},
      {EventBackend::kLocal, {{"producer.relay", "apart"}}, "producer.relay"},
      {EventBackend::kLocal,
       {{"producer.event.cleanup.intervalInSeconds", "-1"}},
       "producer.event.cleanup.intervalInSeconds"},
      {EventBackend::kLocal, {{"producer.cleanup", "1"}}, "producer.cleanup"},
      {EventBackend::kKafka,
       {{"bootstrap.servers", "k"}, {"key.serializer", "com.example.Avro"}},
       "key.serializer"},
  };
  for (const ProducerRefusal& refusal : refusals) {
    const auto settings = ParseProducer(refusal.backend, refusal.properties);
    ASSERT_FALSE(settings) << refusal.field;
    EXPECT_EQ(settings.error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(settings.error().field, refusal.field) << settings.error().ToString();
  }
  EXPECT_TRUE(ParseProducer(EventBackend::kKafka, {{"producer.relay", "apart"}}));
}

TEST(StreamNamesTest, AreKafkasToo) {
  EventBus bus;
  ASSERT_TRUE(bus.SetupConsumer(EventBackend::kKafka));
  const auto consumer = bus.GetConsumer(Readme());
  ASSERT_TRUE(consumer) << consumer.error().ToString();
  const auto stream = (*consumer)->Stream(
      std::string(250, 't'), "g", {.on_event = [](const EventOutput&) -> Status { return {}; }});
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(stream.error().field, "topic");
}

}  // namespace
}  // namespace postroad::event_bus
