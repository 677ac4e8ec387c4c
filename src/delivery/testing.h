// An engine over a real journal and store in a temporary folder, with time turned by hand, for the
// tests of delivery.
#ifndef POSTROAD_DELIVERY_TESTING_H_
#define POSTROAD_DELIVERY_TESTING_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "delivery/delivery.h"
#include "journal/testing.h"

namespace postroad::delivery {

// Takes down what a member is told.
class RecordingSink final : public MemberSink {
 public:
  void OnDeliveries(std::vector<Delivery> batch) override {
    for (Delivery& delivery : batch) deliveries.push_back(std::move(delivery));
  }
  void OnSettleFailures(std::vector<SettleFailure> batch) override {
    for (SettleFailure& failure : batch) failures.push_back(std::move(failure));
  }
  void OnClosed(Error reason) override { closed = std::move(reason); }

  std::vector<std::string> Payloads() const {
    std::vector<std::string> payloads;
    for (const Delivery& delivery : deliveries) {
      EventView event;
      EXPECT_TRUE(ParseRecord(delivery.record, event));
      payloads.emplace_back(event.payload);
    }
    return payloads;
  }

  std::vector<Delivery> deliveries;
  std::vector<SettleFailure> failures;
  std::optional<Error> closed;
};

// Members and the subscriptions run on `executor`, that is, on the test's thread.
struct DeliveryTest : testing::Test {
  DeliveryTest() { OpenEngine(); }
  ~DeliveryTest() override { CloseEngine(); }

  void OpenEngine() {
    auto opened = DeliveryEngine::Open(*house.journal, *house.store, cores, house.clock, metrics);
    ASSERT_TRUE(opened) << opened.error().ToString();
    engine = *std::move(opened);
  }
  void CloseEngine() {
    if (engine) engine->Stop();
    engine.reset();
    executor.RunUntilIdle();
  }
  void Restart() {
    CloseEngine();
    house.Reopen();
    OpenEngine();
  }

  // Lets everything run until it holds; false after a time that only a hang reaches.
  bool Until(const std::function<bool()>& holds) {
    return journal::Eventually([&] {
      executor.RunUntilIdle();
      return holds();
    });
  }
  // Lets run what is there to run. For what must not happen: it would have happened by then.
  void Settle() {
    for (int i = 0; i < 3; ++i) executor.RunUntilIdle();
  }
  void Advance(Duration by) {
    executor.Advance(by);
    executor.RunUntilIdle();
  }

  Offset Post(const std::string& topic, const Event& event) {
    journal::Chunk chunk{.topic = topic, .count = 1};
    AppendToBody(ViewOf(event), chunk.body);
    chunk.fingerprints.push_back(event.id.empty() ? 0 : EventFingerprint(topic, event.id));
    journal::Batch batch;
    batch.chunks.push_back(std::move(chunk));
    auto result = journal::PostAndWait(*house.journal, std::move(batch));
    EXPECT_TRUE(result) << (result ? "" : result.error().ToString());
    return result ? result->chunks[0].first : Offset();
  }
  void PostAll(const std::string& topic, const std::vector<std::string>& payloads) {
    std::vector<journal::TestEvent> events;
    for (const std::string& payload : payloads) events.push_back({"", payload});
    house.MustPost(topic, events);
  }

  static SubscriptionSettings Settings(const std::vector<std::string>& topics) {
    return {.topics = *TopicSelector::Parse(topics, "topics"),
            .start = Start::kBeginning,
            .retry_schedule = {std::chrono::seconds(60), std::chrono::seconds(300)}};
  }
  void Create(const std::string& name, const SubscriptionSettings& settings) {
    const auto status = engine->Create(name, settings);
    ASSERT_TRUE(status) << status.error().ToString();
  }
  std::unique_ptr<Member> Join(const std::string& name, RecordingSink& sink, uint64_t credit = 1000,
                               MemberOptions options = {}) {
    auto member = engine->Join(name, options, executor, sink);
    EXPECT_TRUE(member) << (member ? "" : member.error().ToString());
    if (!member) return nullptr;
    (*member)->AddCredit(credit);
    return *std::move(member);
  }
  SubscriptionInfo Info(const std::string& name) {
    auto info = engine->Get(name);
    EXPECT_TRUE(info);
    return info ? *info : SubscriptionInfo();
  }

  journal::JournalHouse house;
  ManualExecutor executor{house.clock};
  CorePool cores{{&executor}};
  Metrics metrics;
  std::unique_ptr<DeliveryEngine> engine;
};

inline Settlement Ack(DeliveryId id) { return {.kind = SettleKind::kAck, .id = id}; }
inline Settlement Nack(DeliveryId id, std::string reason,
                       std::optional<Duration> delay = std::nullopt) {
  return {.kind = SettleKind::kNack, .id = id, .delay = delay, .reason = std::move(reason)};
}
inline Settlement Terminate(DeliveryId id, std::string reason) {
  return {.kind = SettleKind::kTerminate, .id = id, .reason = std::move(reason)};
}
inline void SettleOne(Member& member, Settlement settlement) {
  std::vector<Settlement> one;
  one.push_back(std::move(settlement));
  member.Settle(std::move(one));
}

}  // namespace postroad::delivery

#endif  // POSTROAD_DELIVERY_TESTING_H_
