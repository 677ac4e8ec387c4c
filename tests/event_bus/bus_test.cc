// What an event bus refuses, before anything is sent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "event_bus/collector.h"
#include "event_bus/databases.h"
#include "support/process.h"

namespace postroad::testing {
namespace {

using namespace event_bus;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class BusTest : public ::testing::Test {
 protected:
  void SetUpLocal(EventBus& bus) {
    ASSERT_TRUE(EventBus::Install(EventBackend::kLocal, store));
    ASSERT_TRUE(bus.SetupProducer(EventBackend::kLocal, store));
    ASSERT_TRUE(bus.SetupConsumer(EventBackend::kLocal));
  }

  std::unique_ptr<Database> database = NewSqlite();
  const LocalEventStore store{.url = database->url()};
  Collector collector;
};

void ExpectError(const auto& result, ErrorCode code, const std::string& message) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, code) << result.error().ToString();
  EXPECT_THAT(result.error().ToString(), HasSubstr(message));
}

TEST_F(BusTest, NothingBeforeItsSetup) {
  EventBus bus;
  ExpectError(bus.GetProducer(), ErrorCode::kFailedPrecondition, "call SetupProducer first");
  ExpectError(bus.GetConsumer(), ErrorCode::kFailedPrecondition, "call SetupConsumer first");
}

TEST_F(BusTest, SetupOnceAndOfWhatThereIs) {
  EventBus bus;
  ExpectError(bus.SetupProducer(EventBackend::kLocal, {.url = "oracle://x"}),
              ErrorCode::kInvalidArgument, "url: must begin with postgres://");
  ASSERT_TRUE(bus.SetupProducer(EventBackend::kLocal, store));
  ExpectError(bus.SetupProducer(EventBackend::kKafka, store), ErrorCode::kFailedPrecondition,
              "already");
  ASSERT_TRUE(bus.SetupConsumer(EventBackend::kLocal));
  ExpectError(bus.SetupConsumer(EventBackend::kLocal), ErrorCode::kFailedPrecondition, "already");
}

TEST_F(BusTest, ALocalConsumerNeedsALocalProducer) {
  EventBus bus;
  ASSERT_TRUE(bus.SetupProducer(EventBackend::kKafka, store));
  ASSERT_TRUE(bus.SetupConsumer(EventBackend::kLocal));
  ExpectError(bus.GetConsumer(), ErrorCode::kFailedPrecondition, "producer of the same bus");
}

TEST_F(BusTest, OneProducer) {
  EventBus bus;
  SetUpLocal(bus);
  const Properties properties = {{"producer.event.cleanup.intervalInSeconds", "60"}};
  const auto producer = bus.GetProducer(properties);
  ASSERT_TRUE(producer);
  EXPECT_EQ(*bus.GetProducer(properties), *producer);
  ExpectError(bus.GetProducer(), ErrorCode::kFailedPrecondition, "other properties");
}

TEST_F(BusTest, ARetentionOnlyBeforeTheFirstStream) {
  EventBus bus;
  SetUpLocal(bus);
  const auto consumer = *bus.GetConsumer();
  ASSERT_TRUE(consumer->Stream("t", "g", collector.Handlers()));
  ExpectError(bus.GetProducer({{"producer.event.cleanup.intervalInSeconds", "60"}}),
              ErrorCode::kFailedPrecondition, "producer.event.cleanup.intervalInSeconds");
  EXPECT_TRUE(bus.GetProducer());
}

TEST_F(BusTest, Streams) {
  EventBus bus;
  SetUpLocal(bus);
  const auto consumer = *bus.GetConsumer();
  ExpectError(consumer->Stream("", "g", collector.Handlers()), ErrorCode::kInvalidArgument,
              "topic");
  ExpectError(consumer->Stream("t", "", collector.Handlers()), ErrorCode::kInvalidArgument,
              "group");
  ExpectError(consumer->Stream("t", "g", {}), ErrorCode::kInvalidArgument, "on_event");
  ASSERT_TRUE(consumer->Stream("t", "g", collector.Handlers()));
  ExpectError(consumer->Stream("t", "g", collector.Handlers()), ErrorCode::kAlreadyExists, "\"g\"");
  ExpectError((*bus.GetConsumer())->Stream("t", "g", collector.Handlers()),
              ErrorCode::kAlreadyExists, "\"g\"");
  ASSERT_TRUE(consumer->Stream("t", "other", collector.Handlers()));
  EXPECT_THAT(consumer->ListSubscribers("t"), ::testing::ElementsAre("g", "other"));
  EXPECT_THAT(consumer->ListSubscribers("u"), IsEmpty());
  EXPECT_TRUE(consumer->Unsubscribe("t", "g"));
  ExpectError(consumer->Unsubscribe("t", "g"), ErrorCode::kNotFound, "\"g\"");
  EXPECT_THAT(consumer->ListSubscribers("t"), ::testing::ElementsAre("other"));
  EXPECT_TRUE(consumer->Stream("t", "g", collector.Handlers()));
  EXPECT_EQ(bus.Metrics().active_consumers, 2U);
}

TEST_F(BusTest, LocalStreamsHaveMessageCommitAllOrNone) {
  EventBus bus;
  SetUpLocal(bus);
  ASSERT_TRUE((*bus.GetConsumer())->Stream("t", "g", collector.Handlers()));
  const auto other = *bus.GetConsumer({{"consumer.streamMode", "MessageCommit"}});
  ExpectError(other->Stream("u", "g", collector.Handlers()), ErrorCode::kFailedPrecondition,
              "consumer.streamMode");
}

TEST_F(BusTest, NothingAfterShutdown) {
  EventBus bus;
  SetUpLocal(bus);
  const auto consumer = *bus.GetConsumer();
  const auto stream = *consumer->Stream("t", "g", collector.Handlers());
  bus.Shutdown();
  EXPECT_TRUE(stream->Wait(std::chrono::seconds(0))) << "it has ended, without an error";
  ExpectError(bus.GetProducer(), ErrorCode::kFailedPrecondition, "shut down");
  ExpectError(bus.GetConsumer(), ErrorCode::kFailedPrecondition, "shut down");
  ExpectError(consumer->Stream("t", "g", collector.Handlers()), ErrorCode::kFailedPrecondition,
              "shut down");
}

TEST_F(BusTest, ATableThatIsNotThereIsToldByTheMetrics) {
  EventBus bus;
  ASSERT_TRUE(bus.SetupProducer(EventBackend::kLocal, store));
  ASSERT_TRUE(bus.SetupConsumer(EventBackend::kLocal));
  ASSERT_TRUE((*bus.GetConsumer())->Stream("t", "g", collector.Handlers()));
  EXPECT_TRUE(Eventually([&] {
    const EventBusMetrics metrics = bus.Metrics();
    return !metrics.relay_leads &&
           metrics.relay_error.find("no table postroad_outbox") != std::string::npos;
  }));
  ASSERT_TRUE(EventBus::Install(EventBackend::kLocal, store));
  EXPECT_TRUE(Eventually([&] { return bus.Metrics().relay_leads; }));
}

}  // namespace
}  // namespace postroad::testing
