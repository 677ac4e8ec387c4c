// Admin against the real server: A1 to A4 of scenarios.md.
#include "client/fixture.h"

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

}  // namespace
}  // namespace postroad::testing
