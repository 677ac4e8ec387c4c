// The local engine over each kind of database: what commits is handled, in order, and marked then.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>

#include "event_bus/collector.h"
#include "event_bus/databases.h"
#include "support/process.h"

namespace postroad::testing {
namespace {

using namespace event_bus;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LocalEngine : public ::testing::TestWithParam<DatabaseKind> {
 protected:
  LocalEngine() {
    const Status installed = EventBus::Install(EventBackend::kLocal, store);
    EXPECT_TRUE(installed) << installed.error().ToString();
    EXPECT_TRUE(EventBus::Install(EventBackend::kLocal, store)) << "a second time";
    Restart();
  }
  // A new bus on the same table, as after the process began again.
  void Restart(const Properties& consumes = {}, const Properties& produces = {}) {
    consumer.reset();
    bus = std::make_unique<EventBus>();
    EXPECT_TRUE(bus->SetupProducer(EventBackend::kLocal, store));
    EXPECT_TRUE(bus->SetupConsumer(EventBackend::kLocal));
    producer = *bus->GetProducer(produces);
    consumer = *bus->GetConsumer(consumes);
  }
  std::shared_ptr<EventStream> Stream(const std::string& topic, Collector& into,
                                      const std::string& group = "g") {
    auto stream = consumer->Stream(topic, group, into.Handlers());
    EXPECT_TRUE(stream) << stream.error().ToString();
    return *stream;
  }
  bool AllMarked() {
    return Eventually([&] { return database->Count("NOT delivered") == 0; });
  }

  std::unique_ptr<Database> database = GetParam().make();
  const LocalEventStore store{.url = database->url()};
  Collector collector, other;  // outlive the bus
  std::unique_ptr<EventBus> bus;
  std::shared_ptr<EventProducer> producer;
  std::shared_ptr<EventConsumer> consumer;
};

TEST_P(LocalEngine, GivesWhatCommitsWholeAndInOrder) {
  Stream("orders", collector);
  const EventInput whole{.topic = "orders",
                         .msg_type = "order.paid",
                         .mime_type = "application/json",
                         .payload = std::string("\0'\\\xff", 4),
                         .key = "größe 'x'",
                         .headers = {{"a", "b"}}};
  database->Rollback(*producer, {whole, whole});
  const Timestamp begin = std::chrono::system_clock::now();
  database->Commit(*producer, {whole});
  database->Commit(*producer, NumberedInputs("orders", 1, 1000));
  const auto payloads = collector.Await(1000);
  auto expected = Numbers(1, 1000);
  expected.insert(expected.begin(), whole.payload);
  EXPECT_THAT(payloads, ElementsAreArray(expected));
  const EventOutput first = collector.events()[0];
  EXPECT_EQ(first.uuid.size(), 36U);
  EXPECT_EQ(first.topic, whole.topic);
  EXPECT_EQ(first.msg_type, whole.msg_type);
  EXPECT_EQ(first.mime_type, whole.mime_type);
  EXPECT_EQ(first.key, whole.key);
  EXPECT_EQ(first.headers, whole.headers);
  EXPECT_LE(std::chrono::abs(first.timestamp - begin), kPatience);
  EXPECT_TRUE(AllMarked());
  EXPECT_EQ(database->Count("1 = 1"), 1000) << "kept for their retention";
}

TEST_P(LocalEngine, RowsOfTopicsWithoutAStreamWait) {
  database->Commit(*producer, NumberedInputs("early", 0, 10));
  database->Commit(*producer, NumberedInputs("now", 0, 5));
  Stream("now", collector);
  EXPECT_THAT(collector.Await(5), ElementsAreArray(Numbers(0, 5)));
  EXPECT_TRUE(Eventually([&] { return database->Count("NOT delivered") == 10; }));
  EXPECT_TRUE(Eventually([&] { return bus->Metrics().lag_rows >= 10; }));
  database->Commit(*producer, NumberedInputs("early", 10, 20));
  Stream("early", other);
  EXPECT_THAT(other.Await(20), ElementsAreArray(Numbers(0, 20)));
  EXPECT_TRUE(AllMarked());
}

TEST_P(LocalEngine, EveryGroupGetsEachEvent) {
  Stream("t", collector, "one");
  Stream("t", other, "two");
  database->Commit(*producer, NumberedInputs("t", 0, 100));
  EXPECT_THAT(collector.Await(100), ElementsAreArray(Numbers(0, 100)));
  EXPECT_THAT(other.Await(100), ElementsAreArray(Numbers(0, 100)));
  EXPECT_TRUE(AllMarked());
}

TEST_P(LocalEngine, AFailingHandlerEndsItsStreamAndTheRestComesAgain) {
  std::atomic<bool> bad = true;
  collector.before = [&](const EventOutput& event) -> Status {
    if (bad && event.payload == "3") return Fail(ErrorCode::kInternal, "no three");
    return {};
  };
  const auto stream = Stream("t", collector);
  Stream("other", other);
  database->Commit(*producer, NumberedInputs("t", 0, 10));
  const Status ended = stream->Wait(kPatience);
  ASSERT_FALSE(ended);
  EXPECT_THAT(ended.error().message, HasSubstr("no three"));
  EXPECT_THAT(collector.error()->message, HasSubstr("no three"));
  EXPECT_THAT(collector.Payloads(), ElementsAreArray(Numbers(0, 3)));
  // Others are not held up, and what waits is not touched.
  database->Commit(*producer, NumberedInputs("other", 0, 10));
  EXPECT_THAT(other.Await(10), ElementsAreArray(Numbers(0, 10)));
  EXPECT_TRUE(Eventually([&] { return database->Count("NOT delivered") == 7; }));
  EXPECT_EQ(bus->Metrics().active_consumers, 1U);
  bad = false;
  Stream("t", collector);
  EXPECT_THAT(collector.Await(10), ElementsAreArray(Numbers(0, 10)));
  EXPECT_TRUE(AllMarked());
}

TEST_P(LocalEngine, AnExceptionIsAnError) {
  collector.before = [](const EventOutput&) -> Status { throw std::runtime_error("thrown"); };
  const auto stream = Stream("t", collector);
  database->Commit(*producer, NumberedInputs("t", 0, 1));
  const Status ended = stream->Wait(kPatience);
  ASSERT_FALSE(ended);
  EXPECT_THAT(ended.error().message, HasSubstr("thrown"));
}

TEST_P(LocalEngine, WhatWasNotHandledComesAfterARestart) {
  collector.Close();
  const auto stream = Stream("t", collector);
  database->Commit(*producer, NumberedInputs("t", 0, 10));
  ASSERT_TRUE(Eventually([&] { return stream->stats().received == 10; }));
  // The one that the handler has ends well while the bus goes down.
  std::thread shutdown([&] { bus->Shutdown(); });
  EXPECT_TRUE(Eventually([&] { return stream->stats().waiting <= 1; })) << "the rest is let go";
  collector.Open();
  shutdown.join();
  const std::vector<std::string> before = collector.Payloads();
  EXPECT_LT(before.size(), 10U);
  EXPECT_THAT(before, ElementsAreArray(Numbers(0, static_cast<int>(before.size()))));
  Restart();
  Stream("t", other);
  // At least once: the database may not have heard of the last one.
  ASSERT_TRUE(Eventually([&] { return !other.Payloads().empty() && AllMarked(); }));
  const std::vector<std::string> after = other.Payloads();
  const int from = std::stoi(after[0]);
  EXPECT_LE(from, static_cast<int>(before.size()));
  EXPECT_THAT(after, ElementsAreArray(Numbers(from, 10)));
}

TEST_P(LocalEngine, MessageCommitMarksOneByOne) {
  Restart({{"consumer.streamMode", "MessageCommit"}});
  // While an event is handled all before it are marked, though they committed together.
  std::vector<int> marked;
  collector.before = [&](const EventOutput&) -> Status {
    marked.push_back(database->Count("delivered"));
    return {};
  };
  database->Commit(*producer, NumberedInputs("t", 0, 5));
  Stream("t", collector);
  collector.Await(5);
  EXPECT_THAT(marked, ::testing::ElementsAre(0, 1, 2, 3, 4));
  EXPECT_TRUE(AllMarked());
}

TEST_P(LocalEngine, EndOfBatchCommitMarksTogether) {
  Restart({{"consumer.streamMode", "EndOfBatchCommit"}});
  std::vector<int> marked;
  collector.before = [&](const EventOutput&) -> Status {
    marked.push_back(database->Count("delivered"));
    return {};
  };
  database->Commit(*producer, NumberedInputs("t", 0, 5));
  Stream("t", collector);
  collector.Await(5);
  EXPECT_THAT(marked, ::testing::ElementsAre(0, 0, 0, 0, 0));
  EXPECT_TRUE(AllMarked());
}

TEST_P(LocalEngine, RowsGoAfterTheirRetention) {
  Restart({}, {{"producer.event.cleanup.intervalInSeconds", "0"}});
  Stream("t", collector);
  database->Commit(*producer, NumberedInputs("t", 0, 50));
  database->Commit(*producer, NumberedInputs("nobody", 0, 3));
  collector.Await(50);
  EXPECT_TRUE(Eventually([&] { return database->Count("1 = 1") == 3; }));
  EXPECT_TRUE(Eventually([&] { return bus->Metrics().cleanup.count > 0; }));
}

INSTANTIATE_TEST_SUITE_P(All, LocalEngine, ::testing::ValuesIn(kDatabases),
                         [](const auto& info) { return info.param.name; });

// --- Strategies of backpressure: over SQLite, since they know nothing of databases. ---
class LocalStrategies : public LocalEngine {
 protected:
  // Ten events at once, to a stream with room for two.
  void Run(const std::string& strategy) {
    Restart({{"consumer.backpressureStrategy", strategy}, {"consumer.bufferEvents", "2"}});
    database->Commit(*producer, NumberedInputs("t", 0, 10));
    collector.before = [&](const EventOutput&) -> Status {
      Eventually([&] { return given.load(); });
      return {};
    };
    stream = Stream("t", collector);
  }
  std::atomic<bool> given = false;  // all that comes
  std::shared_ptr<EventStream> stream;
};

TEST_P(LocalStrategies, DropDropsTheNewest) {
  Run("DROP");
  EXPECT_TRUE(Eventually([&] { return stream->stats().received == 10; }));
  given = true;
  EXPECT_TRUE(AllMarked());
  const StreamStats stats = stream->stats();
  EXPECT_EQ(stats.handled + stats.dropped, 10U);
  EXPECT_GE(stats.dropped, 7U);
  EXPECT_EQ(bus->Metrics().dropped, stats.dropped);
  const auto payloads = collector.Payloads();
  EXPECT_EQ(payloads.size(), stats.handled);
  EXPECT_EQ(payloads[0], "0");
}

TEST_P(LocalStrategies, LatestKeepsTheNewest) {
  Run("LATEST");
  EXPECT_TRUE(Eventually([&] { return stream->stats().received == 10; }));
  given = true;
  EXPECT_TRUE(AllMarked());
  const StreamStats stats = stream->stats();
  EXPECT_EQ(stats.handled + stats.dropped, 10U);
  EXPECT_GE(stats.dropped, 4U);
  EXPECT_EQ(collector.Payloads().back(), "9");
}

TEST_P(LocalStrategies, ErrorEndsTheStreamAndLosesNothing) {
  Run("ERROR");
  // More came than there was room for, and what waited was left.
  EXPECT_TRUE(Eventually([&] {
    const StreamStats stats = stream->stats();
    return stats.received >= 3 && stats.waiting <= 1;
  }));
  given = true;
  const Status ended = stream->Wait(kPatience);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(ended.error().reason, "BACKPRESSURE");
  const size_t handled = collector.Payloads().size();
  EXPECT_LT(handled, 10U);
  Restart();
  Stream("t", other);
  EXPECT_TRUE(AllMarked());
  const auto rest = other.Payloads();
  ASSERT_FALSE(rest.empty());
  EXPECT_EQ(rest.back(), "9");
  EXPECT_GE(handled + rest.size(), 10U);
}

TEST_P(LocalStrategies, BufferWaits) {
  Run("BUFFER");
  given = true;
  EXPECT_THAT(collector.Await(10), ElementsAreArray(Numbers(0, 10)));
  EXPECT_TRUE(AllMarked());
  EXPECT_EQ(stream->stats().dropped, 0U);
}

INSTANTIATE_TEST_SUITE_P(Sqlite, LocalStrategies, ::testing::Values(kDatabases[0]),
                         [](const auto& info) { return info.param.name; });

// --- What is measured. ---
using LocalMetrics = LocalEngine;

TEST_P(LocalMetrics, TheSixOfTheSeedAndMore) {
  Restart({}, {{"producer.event.cleanup.intervalInSeconds", "0"}});
  const EventBusMetrics before = bus->Metrics();
  Stream("t", collector);
  database->Commit(*producer, NumberedInputs("t", 0, 20));
  EXPECT_FALSE(database->Send(*producer, {.topic = ""}));
  collector.Await(20);
  EXPECT_TRUE(Eventually([&] { return database->Count("1 = 1") == 0; }));
  EXPECT_TRUE(Eventually([&] { return bus->Metrics().cleanup.count > 0; }));
  const EventBusMetrics metrics = bus->Metrics();
  EXPECT_EQ(metrics.store.count - before.store.count, 20U);
  EXPECT_GT(metrics.store.Mean(), 0);
  EXPECT_EQ(metrics.store_errors - before.store_errors, 1U);
  EXPECT_GT(metrics.send.count, 0U);
  EXPECT_GT(metrics.send.Mean(), 0);
  EXPECT_EQ(metrics.send_errors, 0U);
  EXPECT_EQ(metrics.cleanup_errors, 0U);
  EXPECT_EQ(metrics.sent, 20U);
  EXPECT_TRUE(metrics.relay_leads);
  EXPECT_EQ(metrics.active_consumers, 1U);
  EXPECT_EQ(metrics.received, 20U);
  EXPECT_EQ(metrics.handle.count, 20U);
  EXPECT_EQ(metrics.receive_delay.count, 20U);
  const std::string text = bus->MetricsText();
  for (const std::string family :
       {"postroad_outbox_store_seconds histogram", "postroad_outbox_store_errors_total counter",
        "postroad_outbox_send_seconds histogram", "postroad_outbox_send_errors_total counter",
        "postroad_outbox_cleanup_seconds histogram", "postroad_outbox_cleanup_errors_total counter",
        "postroad_outbox_lag_rows gauge", "postroad_outbox_lag_seconds gauge",
        "postroad_event_bus_streams gauge", "postroad_event_bus_handle_seconds histogram"}) {
    EXPECT_THAT(text, HasSubstr("# TYPE " + family + "\n"));
  }
  EXPECT_THAT(text, HasSubstr("postroad_event_bus_received_total{group=\"g\",topic=\"t\"} 20\n"));
}

INSTANTIATE_TEST_SUITE_P(Sqlite, LocalMetrics, ::testing::Values(kDatabases[0]),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace postroad::testing
