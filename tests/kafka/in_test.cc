// Kafka to topics: commit modes, backpressure, bad messages, rebalances, and everybody killed once.
#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "kafka/fixture.h"
#include "postroad/subscriber.h"

namespace postroad::testing {
namespace {

constexpr int kKeys = 7;

std::string InFrom(const std::string& address, const std::string& more = {},
                   const std::string& topic = "orders") {
  return "[[kafka.in]]\nname = \"in\"\nbrokers = \"" + address + "\"\ntopics = [\"" + topic +
         "\"]\nformat = \"raw\"\n" + more + "\n";
}

std::vector<KafkaRecord> Numbered(int from, int to, const std::string& topic = "orders") {
  std::vector<KafkaRecord> records;
  for (int i = from; i < to; ++i) {
    records.push_back(
        {.topic = topic, .key = "k" + std::to_string(i % kKeys), .value = std::to_string(i)});
  }
  return records;
}

double Metric(const ServerProcess& server, const std::string& name) {
  return MetricOf(server, "postroad_kafka_in_" + name + "{connector=\"in\"}");
}

struct CommitCase {
  std::string mode, properties;
};
class CommitModes : public ::testing::TestWithParam<CommitCase> {};

TEST_P(CommitModes, CommitsWhatIsStored) {
  POSTROAD_NEEDS_KAFKA();
  KafkaBroker& kafka = SharedKafka();
  const std::string topic = GetParam().mode;
  CreateKafkaTopic(kafka.address(), topic, 3);
  ProduceToKafka(kafka.address(), Numbered(0, 300, topic));
  ServerProcess server(
      {.config =
           InFrom(kafka.address(),
                  "commit_mode = \"" + GetParam().mode + "\"\n" + GetParam().properties, topic)});
  EXPECT_TRUE(ExactlyOnce(NumbersByKey(ReadEvents(server, {topic}, 300)), 300, kKeys));
  EXPECT_TRUE(Eventually(
      [&] { return CommittedOffsets(kafka.address(), "postroad-in", topic, 3) == 300; }));
  EXPECT_EQ(server.Stop().code, 0);
}

INSTANTIATE_TEST_SUITE_P(
    All, CommitModes,
    ::testing::Values(CommitCase{"AutoCommit",
                                 "properties = { \"enable.auto.commit\" = true, "
                                 "\"auto.commit.interval.ms\" = 100 }"},
                      CommitCase{"EndOfBatchCommit", ""}, CommitCase{"MessageCommit", ""}),
    [](const auto& info) { return info.param.mode; });

TEST(KafkaIn, StoresEachOnceThoughKafkaAndTheServerAreKilled) {
  POSTROAD_NEEDS_KAFKA();
  KafkaBroker kafka;
  CreateKafkaTopic(kafka.address(), "orders", 4);
  // Small batches, so that the deaths come in the middle.
  ServerProcess server(
      {.config = InFrom(kafka.address(),
                        "batch_events = 50\nproperties = { \"session.timeout.ms\" = 3000 }")});
  const int count = Scaled(20'000);
  ProduceToKafka(kafka.address(), Numbered(0, count / 2));
  ASSERT_TRUE(Eventually([&] { return Metric(server, "events_total") > 0; }));
  server.KillAndRestart();
  ASSERT_TRUE(Eventually([&] { return Metric(server, "events_total") > 0; }));
  kafka.Kill();
  server.KillAndRestart();
  kafka.Start();
  ProduceToKafka(kafka.address(), Numbered(count / 2, count));
  EXPECT_TRUE(Eventually(
      [&] { return CommittedOffsets(kafka.address(), "postroad-in", "orders", 4) == count; }));
  EXPECT_TRUE(ExactlyOnce(NumbersByKey(ReadEvents(server, {"orders"}, count)), count, kKeys));
  EXPECT_EQ(server.Stop().code, 0);
}

TEST(KafkaIn, PutsBadMessagesIntoADeadLetterTopic) {
  POSTROAD_NEEDS_KAFKA();
  KafkaBroker& kafka = SharedKafka();
  CreateKafkaTopic(kafka.address(), "bad", 1);
  const std::string good = R"({"topic":"o","uuid":"u-1","payload":"p"})";
  const std::string large =
      R"({"topic":"o","uuid":"u-2","payload":")" + std::string(5'000, 'x') + "\"}";
  ProduceToKafka(kafka.address(), {{.topic = "bad", .key = "k", .value = "no envelope"},
                                   {.topic = "bad", .value = good},
                                   {.topic = "bad", .value = large},
                                   {.topic = "bad", .value = good}});
  ServerProcess server({.config = "[[topics]]\npattern = \"bad\"\nmax_event_bytes = 3000\n"
                                  "[[kafka.in]]\nname = \"in\"\nbrokers = \"" +
                                  kafka.address() + "\"\ntopics = [\"bad\"]\n"});
  const std::vector<Event> dead = ReadEvents(server, {"dead/kafka/in"}, 2);
  ASSERT_EQ(dead.size(), 2U);
  EXPECT_EQ(dead[0].payload, "no envelope");
  EXPECT_EQ(dead[0].key, "k");
  const auto header = [&](size_t i, std::string_view name) {
    return std::string(ViewOf(dead[i]).Header(name).value_or(""));
  };
  EXPECT_EQ(header(0, "kafka-topic") + header(0, "kafka-partition") + header(0, "kafka-offset"),
            "bad00");
  EXPECT_THAT(header(0, "reason"), ::testing::HasSubstr("is no JSON"));
  EXPECT_EQ(header(1, "kafka-offset"), "2");
  EXPECT_THAT(header(1, "reason"), ::testing::HasSubstr("larger than its topic allows"));
  EXPECT_EQ(ReadEvents(server, {"bad"}, 1).size(), 1U);
  EXPECT_TRUE(
      Eventually([&] { return CommittedOffsets(kafka.address(), "postroad-in", "bad", 1) == 4; }));
  EXPECT_EQ(Metric(server, "bad_total"), 2);
  EXPECT_EQ(Metric(server, "duplicates_total"), 1);
  EXPECT_EQ(server.Stop().code, 0);
}

TEST(KafkaIn, DeadLettersHoldTheWholeMessage) {
  POSTROAD_NEEDS_KAFKA();
  KafkaBroker& kafka = SharedKafka();
  CreateKafkaTopic(kafka.address(), "whole", 1);
  const std::string value = std::string(600'000, '\xff') + "end";
  ProduceToKafka(kafka.address(),
                 {{.topic = "whole", .key = "\xfe", .value = value, .headers = {{"trace", "h1"}}},
                  {.topic = "whole",
                   .key = "k",
                   .value = "v",
                   .headers = {{"twice", "1"}, {"twice", "\xfd"}, {"reason", "r"}}}});
  ServerProcess server({.config = "[[kafka.in]]\nname = \"in\"\nbrokers = \"" + kafka.address() +
                                  "\"\ntopics = [\"whole\"]\n"});
  const std::vector<Event> dead = ReadEvents(server, {"dead/kafka/in"}, 2);
  ASSERT_EQ(dead.size(), 2U);
  EXPECT_TRUE(dead[0].payload == value) << dead[0].payload.size();
  EXPECT_EQ(dead[0].key, "/g==");
  EXPECT_EQ(ViewOf(dead[0]).Header("kafka-key.encoding"), "base64");
  EXPECT_EQ(ViewOf(dead[0]).Header("trace"), "h1");
  EXPECT_EQ(dead[1].content_type, "application/vnd.postroad.kafka-record+json");
  EXPECT_EQ(dead[1].payload,
            R"({"value":"dg==","key":"aw==","headers":[{"name":"dHdpY2U=","value":"MQ=="},)"
            R"({"name":"dHdpY2U=","value":"/Q=="},{"name":"cmVhc29u","value":"cg=="}]})");
  EXPECT_EQ(server.Stop().code, 0);
}

TEST(KafkaIn, StopsAtADeadLetterThatIsRefused) {
  POSTROAD_NEEDS_KAFKA();
  KafkaBroker& kafka = SharedKafka();
  CreateKafkaTopic(kafka.address(), "refused", 1);
  const std::string good = R"({"topic":"o","uuid":"u-1","payload":"p"})";
  const std::string last = R"({"topic":"o","uuid":"u-2","payload":"p"})";
  ProduceToKafka(kafka.address(), {{.topic = "refused", .value = good},
                                   {.topic = "refused", .value = std::string(5'000, 'x')},
                                   {.topic = "refused", .value = last}});
  const auto config = [&](const std::string& most) {
    return "[[topics]]\npattern = \"dead/kafka/in\"\nmax_event_bytes = " + most +
           "\n[[kafka.in]]\nname = \"in\"\nbrokers = \"" + kafka.address() +
           "\"\ntopics = [\"refused\"]\n";
  };
  ServerProcess first({.config = config("3000")});
  EXPECT_TRUE(Eventually([&] {
    return HttpGet(first.http(), "/readyz").body.find("refused/0 offset 1 is refused") !=
           std::string::npos;
  }));
  const auto committed = [&](int64_t offset) {
    return CommittedOffsets(kafka.address(), "postroad-in", "refused", 1) == offset;
  };
  EXPECT_TRUE(Eventually([&] { return committed(1); }));
  EXPECT_EQ(first.Stop().code, 0);
  EXPECT_TRUE(committed(1));
  ServerProcess second({.data = first.data(), .config = config("10000")});
  EXPECT_TRUE(Eventually([&] { return committed(3); }));
  EXPECT_EQ(ReadEvents(second, {"dead/kafka/in"}, 1)[0].payload, std::string(5'000, 'x'));
  EXPECT_EQ(ReadEvents(second, {"refused"}, 2).size(), 2U);
  EXPECT_EQ(second.Stop().code, 0);
}

// Whose offsets count from 0 again.
TEST(KafkaIn, TakesTheMessagesOfATopicDeletedAndMadeAgain) {
  POSTROAD_NEEDS_KAFKA();
  KafkaBroker kafka;
  CreateKafkaTopic(kafka.address(), "orders", 1);
  ProduceToKafka(kafka.address(), Numbered(0, 10));
  auto server = std::make_unique<ServerProcess>(ServerOptions{.config = InFrom(kafka.address())});
  const std::string data = server->data();
  EXPECT_EQ(ReadEvents(*server, {"orders"}, 10).size(), 10U);
  EXPECT_TRUE(Eventually(
      [&] { return CommittedOffsets(kafka.address(), "postroad-in", "orders", 1) == 10; }));
  EXPECT_EQ(server->Stop().code, 0);
  DeleteKafkaTopic(kafka.address(), "orders");
  CreateKafkaTopic(kafka.address(), "orders", 1);
  ProduceToKafka(kafka.address(), Numbered(10, 20));
  // Another group, which reads the whole topic; and one more, for which all is there already.
  for (const std::string group : {"second", "third"}) {
    ServerProcess again(
        {.data = data, .config = InFrom(kafka.address(), "group = \"" + group + "\"")});
    EXPECT_TRUE(
        Eventually([&] { return CommittedOffsets(kafka.address(), group, "orders", 1) == 10; }));
    EXPECT_EQ(LogHas(again, "orders"), 20);
    EXPECT_EQ(Metric(again, "duplicates_total"), group == "second" ? 0 : 10);
    EXPECT_EQ(again.Stop().code, 0);
  }
}

// Under the connector: which goes on with the new one, and ends when it is told to.
TEST(KafkaIn, EndsThoughItsTopicWasDeletedWhileItRead) {
  POSTROAD_NEEDS_KAFKA();
  KafkaBroker kafka;
  CreateKafkaTopic(kafka.address(), "orders", 1);
  ProduceToKafka(kafka.address(), Numbered(0, 10));
  ServerProcess server(
      {.config = InFrom(kafka.address(),
                        "properties = { \"topic.metadata.refresh.interval.ms\" = 500 }")});
  EXPECT_EQ(ReadEvents(server, {"orders"}, 10).size(), 10U);
  DeleteKafkaTopic(kafka.address(), "orders");
  EXPECT_TRUE(Eventually([&] {
    return server.process().Output().find("kafka takes partitions") != std::string::npos;
  }));
  CreateKafkaTopic(kafka.address(), "orders", 1);
  ProduceToKafka(kafka.address(), Numbered(10, 20));
  EXPECT_EQ(ReadEvents(server, {"orders"}, 20).size(), 20U);
  EXPECT_EQ(server.Stop().code, 0);
}

// An empty value and none are not the same: the second deletes a key in a compacted topic.
TEST(KafkaIn, TombstonesAreEventsThatSaySo) {
  POSTROAD_NEEDS_KAFKA();
  KafkaBroker& kafka = SharedKafka();
  CreateKafkaTopic(kafka.address(), "tombs", 1);
  CreateKafkaTopic(kafka.address(), "copies", 1);
  ProduceToKafka(kafka.address(), {{.topic = "tombs", .key = "k", .value = ""},
                                   {.topic = "tombs", .key = "k", .null = true}});
  ServerProcess server({.config = InFrom(kafka.address(), {}, "tombs") +
                                  "[[kafka.out]]\nname = \"out\"\nbrokers = \"" + kafka.address() +
                                  "\"\ntopics = [\"tombs\"]\nto = \"copies\"\n"
                                  "format = \"raw\"\nstart = \"beginning\"\n"});
  const std::vector<Event> events = ReadEvents(server, {"tombs"}, 2);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(ViewOf(events[0]).Header("kafka-tombstone"), std::nullopt);
  EXPECT_EQ(ViewOf(events[1]).Header("kafka-tombstone"), "true");
  EXPECT_EQ(events[1].key, "k");
  const auto copies = ReadKafka(kafka.address(), "copies", 2);
  ASSERT_EQ(copies.size(), 2U);
  EXPECT_FALSE(copies[0].null);
  EXPECT_TRUE(copies[1].null);
  EXPECT_EQ(copies[1].key, "k");
  EXPECT_EQ(copies[1].Header("postroad-id"), events[1].id);
  EXPECT_EQ(server.Stop().code, 0);
}

// Whose ids are unique for each source only.
TEST(KafkaIn, CloudEventsOfTwoSourcesWithOneIdAreTwo) {
  POSTROAD_NEEDS_KAFKA();
  KafkaBroker& kafka = SharedKafka();
  CreateKafkaTopic(kafka.address(), "ce", 1);
  std::vector<KafkaRecord> records;
  for (const std::string source : {"/bank/a", "/bank/b", "/bank/a"}) {
    records.push_back({.topic = "ce",
                       .value = R"({"specversion":"1.0","id":"1","type":"t","data":{},"source":")" +
                                source + "\"}",
                       .headers = {{"content-type", "application/cloudevents+json"}}});
  }
  ProduceToKafka(kafka.address(), records);
  ServerProcess server({.config = "[[kafka.in]]\nname = \"in\"\nbrokers = \"" + kafka.address() +
                                  "\"\ntopics = [\"ce\"]\nformat = \"cloudevents\"\n"});
  const std::vector<Event> events = ReadEvents(server, {"ce"}, 2);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].id, "/bank/a#1");
  EXPECT_EQ(events[1].id, "/bank/b#1");
  EXPECT_TRUE(Eventually([&] { return Metric(server, "duplicates_total") == 1; }));
  EXPECT_EQ(server.Stop().code, 0);
}

// A start before the first message is not a first start again.
TEST(KafkaIn, FromLatestReadsWhatCameWhileItWasDown) {
  POSTROAD_NEEDS_KAFKA();
  KafkaBroker& kafka = SharedKafka();
  CreateKafkaTopic(kafka.address(), "later", 1);
  ProduceToKafka(kafka.address(), Numbered(0, 3, "later"));
  const std::string config = InFrom(kafka.address(), "start = \"latest\"", "later");
  ServerProcess first({.config = config});
  EXPECT_TRUE(Eventually(
      [&] { return CommittedOffsets(kafka.address(), "postroad-in", "later", 1) == 3; }));
  EXPECT_EQ(first.Stop().code, 0);
  ProduceToKafka(kafka.address(), Numbered(3, 8, "later"));
  ServerProcess second({.data = first.data(), .config = config});
  const std::vector<Event> events = ReadEvents(second, {"later"}, 5);
  ASSERT_EQ(events.size(), 5U);
  EXPECT_EQ(events[0].payload, "3");
  EXPECT_EQ(Metric(second, "resets_total"), 0);
  EXPECT_EQ(second.Stop().code, 0);
}

class Starts : public ::testing::TestWithParam<std::string> {};

TEST_P(Starts, GoesOnFromTheEarliestStillThereAndSaysSo) {
  POSTROAD_NEEDS_KAFKA();
  KafkaBroker& kafka = SharedKafka();
  const std::string topic = "trimmed-" + GetParam();
  CreateKafkaTopic(kafka.address(), topic, 1);
  const std::string config = InFrom(kafka.address(), "start = \"" + GetParam() + "\"", topic);
  ServerProcess first({.config = config});
  const auto committed = [&](int64_t offset) {
    return CommittedOffsets(kafka.address(), "postroad-in", topic, 1) == offset;
  };
  // Whatever was there when it began, it has seen all that came by then.
  int sent = 0;
  ASSERT_TRUE(Eventually([&] {
    ProduceToKafka(kafka.address(), Numbered(sent, sent + 1, topic));
    ++sent;
    return Metric(first, "events_total") > 0;
  }));
  EXPECT_TRUE(Eventually([&] { return committed(sent); }));
  EXPECT_EQ(first.Stop().code, 0);
  ProduceToKafka(kafka.address(), Numbered(sent, sent + 27, topic));
  TrimKafkaTopic(kafka.address(), topic, sent + 7);
  ServerProcess second({.config = config});
  const std::vector<Event> events = ReadEvents(second, {topic}, 20);
  ASSERT_EQ(events.size(), 20U);
  EXPECT_EQ(events[0].payload, std::to_string(sent + 7));
  EXPECT_EQ(Metric(second, "resets_total"), 1);
  EXPECT_EQ(Metric(second, "lost_total"), 7);
  EXPECT_THAT(HttpGet(second.http(), "/readyz").body,
              ::testing::HasSubstr("is not in Kafka any more"));
  EXPECT_TRUE(Eventually([&] { return committed(sent + 27); }));
  EXPECT_EQ(second.Stop().code, 0);
}

INSTANTIATE_TEST_SUITE_P(All, Starts, ::testing::Values("earliest", "latest"),
                         [](const auto& info) { return info.param; });

class Strategies : public ::testing::TestWithParam<std::string> {};

// Message by message it stores slower than Kafka gives.
TEST_P(Strategies, DoAsTheySayWhereMessagesComeTooFast) {
  POSTROAD_NEEDS_KAFKA();
  KafkaBroker& kafka = SharedKafka();
  const std::string& topic = GetParam();
  CreateKafkaTopic(kafka.address(), topic, 1);
  // Each error costs a new membership.
  const int count = topic == "error" ? 100 : Scaled(3'000);
  ProduceToKafka(kafka.address(), Numbered(0, count, topic));
  ServerProcess server({.config = InFrom(kafka.address(),
                                         "backpressure = \"" + GetParam() +
                                             "\"\nbuffer_events = 20\nbatch_events = 20\n"
                                             "commit_mode = \"MessageCommit\"",
                                         topic)});
  // Nothing is stuck whatever the strategy.
  EXPECT_TRUE(Eventually(
      [&] { return CommittedOffsets(kafka.address(), "postroad-in", topic, 1) == count; }));
  const double dropped = Metric(server, "dropped_total");
  const auto stored = static_cast<size_t>(count - dropped);
  const std::vector<Event> events = ReadEvents(server, {topic}, stored);
  EXPECT_EQ(events.size(), stored);
  if (GetParam() == "drop" || GetParam() == "latest") {
    EXPECT_GT(dropped, 0);
  } else {
    EXPECT_TRUE(ExactlyOnce(NumbersByKey(events), count, kKeys));
  }
  if (GetParam() == "latest") EXPECT_EQ(events.back().payload, std::to_string(count - 1));
  const double restarts = MetricOf(server, "postroad_kafka_restarts_total{connector=\"in\"}");
  EXPECT_EQ(restarts > 0, GetParam() == "error") << restarts;
  EXPECT_EQ(server.Stop().code, 0);
}

INSTANTIATE_TEST_SUITE_P(All, Strategies,
                         ::testing::Values("pause", "error", "buffer", "drop", "latest"),
                         [](const auto& info) { return info.param; });

// Two servers of one group, each with a log of its own: what they have together.
TEST(KafkaIn, SharesPartitionsAndTakesOverThoseOfWhoLeaves) {
  POSTROAD_NEEDS_KAFKA();
  KafkaBroker kafka;
  CreateKafkaTopic(kafka.address(), "orders", 4);
  const std::string settings =
      InFrom(kafka.address(), "properties = { \"session.timeout.ms\" = 3000 }");
  ServerProcess first({.config = settings});
  const int step = Scaled(2'000);
  int sent = 0;
  const auto produce = [&] {
    ProduceToKafka(kafka.address(), Numbered(sent, sent + step));
    sent += step;
  };
  const auto committed = [&] {
    return Eventually(
        [&] { return CommittedOffsets(kafka.address(), "postroad-in", "orders", 4) == sent; });
  };
  produce();
  auto second = std::make_unique<ServerProcess>(ServerOptions{.config = settings});
  produce();
  // Until the newcomer has its share.
  ASSERT_TRUE(Eventually([&] {
    produce();
    return Metric(*second, "events_total") > 0;
  }));
  ASSERT_TRUE(committed());
  const auto by_second = static_cast<size_t>(Metric(*second, "events_total"));
  std::vector<Event> events = ReadEvents(*second, {"orders"}, by_second);
  EXPECT_EQ(second->Stop().code, 0);
  produce();
  ASSERT_TRUE(committed());
  std::ranges::move(
      ReadEvents(first, {"orders"}, static_cast<size_t>(Metric(first, "events_total"))),
      std::back_inserter(events));
  // Each stored once by one of them: the rebalances were in good order.
  auto numbers = NumbersByKey(events);
  for (auto& [key, list] : numbers) std::ranges::sort(list);
  EXPECT_TRUE(ExactlyOnce(numbers, sent, kKeys));
  EXPECT_EQ(first.Stop().code, 0);
}

// Two servers of one group under load, of which one is killed: what it has not committed comes to
// the other. It may be stored twice, in two logs.
TEST(KafkaIn, TakesOverFromAMemberThatIsKilledUnderLoad) {
  POSTROAD_NEEDS_KAFKA();
  KafkaBroker kafka;
  CreateKafkaTopic(kafka.address(), "orders", 4);
  const std::string settings =
      InFrom(kafka.address(), "batch_events = 50\nproperties = { \"session.timeout.ms\" = 6000 }");
  ServerProcess first({.config = settings}), second({.config = settings});
  std::atomic<bool> stop = false;
  int sent = 0;
  std::thread producer([&] {
    while (!stop) {
      ProduceToKafka(kafka.address(), Numbered(sent, sent + 500));
      sent += 500;
    }
  });
  EXPECT_TRUE(Eventually(
      [&] { return Metric(first, "events_total") > 0 && Metric(second, "events_total") > 0; }));
  second.process().Signal(SIGKILL);
  const double before = Metric(first, "events_total");
  EXPECT_TRUE(Eventually([&] { return Metric(first, "events_total") > before + 1'000; }));
  stop = true;
  producer.join();
  EXPECT_TRUE(Eventually(
      [&] { return CommittedOffsets(kafka.address(), "postroad-in", "orders", 4) == sent; }));
  EXPECT_EQ(first.Stop().code, 0);
  // Whose logs are read where no connector is in the way.
  std::set<int> numbers;
  for (const std::string& data : {first.data(), second.data()}) {
    ServerProcess reader({.data = data});
    for (const Event& event : ReadEvents(reader, {"orders"}, LogHas(reader, "orders"))) {
      numbers.insert(std::stoi(event.payload));
    }
  }
  EXPECT_EQ(numbers.size(), static_cast<size_t>(sent));
}

// Into a topic that is not kept on disk, and on to the members of a subscription.
TEST(KafkaIn, GoesStraightToSubscribers) {
  POSTROAD_NEEDS_KAFKA();
  KafkaBroker& kafka = SharedKafka();
  CreateKafkaTopic(kafka.address(), "straight", 3);
  ServerProcess server({.config = "[[topics]]\npattern = \"straight\"\ndurability = \"memory\"\n" +
                                  InFrom(kafka.address(), {}, "straight")});
  std::mutex mutex;
  std::vector<Event> events;
  std::vector<std::unique_ptr<Subscriber>> members;
  for (int i = 0; i < 2; ++i) {
    SubscriberOptions options;
    options.subscription = "straight";
    options.create.emplace();
    options.create->topics = {"straight"};
    options.create->start = SubscriptionStart::kBeginning;
    options.handler = [&](Delivery& delivery) -> Status {
      std::lock_guard lock(mutex);
      events.push_back(delivery.event().ToEvent());
      return {};
    };
    members.push_back(*Subscriber::Start(ClientOf(server), std::move(options)));
  }
  const int count = Scaled(3'000);
  ProduceToKafka(kafka.address(), Numbered(0, count, "straight"));
  EXPECT_TRUE(Eventually([&] {
    std::lock_guard lock(mutex);
    return static_cast<int>(events.size()) >= count;
  }));
  for (auto& member : members) member->Stop();
  auto numbers = NumbersByKey(events);
  for (auto& [key, list] : numbers) std::ranges::sort(list);
  EXPECT_TRUE(ExactlyOnce(numbers, count, kKeys));
}

}  // namespace
}  // namespace postroad::testing
