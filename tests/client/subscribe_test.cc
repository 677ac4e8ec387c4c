// Consuming subscriptions of the real server: S1 to S11 of scenarios.md.
#include <atomic>

#include "client/fixture.h"

namespace postroad::testing {
namespace {

TEST_F(ClientTest, S1EventsComeInOrderAndAreSettled) {
  const Client client = Connect();
  auto publisher = NewPublisher(client);
  PostNumbers(*publisher, "orders", 100);
  Seen seen;
  auto subscriber = Start(client, ConsumeInto("billing", "orders", seen));
  ASSERT_TRUE(Eventually([&] { return seen.size() >= 100; }));
  EXPECT_TRUE(AllSettled(client, "billing"));
  EXPECT_EQ(seen.order(), Numbers(100));
  EXPECT_EQ(subscriber->stats().acked, 100u);
}

TEST_F(ClientTest, S2AnErrorOrExceptionIsANackAndTheEventComesAgain) {
  const Client client = Connect();
  auto publisher = NewPublisher(client);
  PostNumbers(*publisher, "orders", 3);
  Seen seen;
  std::atomic<uint32_t> attempt = 0;
  SubscriberOptions options = Consume("billing", "orders");
  options.handler = [&](Delivery& delivery) -> Status {
    const std::string payload(delivery.event().payload);
    seen.Add(payload);
    if (payload != "1") return {};
    attempt = delivery.attempt();
    if (seen.times(payload) == 1) return Fail(ErrorCode::kInternal, "first");
    if (seen.times(payload) == 2) throw std::runtime_error("second");
    return {};
  };
  auto subscriber = Start(client, options);
  ASSERT_TRUE(Eventually([&] { return seen.times("1") == 3; }));
  EXPECT_TRUE(AllSettled(client, "billing"));
  EXPECT_EQ(attempt, 3u);
  EXPECT_EQ(subscriber->stats().nacked, 2u);
}

TEST_F(ClientTest, S3StopSendsTheAcksMadeSoFar) {
  const Client client = Connect();
  auto publisher = NewPublisher(client);
  PostNumbers(*publisher, "orders", 50);
  Seen seen;
  SubscriberOptions options = ConsumeInto("billing", "orders", seen);
  options.settle_linger = seconds(3600);  // only Stop sends them
  auto subscriber = Start(client, options);
  ASSERT_TRUE(Eventually([&] { return seen.size() == 50; }));
  subscriber->Stop();
  subscriber->Stop();
  EXPECT_TRUE(AllSettled(client, "billing"));
  EXPECT_EQ(seen.size(), 50u);
}

TEST_F(ClientTest, S4ADeferredDeliveryIsSettledLaterFromAnotherThread) {
  const Client client = Connect();
  auto publisher = NewPublisher(client);
  PostNumbers(*publisher, "orders", 2);
  std::mutex mutex;
  std::vector<Delivery> kept;
  SubscriberOptions options = Consume("billing", "orders");
  options.handler = [&](Delivery& delivery) -> Status {
    std::lock_guard lock(mutex);
    kept.push_back(delivery.Defer());
    EXPECT_EQ(delivery.Ack().error().reason, "ALREADY_SETTLED");
    return Fail(ErrorCode::kInternal, "what a handler returns after Defer does not count");
  };
  auto subscriber = Start(client, options);
  const auto count = [&] {
    std::lock_guard lock(mutex);
    return kept.size();
  };
  ASSERT_TRUE(Eventually([&] { return count() == 2; }));
  EXPECT_EQ(Admin(client).GetSubscription("billing")->in_flight, 2u);
  {
    std::lock_guard lock(mutex);
    EXPECT_EQ(kept[0].event().payload, "0");
    EXPECT_TRUE(kept[0].Extend(seconds(60)));
    EXPECT_TRUE(kept[0].Ack());
    EXPECT_EQ(kept[0].Ack().error().reason, "ALREADY_SETTLED");
    kept.erase(kept.begin());
    kept.clear();  // the second is dropped unsettled: a nack, so it comes again
  }
  ASSERT_TRUE(Eventually([&] { return count() == 1; }));
  std::lock_guard lock(mutex);
  EXPECT_EQ(kept[0].event().payload, "1");
  EXPECT_EQ(kept[0].attempt(), 2u);
  subscriber->Stop();
  EXPECT_EQ(kept[0].Ack().error().reason, "CONNECTION_LOST");
}

TEST_F(ClientTest, S5TerminatedEventsAreDeadLettersThatCanBeSentAgain) {
  const Client client = Connect();
  auto publisher = NewPublisher(client);
  PostNumbers(*publisher, "orders", 1);
  Seen seen;
  SubscriberOptions options = Consume("billing", "orders");
  options.handler = [&](Delivery& delivery) -> Status {
    seen.Add(delivery.event().payload);
    return seen.size() == 1 ? delivery.Terminate("poison") : Status{};
  };
  auto subscriber = Start(client, options);
  Admin admin(client);
  ASSERT_TRUE(Eventually([&] {
    const auto letters = admin.ListDeadLetters("billing");
    return letters && letters->items.size() == 1;
  }));
  const auto letter = admin.ListDeadLetters("billing")->items[0];
  EXPECT_EQ(letter.reason, "poison");
  EXPECT_EQ(letter.event.payload, "0");
  const auto resent = admin.ResendDeadLetters("billing");
  ASSERT_TRUE(resent) << resent.error().ToString();
  EXPECT_EQ(*resent, 1u);
  EXPECT_TRUE(Eventually([&] { return seen.size() == 2; }));
}

TEST_F(ClientTest, S6AReplyReachesWhoAwaitsTheReceipt) {
  const Client client = Connect();
  SubscriberOptions options = Consume("billing", "orders");
  options.handler = [](Delivery& delivery) -> Status {
    return delivery.Reply("paid " + std::string(delivery.event().payload));
  };
  auto subscriber = Start(client, options);
  ASSERT_TRUE(Eventually([&] { return subscriber->state() == State::kConnected; }));
  const Event event{.topic = "orders", .payload = "42"};
  const auto posted = Admin(client).PostAndAwait(std::span(&event, 1), kPatience);
  ASSERT_TRUE(posted) << posted.error().ToString();
  EXPECT_FALSE(posted->timed_out);
  ASSERT_EQ(posted->receipts.size(), 1u);
  EXPECT_TRUE(posted->receipts[0].settled);
  ASSERT_EQ(posted->receipts[0].subscriptions.size(), 1u);
  EXPECT_EQ(posted->receipts[0].subscriptions[0].state, ReceiptState::kAcked);
  EXPECT_EQ(posted->receipts[0].subscriptions[0].reply, "paid 42");
}

TEST_F(ClientTest, S7CreditKeepsMoreThanTheWindowFlowing) {
  const Client client = Connect();
  auto publisher = NewPublisher(client);
  std::vector<Event> events;
  for (const auto& n : Numbers(5000)) events.push_back({.topic = "orders", .payload = n});
  ASSERT_TRUE(publisher->Post(events));
  for (const CommitMode mode : {CommitMode::kMessage, CommitMode::kBatch, CommitMode::kAuto}) {
    const std::string name = "mode" + std::to_string(static_cast<int>(mode));
    Seen seen;
    SubscriberOptions options = ConsumeInto(name, "orders", seen);
    options.max_unsettled = 7;
    options.commit_mode = mode;
    options.auto_interval = milliseconds(10);
    auto subscriber = Start(client, options);
    ASSERT_TRUE(Eventually([&] { return seen.size() >= 5000; })) << name << " " << seen.size();
    EXPECT_TRUE(AllSettled(client, name)) << name;
    EXPECT_EQ(seen.order(), Numbers(5000)) << name;
  }
}

TEST_F(ClientTest, S8HandlersRunAtOnceWhereAskedFor) {
  const Client client = Connect();
  auto publisher = NewPublisher(client);
  PostNumbers(*publisher, "orders", 4);
  std::atomic<int> inside = 0;
  SubscriberOptions options = Consume("billing", "orders");
  options.concurrency = 4;
  options.handler = [&](Delivery&) -> Status {
    ++inside;
    // Goes on only if all four are here.
    return Eventually([&] { return inside >= 4; }) ? Status{} : Fail(ErrorCode::kInternal, "alone");
  };
  auto subscriber = Start(client, options);
  EXPECT_TRUE(AllSettled(client, "billing"));
  EXPECT_EQ(subscriber->stats().acked, 4u);
}

TEST_F(ClientTest, S9MembersOfOneClientIdTakeTurns) {
  Log log;
  const Client client = Connect({.logger = log.Logger()});
  Seen seen;
  SubscriberOptions options = ConsumeInto("billing", "orders", seen);
  options.client_id = "one";
  auto one = Start(client, options);
  ASSERT_TRUE(Eventually([&] { return one->state() == State::kConnected; }));
  auto two = Start(client, options);
  ASSERT_TRUE(Eventually([&] { return log.Count("took the client id \"one\" over") > 3; }));
  auto publisher = NewPublisher(Connect());
  PostNumbers(*publisher, "orders", 5);
  EXPECT_TRUE(Eventually([&] { return seen.distinct() == 5; }));
  EXPECT_TRUE(AllSettled(client, "billing"));
  one->Stop();
  two->Stop();
  EXPECT_TRUE(one->Wait());
  EXPECT_TRUE(two->Wait());

  options.on_replaced = SubscriberOptions::OnReplaced::kStop;
  auto ending = Start(client, options);
  ASSERT_TRUE(Eventually([&] { return ending->state() == State::kConnected; }));
  options.on_replaced = SubscriberOptions::OnReplaced::kReconnect;
  auto newer = Start(client, options);
  const Status ended = ending->WaitFor(kPatience);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().reason, "REPLACED");
  EXPECT_EQ(ending->state(), State::kClosed);
}

TEST_F(ClientTest, S10MembersShareAndALeaversEventsGoToTheOthers) {
  const Client client = Connect();
  Seen seen;
  std::mutex mutex;
  std::vector<Delivery> kept;
  SubscriberOptions holding = Consume("billing", "orders");
  holding.handler = [&](Delivery& delivery) -> Status {
    std::lock_guard lock(mutex);
    kept.push_back(delivery.Defer());
    return {};
  };
  auto holder = Start(client, holding);
  ASSERT_TRUE(Eventually([&] { return holder->state() == State::kConnected; }));
  auto publisher = NewPublisher(client);
  PostNumbers(*publisher, "orders", 10);
  ASSERT_TRUE(Eventually([&] {
    std::lock_guard lock(mutex);
    return kept.size() == 10;
  }));
  auto worker = Start(client, ConsumeInto("billing", "orders", seen));
  ASSERT_TRUE(Eventually([&] { return worker->state() == State::kConnected; }));
  holder->Stop();
  EXPECT_TRUE(Eventually([&] { return seen.distinct() == 10; }));
  EXPECT_TRUE(AllSettled(client, "billing"));
}

TEST_F(ClientTest, S11AMemberJoinsWhatIsThereAsItIs) {
  const Client client = Connect();
  Admin admin(client);
  ASSERT_TRUE(admin.CreateSubscription("billing", {.topics = {"orders"}, .max_attempts = 3}));
  Seen seen;
  auto subscriber = Start(client, ConsumeInto("billing", "orders", seen));  // 20 attempts
  ASSERT_TRUE(Eventually([&] { return subscriber->state() == State::kConnected; }));
  EXPECT_EQ(admin.GetSubscription("billing")->settings.max_attempts, 3u);

  SubscriberOptions missing = ConsumeInto("missing", "orders", seen);
  missing.create.reset();
  const Status ended = Start(client, missing)->WaitFor(kPatience);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace postroad::testing
