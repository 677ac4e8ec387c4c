// Admin against the real server: A1 to A5 of scenarios.md.
#include "client/fixture.h"
#include "tests/support/http_client.h"

namespace postroad::testing {
namespace {

TEST_F(ClientTest, A1TopicsAndSubscriptionsAreListedPageByPage) {
  const Client client = Connect();
  auto publisher = NewPublisher(client);
  for (const char* topic : {"a", "b", "c"}) ASSERT_TRUE(publisher->Post({.topic = topic}));
  Admin admin(client);
  std::vector<std::string> names;
  std::string page;
  do {
    const auto listed = admin.ListTopics({}, page, 2);
    ASSERT_TRUE(listed) << listed.error().ToString();
    for (const auto& topic : listed->items) names.push_back(topic.name);
    page = listed->next;
  } while (!page.empty());
  EXPECT_EQ(names, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(admin.GetTopic("a")->next, Offset(1));
  EXPECT_EQ(admin.GetTopic("none").error().code, ErrorCode::kNotFound);

  const SubscriptionSettings settings{.topics = {"a"}, .ack_deadline = seconds(7)};
  ASSERT_TRUE(admin.CreateSubscription("s", settings));
  EXPECT_EQ(admin.GetSubscription("s")->settings.ack_deadline, seconds(7));
  EXPECT_EQ(admin.ListSubscriptions()->items.size(), 1u);
  EXPECT_TRUE(admin.SeekSubscription("s", SubscriptionStart::kBeginning));
  EXPECT_TRUE(admin.DeleteSubscription("s"));
  EXPECT_EQ(admin.GetSubscription("s").error().code, ErrorCode::kNotFound);
}

TEST_F(ClientTest, A2FutureEventsAreListedChangedAndCancelled) {
  const Client client = Connect();
  auto publisher = NewPublisher(client);
  const Timestamp due = std::chrono::system_clock::now() + std::chrono::hours(1);
  Event event{.id = "later", .topic = "a", .deliver_at = due, .search_keys = {"k"}};
  const auto posted = publisher->Post(event);
  ASSERT_TRUE(posted);
  EXPECT_TRUE(posted->scheduled);
  Admin admin(client);
  ASSERT_EQ(admin.ListScheduled({.search_key = "k"})->items.size(), 1u);
  const auto changed = admin.ChangeScheduled("a", "later", due + std::chrono::hours(1));
  ASSERT_TRUE(changed) << changed.error().ToString();
  EXPECT_EQ(changed->deliver_at, due + std::chrono::hours(1));
  EXPECT_EQ(*admin.Reschedule({.search_key = "k"}, due), 1u);
  EXPECT_EQ(admin.ListScheduled()->items.at(0).deliver_at, due);
  EXPECT_EQ(admin.Reschedule({}, due).error().field, "query");
  EXPECT_EQ(admin.CancelScheduled({}).error().field, "query");
  EXPECT_EQ(*admin.CancelScheduled({.search_key = "k"}), 1u);
  EXPECT_TRUE(admin.ListScheduled()->items.empty());
}

TEST_F(ClientTest, A3ReceiptsSayWhatBecameOfAnEvent) {
  const Client client = Connect();
  Seen seen;
  auto subscriber = Start(client, ConsumeInto("billing", "orders", seen));
  ASSERT_TRUE(Eventually([&] { return subscriber->state() == State::kConnected; }));
  auto publisher = NewPublisher(client);
  const auto posted = publisher->Post({.topic = "orders"});
  ASSERT_TRUE(posted);
  Admin admin(client);
  const auto awaited = admin.AwaitReceipt("orders", posted->id, kPatience);
  ASSERT_TRUE(awaited) << awaited.error().ToString();
  EXPECT_FALSE(awaited->timed_out);
  EXPECT_TRUE(awaited->receipt.settled);
  const auto receipt = admin.GetReceipt("orders", posted->id);
  ASSERT_TRUE(receipt);
  EXPECT_EQ(receipt->subscriptions.at(0).state, ReceiptState::kAcked);
  EXPECT_EQ(admin.GetReceipt("orders", "none").error().code, ErrorCode::kNotFound);
}

TEST_F(ClientTest, A4StatsNameTheVersion) {
  const auto stats = Admin(Connect()).GetStats();
  ASSERT_TRUE(stats) << stats.error().ToString();
  EXPECT_FALSE(stats->version.empty());
}

TEST_F(ClientTest, A5ConnectionsOfUsersAreListedAndInReceipts) {
  const Client client = Connect();
  Admin admin(client);
  EXPECT_TRUE(admin.ListConnections("u")->items.empty());
  HttpClient reader(server_.http_port());
  reader.Send("GET /v1/events?topic=user/u&format=sse HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(reader.ReadHead().status, 200);
  const auto read_until = [&reader](std::string_view part) {
    std::string event;
    do event = reader.ReadEvent();
    while (!event.empty() && event.find(part) == std::string::npos);
    return event;
  };
  EXPECT_NE(read_until("event: opened"), "");
  const auto listed = admin.ListConnections("u");
  ASSERT_TRUE(listed) << listed.error().ToString();
  ASSERT_EQ(listed->items.size(), 1u);
  const ConnectionInfo& connection = listed->items[0];
  EXPECT_EQ(connection.user, "u");
  EXPECT_EQ(connection.transport, "sse");
  EXPECT_FALSE(connection.suspended);
  EXPECT_EQ(admin.ListConnections()->items.at(0).connection, connection.connection);

  auto publisher = NewPublisher(client);
  ASSERT_TRUE(publisher->Post({.id = "e", .topic = "user/u", .payload = "?"}));
  EXPECT_EQ(admin.GetReceipt("user/u", "e")->connections.at(0).connection, connection.connection);
  EXPECT_NE(read_until("\"id\":\"e\""), "");
  const std::string acks = R"({"connection":")" + connection.connection +
                           R"(","acks":[{"topic":"user/u","offset":0,"reply":"yes"}]})";
  HttpClient acker(server_.http_port());
  acker.Send("POST /v1/acks HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
             std::to_string(acks.size()) + "\r\n\r\n" + acks);
  EXPECT_EQ(acker.Read().status, 200);
  const auto receipt = admin.GetReceipt("user/u", "e");
  ASSERT_TRUE(receipt) << receipt.error().ToString();
  ASSERT_EQ(receipt->connections.size(), 1u);
  EXPECT_EQ(ConnectionStateName(receipt->connections[0].state), "replied");
  EXPECT_EQ(receipt->connections[0].reply, "\"yes\"");
  EXPECT_TRUE(receipt->connections[0].at);
}

}  // namespace
}  // namespace postroad::testing
