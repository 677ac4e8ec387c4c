// What is refused before anything is sent: B1 to B5 of scenarios.md.
#include "client/fixture.h"

namespace postroad::testing {
namespace {

class BadUse : public ClientTest {
 protected:
  // Code and field of the error; a success is a failure of the test.
  template <typename T>
  static void Refused(const T& result, ErrorCode code, std::string_view field,
                      std::string_view reason = {}) {
    ASSERT_FALSE(result) << field;
    EXPECT_EQ(result.error().code, code) << result.error().ToString();
    EXPECT_NE(result.error().field.find(field), std::string::npos) << result.error().ToString();
    if (!reason.empty()) EXPECT_EQ(result.error().reason, reason);
  }
  ~BadUse() override { EXPECT_EQ(proxy_.accepted(), 0) << "something was sent"; }

  Seen seen_;
};

constexpr auto kInvalid = ErrorCode::kInvalidArgument;
constexpr auto kPrecondition = ErrorCode::kFailedPrecondition;

TEST_F(BadUse, B1AMissingHandlerIsRefused) {
  const Client client = Connect();
  Refused(Subscriber::Start(client, Consume("billing", "orders")), kInvalid, "handler");
  Refused(Reader::Start(client, {.topics = {"orders"}}), kInvalid, "on_event");
}

TEST_F(BadUse, B2BadNamesAreRefused) {
  const Client client = Connect();
  auto publisher = NewPublisher(client);
  for (const std::string& topic :
       {std::string(), std::string("a b"), std::string("a*"), std::string("_own"),
        std::string("a//b"), std::string(256, 'x')}) {
    const std::vector<Event> events = {{.topic = "good"}, {.topic = topic}};
    Refused(publisher->Post(events), kInvalid, "events[1].topic");
    Refused(publisher->PostAsync(Event{.topic = topic}, {}), kInvalid, "topic");
  }
  Refused(publisher->Post(std::vector<Event>{}), kInvalid, "events");
  ReaderOptions reader = ReadInto("orders", seen_);
  reader.topics.clear();
  Refused(Reader::Start(client, reader), kInvalid, "topics");
  reader.topics = {"orders", ""};
  Refused(Reader::Start(client, reader), kInvalid, "topics[1]");
  SubscriberOptions subscriber = ConsumeInto("", "orders", seen_);
  Refused(Subscriber::Start(client, subscriber), kInvalid, "subscription");
  subscriber.subscription = "billing";
  subscriber.create = SubscriptionSettings{};
  Refused(Subscriber::Start(client, subscriber), kInvalid, "create.topics");
}

TEST_F(BadUse, B3AClosedClientIsRefused) {
  Client client = Connect();
  auto publisher = NewPublisher(client);
  client.Close();
  client.Close();
  constexpr std::string_view kClosed = "CLIENT_CLOSED";
  Refused(publisher->Post({.topic = "orders"}), kPrecondition, "", kClosed);
  Refused(publisher->PostAsync(Event{.topic = "orders"}, {}), kPrecondition, "", kClosed);
  Refused(Publisher::Create(client, {}), kPrecondition, "", kClosed);
  Refused(Reader::Start(client, ReadInto("orders", seen_)), kPrecondition, "", kClosed);
  Refused(Subscriber::Start(client, ConsumeInto("billing", "orders", seen_)), kPrecondition, "",
          kClosed);
  Refused(Admin(client).GetStats(), kPrecondition, "", kClosed);
}

TEST_F(BadUse, B4ACancelledCallIsNotMade) {
  auto publisher = NewPublisher(Connect());
  publisher->Stop();
  Refused(publisher->Post({.topic = "orders"}), kPrecondition, "", "CLIENT_CLOSED");
  Refused(publisher->PostAsync(Event{.topic = "orders"}, {}), kPrecondition, "", "CLIENT_CLOSED");
}

TEST_F(BadUse, B5WhatNoServerTakesIsRefused) {
  auto publisher = NewPublisher(Connect());
  const auto refused = [&](Event event, std::string_view field, std::string_view reason = {}) {
    event.topic = "orders";
    const std::vector<Event> events = {std::move(event)};
    Refused(publisher->Post(events), kInvalid, "events[0]." + std::string(field), reason);
  };
  refused({.payload = std::string((64 << 20) + 1, 'x')}, "payload", "EVENT_TOO_LARGE");
  refused({.id = std::string(256, 'i')}, "id");
  refused({.key = std::string(1025, 'k')}, "key");
  refused({.type = "\xff"}, "type");
  refused({.headers = {{"a b", ""}}}, "headers");
  refused({.time = FromNanos(-1)}, "time");
  refused({.deliver_at = FromNanos(7'258'118'400'000'000'000)}, "deliver_at");
  refused({.search_keys = std::vector<std::string>(17, "k")}, "search_keys");
}

}  // namespace
}  // namespace postroad::testing
