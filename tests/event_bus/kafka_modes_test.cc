// Streams of the Kafka engine: what is committed when, what each strategy does, what a group's
// members have of each other. Messages are outbox-event-bus's.
#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "event_bus/kafka_house.h"
#include "support/process.h"

namespace postroad::testing {
namespace {

using namespace event_bus;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

class Streams : public ::testing::Test {
 protected:
  void SetUp() override {
    POSTROAD_NEEDS_KAFKA();
    address = SharedKafka().address();
  }
  // A topic with `count` messages.
  void Topic(const std::string& name, int count, int partitions = 1) {
    topic = name;
    CreateKafkaTopic(address, topic, partitions);
    ProduceToKafka(address, Envelopes(topic, 0, count));
  }
  int64_t Committed(int partitions = 1) {
    return CommittedOffsets(address, "g", topic, partitions);
  }

  std::string address, topic;
  Collector collector;
};

class Modes : public Streams, public ::testing::WithParamInterface<std::string> {};

TEST_P(Modes, CommitWhatIsHandledAndTheNextStreamGoesOn) {
  Topic("modes-" + GetParam(), 100);
  {
    ConsumingBus consuming(Consuming(address, GetParam()));
    consuming.Stream(topic, collector, "g");
    EXPECT_THAT(collector.Await(100), ElementsAreArray(Numbers(0, 100)));
    EXPECT_EQ(collector.events()[0].uuid, "u-0");
    EXPECT_EQ(FormatTime(collector.events()[0].timestamp), "2026-01-31T08:00:00Z");
    EXPECT_TRUE(Eventually([&] { return Committed() == 100; }));
  }
  ProduceToKafka(address, Envelopes(topic, 100, 110));
  ConsumingBus consuming(Consuming(address, GetParam()));
  Collector next;
  consuming.Stream(topic, next, "g");
  EXPECT_THAT(next.Await(10), ElementsAreArray(Numbers(100, 110)));
}

TEST_P(Modes, AStopCommitsWhatWasHandledAndNoMore) {
  Topic("stop-" + GetParam(), 10);
  std::atomic<bool> third = false, go = false;
  collector.before = [&](const EventOutput& event) -> Status {
    if (event.payload != "3") return {};
    third = true;
    Eventually([&] { return go.load(); });
    return {};
  };
  ConsumingBus consuming(Consuming(address, GetParam()));
  const auto stream = consuming.Stream(topic, collector, "g");
  ASSERT_TRUE(Eventually([&] { return third.load(); }));
  std::thread stopper([&] { stream->Stop(); });
  EXPECT_TRUE(Eventually([&] { return stream->stats().waiting == 1; })) << "the rest is let go";
  go = true;
  stopper.join();
  EXPECT_THAT(collector.Payloads(), ElementsAreArray(Numbers(0, 4)));
  EXPECT_EQ(Committed(), 4);
  EXPECT_TRUE(stream->Wait(std::chrono::seconds(0)));
}

TEST_P(Modes, AFailingHandlerEndsTheStreamAndTheEventComesAgain) {
  Topic("fail-" + GetParam(), 10);
  std::atomic<bool> bad = true;
  collector.before = [&](const EventOutput& event) -> Status {
    if (bad && event.payload == "3") return Fail(ErrorCode::kInternal, "no three");
    return {};
  };
  ConsumingBus consuming(Consuming(address, GetParam()));
  const auto stream = consuming.Stream(topic, collector, "g");
  const Status ended = stream->Wait(kPatience);
  ASSERT_FALSE(ended);
  EXPECT_THAT(ended.error().message, HasSubstr("no three"));
  EXPECT_THAT(collector.error()->message, HasSubstr("no three"));
  EXPECT_EQ(Committed(), 3);
  EXPECT_EQ(consuming.bus.Metrics().handle_errors, 1U);
  bad = false;
  consuming.Stream(topic, collector, "g");
  EXPECT_THAT(collector.Await(10), ElementsAreArray(Numbers(0, 10)));
}

INSTANTIATE_TEST_SUITE_P(All, Modes,
                         ::testing::Values("AutoCommit", "EndOfBatchCommit", "MessageCommit"),
                         [](const auto& info) { return info.param; });

TEST_F(Streams, MessageCommitCommitsEachBeforeTheNext) {
  Topic("one-by-one", 4);
  std::vector<int64_t> committed;
  collector.before = [&](const EventOutput&) -> Status {
    committed.push_back(std::max<int64_t>(Committed(), 0));
    return {};
  };
  ConsumingBus consuming(Consuming(address, "MessageCommit"));
  consuming.Stream(topic, collector, "g");
  collector.Await(4);
  EXPECT_THAT(committed, ::testing::ElementsAre(0, 1, 2, 3));
}

TEST_F(Streams, EndOfBatchCommitCommitsTheBatch) {
  Topic("batches", 4);
  std::vector<int64_t> committed;
  collector.before = [&](const EventOutput&) -> Status {
    committed.push_back(std::max<int64_t>(Committed(), 0));
    return {};
  };
  // The first poll may give fewer than two.
  ConsumingBus consuming(Consuming(address, "EndOfBatchCommit", {{"max.poll.records", "2"}}));
  consuming.Stream(topic, collector, "g");
  collector.Await(4);
  for (const int64_t offset : committed) EXPECT_TRUE(offset == 0 || offset == 2) << offset;
  EXPECT_EQ(committed[1], 0) << "not in the midst of a batch";
  EXPECT_TRUE(Eventually([&] { return Committed() == 4; }));
}

TEST_F(Streams, BadMessagesAreSkippedAndCounted) {
  topic = "bad-messages";
  CreateKafkaTopic(address, topic, 1);
  auto records = Envelopes(topic, 0, 2);
  records.insert(records.begin() + 1, {.topic = topic, .value = "no envelope"});
  ProduceToKafka(address, records);
  ConsumingBus consuming(Consuming(address, "MessageCommit"));
  const auto stream = consuming.Stream(topic, collector, "g");
  EXPECT_THAT(collector.Await(2), ElementsAreArray(Numbers(0, 2)));
  EXPECT_EQ(stream->stats().bad, 1U);
  EXPECT_EQ(consuming.bus.Metrics().bad, 1U);
  EXPECT_TRUE(Eventually([&] { return Committed() == 3; }));
}

// --- Strategies: the handler stands still while messages come. ---
class Strategies : public Streams {
 protected:
  void Run(const std::string& strategy, const Properties& more = {}) {
    Topic("strategy-" + (strategy.empty() ? "none" : strategy), kCount);
    collector.Close();
    Properties properties = Consuming(address, "EndOfBatchCommit", {{"max.poll.records", "10"}});
    if (!strategy.empty()) properties["consumer.backpressureStrategy"] = strategy;
    for (const auto& [name, value] : more) properties[name] = value;
    consuming = std::make_unique<ConsumingBus>(properties);
    stream = consuming->Stream(topic, collector, "g");
  }
  bool AllRead() {
    return Eventually([&] { return stream->stats().received == kCount; });
  }
  static constexpr int kCount = 200;
  std::unique_ptr<ConsumingBus> consuming;
  std::shared_ptr<EventStream> stream;
};

TEST_F(Strategies, BackpressureByDefault) {
  Run("");
  EXPECT_TRUE(Eventually([&] { return stream->stats().paused; }));
  EXPECT_LE(stream->stats().received, 20U) << "reading waits";
  collector.Open();
  EXPECT_THAT(collector.Await(kCount), ElementsAreArray(Numbers(0, kCount)));
  EXPECT_TRUE(Eventually([&] { return Committed() == kCount; }));
}

TEST_F(Strategies, BufferReadsAheadAndThenWaits) {
  Run("BUFFER", {{"consumer.bufferEvents", "50"}});
  EXPECT_TRUE(Eventually([&] { return stream->stats().waiting >= 50; }));
  EXPECT_TRUE(Eventually([&] { return stream->stats().paused; }));
  EXPECT_LE(stream->stats().waiting, 70U);
  collector.Open();
  EXPECT_THAT(collector.Await(kCount), ElementsAreArray(Numbers(0, kCount)));
  EXPECT_TRUE(Eventually([&] { return Committed() == kCount; }));
}

TEST_F(Strategies, DropDropsTheNewest) {
  Run("DROP", {{"consumer.bufferEvents", "20"}});
  EXPECT_TRUE(AllRead());
  collector.Open();
  EXPECT_TRUE(Eventually([&] { return Committed() == kCount; }));
  const StreamStats stats = stream->stats();
  EXPECT_EQ(stats.handled + stats.dropped, static_cast<uint64_t>(kCount));
  EXPECT_GE(stats.dropped, 170U);
  // The oldest are kept, and at most one more, in whose stead the handler had taken the first.
  auto payloads = collector.Payloads();
  ASSERT_GE(payloads.size(), 20U);
  EXPECT_LE(payloads.size(), 21U);
  payloads.resize(20);
  EXPECT_THAT(payloads, ElementsAreArray(Numbers(0, 20)));
}

TEST_F(Strategies, LatestKeepsTheNewest) {
  Run("LATEST", {{"consumer.bufferEvents", "20"}});
  EXPECT_TRUE(AllRead());
  collector.Open();
  EXPECT_TRUE(Eventually([&] { return Committed() == kCount; }));
  const StreamStats stats = stream->stats();
  EXPECT_EQ(stats.handled + stats.dropped, static_cast<uint64_t>(kCount));
  EXPECT_GT(stats.dropped, 0U);
  EXPECT_EQ(collector.Payloads().back(), std::to_string(kCount - 1));
}

TEST_F(Strategies, ErrorEndsTheStreamAndLosesNothing) {
  Run("ERROR", {{"consumer.bufferEvents", "20"}});
  EXPECT_TRUE(Eventually([&] { return stream->stats().received > 20; }));
  EXPECT_TRUE(Eventually([&] { return stream->stats().waiting <= 1; })) << "the rest is let go";
  collector.Open();
  const Status ended = stream->Wait(kPatience);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, ErrorCode::kResourceExhausted);
  const auto seen = static_cast<int>(collector.Payloads().size());
  EXPECT_LT(seen, kCount);
  ConsumingBus next(Consuming(address, "EndOfBatchCommit"));
  Collector rest;
  next.Stream(topic, rest, "g");
  EXPECT_THAT(rest.Await(static_cast<size_t>(kCount - seen)),
              ElementsAreArray(Numbers(seen, kCount)));
}

// Two members: the second takes its share, and its leaving gives it back. Nothing is missed, and
// each was in good order, so nothing is repeated.
TEST_F(Streams, MembersShareAndTakeOver) {
  constexpr int kPartitions = 4;
  Topic("shared", 0, kPartitions);
  int sent = 0;
  const auto produce = [&] {
    ProduceToKafka(address, Envelopes(topic, sent, sent + 100));
    sent += 100;
  };
  const auto all_committed = [&] {
    return Eventually([&] { return Committed(kPartitions) == sent; });
  };
  ConsumingBus first(Consuming(address, "EndOfBatchCommit"));
  first.Stream(topic, collector, "g");
  produce();
  Collector others;
  {
    ConsumingBus second(Consuming(address, "MessageCommit"));
    second.Stream(topic, others, "g");
    ASSERT_TRUE(Eventually([&] {
      produce();
      return !others.Payloads().empty();
    }));
    EXPECT_TRUE(all_committed());
  }
  produce();
  EXPECT_TRUE(all_committed());
  std::multiset<int> seen;
  for (const Collector* one : {&collector, &others}) {
    for (const std::string& payload : one->Payloads()) seen.insert(std::stoi(payload));
  }
  ASSERT_EQ(seen.size(), static_cast<size_t>(sent));
  EXPECT_EQ(std::set(seen.begin(), seen.end()).size(), static_cast<size_t>(sent));
}

}  // namespace
}  // namespace postroad::testing
