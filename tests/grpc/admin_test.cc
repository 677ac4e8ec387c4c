// Every call of the Admin service over a real connection.
#include <gtest/gtest.h>

#include "postroad/v1/admin.grpc.pb.h"
#include "tests/grpc/grpc_help.h"
#include "tests/grpc/test_server.h"

namespace postroad::testing {
namespace {

class AdminGrpc : public ::testing::Test {
 protected:
  // Calls `method`; the response, and the status in `status`.
  template <typename Request, typename Response>
  Response Call(grpc::Status (v1::Admin::Stub::*method)(grpc::ClientContext*, const Request&,
                                                        Response*),
                const Request& request) {
    grpc::ClientContext context;
    SetDeadline(context);
    Response response;
    status = (admin.get()->*method)(&context, request, &response);
    return response;
  }
  template <typename Request>
  static Request Named(const std::string& name) {
    Request request;
    request.set_name(name);
    return request;
  }
  void CreateSubscription(const std::string& name, const std::string& topic) {
    v1::CreateSubscriptionRequest request;
    request.set_name(name);
    request.mutable_settings()->add_topics(topic);
    request.mutable_settings()->set_start(v1::START_POSITION_BEGINNING);
    Call(&v1::Admin::Stub::CreateSubscription, request);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  // Takes one event of the subscription and makes it a dead letter.
  void Kill(const std::string& subscription) {
    grpc::ClientContext context;
    SetDeadline(context);
    auto stream = stub->Subscribe(&context);
    v1::SubscribeRequest request;
    request.mutable_join()->set_subscription(subscription);
    request.mutable_join()->set_credit(1);
    stream->Write(request);
    v1::SubscribeResponse response;
    ASSERT_TRUE(stream->Read(&response));
    ASSERT_TRUE(stream->Read(&response));
    request.Clear();
    auto* terminate = request.mutable_settle()->add_terminates();
    terminate->set_delivery_id(response.deliveries().delivery_ids(0));
    terminate->set_reason("broken for good");
    stream->Write(request);
    stream->WritesDone();
    while (stream->Read(&response)) {
    }
    ASSERT_TRUE(stream->Finish().ok());
  }
  std::vector<v1::DeadLetter> DeadLetters(const std::string& subscription) {
    v1::ListDeadLettersRequest request;
    request.set_subscription(subscription);
    const auto response = Call(&v1::Admin::Stub::ListDeadLetters, request);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return {response.dead_letters().begin(), response.dead_letters().end()};
  }

  TestServer server;
  std::shared_ptr<grpc::Channel> channel = server.NewChannel();
  std::unique_ptr<v1::Postroad::Stub> stub = v1::Postroad::NewStub(channel);
  std::unique_ptr<v1::Admin::Stub> admin = v1::Admin::NewStub(channel);
  grpc::Status status;
};

using Stub = v1::Admin::Stub;

TEST_F(AdminGrpc, Topics) {
  MustPost(*stub, Batch("user/1", {"a", "b"}));
  MustPost(*stub, Batch("user/2", {"a"}));
  MustPost(*stub, Batch("other", {"a"}));

  v1::ListTopicsRequest list;
  list.set_pattern("user/*");
  list.set_page_size(1);
  auto page = Call(&Stub::ListTopics, list);
  ASSERT_EQ(page.topics_size(), 1);
  EXPECT_EQ(page.topics(0).name(), "user/1");
  EXPECT_EQ(page.topics(0).next_offset(), 2u);
  EXPECT_GT(page.topics(0).bytes(), 0u);
  EXPECT_EQ(page.topics(0).settings().max_event_bytes(), 1u << 20);
  EXPECT_EQ(page.topics(0).settings().durability(), v1::DURABILITY_DISK);
  list.set_page_token(page.next_page_token());
  page = Call(&Stub::ListTopics, list);
  ASSERT_EQ(page.topics_size(), 1);
  EXPECT_EQ(page.topics(0).name(), "user/2");
  EXPECT_EQ(Call(&Stub::ListTopics, v1::ListTopicsRequest()).topics_size(), 3);

  EXPECT_EQ(Call(&Stub::GetTopic, Named<v1::GetTopicRequest>("other")).next_offset(), 1u);
  Call(&Stub::GetTopic, Named<v1::GetTopicRequest>("none"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  Call(&Stub::GetTopic, Named<v1::GetTopicRequest>("a*"));
  EXPECT_EQ(View(status).field, "name");

  Reading reading(*stub, From({"other"}));
  reading.WaitForStart();
  Call(&Stub::DeleteTopic, Named<v1::DeleteTopicRequest>("other"));
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(View(reading.Finish()).reason, "TOPIC_DELETED");
  Call(&Stub::GetTopic, Named<v1::GetTopicRequest>("other"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(AdminGrpc, Subscriptions) {
  MustPost(*stub, Batch("t", {"a", "b"}));
  CreateSubscription("s", "t");
  CreateSubscription("s", "t");  // the same again is fine
  v1::CreateSubscriptionRequest other;
  other.set_name("s");
  other.mutable_settings()->add_topics("t");
  other.mutable_settings()->set_max_in_flight(5);
  Call(&Stub::CreateSubscription, other);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);

  v1::UpdateSubscriptionRequest update;
  update.set_name("s");
  *update.mutable_settings() = other.settings();
  update.mutable_settings()->set_start(v1::START_POSITION_BEGINNING);
  EXPECT_EQ(Call(&Stub::UpdateSubscription, update).settings().max_in_flight(), 5u);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(Call(&Stub::GetSubscription, Named<v1::GetSubscriptionRequest>("s")).end(), 2u);

  v1::SeekSubscriptionRequest seek;
  seek.set_name("s");
  seek.set_start(v1::START_POSITION_OFFSET);
  seek.set_offset(1);
  EXPECT_EQ(Call(&Stub::SeekSubscription, seek).floor(), 1u);
  EXPECT_TRUE(status.ok()) << status.error_message();

  CreateSubscription("r", "u");
  const auto list = Call(&Stub::ListSubscriptions, v1::ListSubscriptionsRequest());
  ASSERT_EQ(list.subscriptions_size(), 2);
  EXPECT_EQ(list.subscriptions(0).name(), "r");
  Call(&Stub::DeleteSubscription, Named<v1::DeleteSubscriptionRequest>("s"));
  EXPECT_TRUE(status.ok()) << status.error_message();
  Call(&Stub::GetSubscription, Named<v1::GetSubscriptionRequest>("s"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(AdminGrpc, SubscriptionSettingsAreCheckedByField) {
  struct Case {
    const char* field;
    std::function<void(v1::SubscriptionSettings&)> change;
  };
  const Case cases[] = {
      {"settings.topics", [](auto& s) { s.clear_topics(); }},
      {"settings.max_in_flight", [](auto& s) { s.set_max_in_flight(1'000'001); }},
      {"settings.ack_deadline", [](auto& s) { s.mutable_ack_deadline()->set_nanos(1); }},
      {"settings.retry_schedule[0]", [](auto& s) { s.add_retry_schedule()->set_seconds(-1); }},
      {"settings.start_time", [](auto& s) { s.set_start(v1::START_POSITION_TIME); }},
  };
  for (const Case& c : cases) {
    v1::CreateSubscriptionRequest request;
    request.set_name("s");
    request.mutable_settings()->add_topics("t");
    c.change(*request.mutable_settings());
    Call(&Stub::CreateSubscription, request);
    EXPECT_EQ(View(status).code, grpc::StatusCode::INVALID_ARGUMENT) << c.field;
    EXPECT_EQ(View(status).field, c.field);
  }
  EXPECT_EQ(Call(&Stub::ListSubscriptions, v1::ListSubscriptionsRequest()).subscriptions_size(), 0);
}

TEST_F(AdminGrpc, Schedule) {
  v1::PostRequest request = Batch("t", {"a", "b", "c"});
  for (int i = 0; i < 3; ++i) {
    request.mutable_events(i)->mutable_deliver_at()->set_seconds(4'000'000'000 + i);
  }
  request.mutable_events(1)->add_search_keys("customer-1");
  MustPost(*stub, request);

  v1::ListScheduledRequest list;
  list.set_page_size(2);
  auto page = Call(&Stub::ListScheduled, list);
  ASSERT_EQ(page.events_size(), 2) << status.error_message();
  EXPECT_EQ(page.events(0).event().id(), "a");
  EXPECT_EQ(page.events(0).event().topic(), "t");
  EXPECT_EQ(page.events(0).event().deliver_at().seconds(), 4'000'000'000);
  list.set_page_token(page.next_page_token());
  EXPECT_EQ(Call(&Stub::ListScheduled, list).events_size(), 1);

  v1::ChangeScheduledRequest change;
  change.set_topic("t");
  change.set_id("a");
  change.mutable_event()->set_payload("new");
  change.mutable_deliver_at()->set_seconds(4'000'000'100);
  const auto changed = Call(&Stub::ChangeScheduled, change);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(changed.event().payload(), "new");
  change.mutable_event()->set_id("other");
  Call(&Stub::ChangeScheduled, change);
  EXPECT_EQ(View(status).field, "event.id");
  // At once, if the time is past.
  change.clear_event();
  change.mutable_deliver_at()->set_seconds(1);
  Call(&Stub::ChangeScheduled, change);
  EXPECT_TRUE(status.ok()) << status.error_message();
  Reading reading(*stub, FromBeginning({"t"}));
  EXPECT_EQ(reading.Ids(1), (std::vector<std::string>{"t=a"}));
  Call(&Stub::ChangeScheduled, change);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);

  v1::RescheduleRequest all;
  Call(&Stub::Reschedule, all);
  EXPECT_EQ(View(status).field, "deliver_at");
  all.mutable_deliver_at()->set_seconds(4'100'000'000);
  Call(&Stub::Reschedule, all);
  EXPECT_EQ(View(status).field, "topic");
  all.set_search_key("customer-1");
  EXPECT_EQ(Call(&Stub::Reschedule, all).changed(), 1u);
  page = Call(&Stub::ListScheduled, v1::ListScheduledRequest());
  ASSERT_EQ(page.events_size(), 2);
  EXPECT_EQ(page.events(1).event().id(), "b");
  EXPECT_EQ(page.events(1).event().deliver_at().seconds(), 4'100'000'000);

  v1::CancelScheduledRequest cancel;
  Call(&Stub::CancelScheduled, cancel);
  EXPECT_EQ(View(status).field, "topic");
  cancel.set_search_key("customer-1");
  EXPECT_EQ(Call(&Stub::CancelScheduled, cancel).cancelled(), 1u);
  page = Call(&Stub::ListScheduled, v1::ListScheduledRequest());
  ASSERT_EQ(page.events_size(), 1);
  EXPECT_EQ(page.events(0).event().id(), "c");
}

TEST_F(AdminGrpc, DeadLetters) {
  MustPost(*stub, Batch("t", {"a", "b"}));
  CreateSubscription("s", "t");
  Kill("s");
  Kill("s");
  ASSERT_TRUE(Eventually([&] { return DeadLetters("s").size() == 2; }));
  auto letters = DeadLetters("s");
  EXPECT_EQ(letters[0].reason(), "broken for good");
  EXPECT_EQ(letters[0].event().topic(), "t");
  ASSERT_EQ(letters[0].attempts_size(), 1);
  EXPECT_EQ(letters[0].attempts(0).reason(), "broken for good");

  v1::EditDeadLetterRequest edit;
  edit.set_subscription("s");
  edit.set_id(letters[0].id());
  edit.mutable_event()->set_payload("mended");
  EXPECT_EQ(Call(&Stub::EditDeadLetter, edit).event().payload(), "mended");
  EXPECT_TRUE(status.ok()) << status.error_message();

  v1::ResendDeadLettersRequest resend;
  resend.set_subscription("s");
  resend.set_id(letters[0].id());
  EXPECT_EQ(Call(&Stub::ResendDeadLetters, resend).resent(), 1u) << status.error_message();

  v1::DropDeadLettersRequest drop;
  drop.set_subscription("s");
  drop.set_id(letters[1].id());
  EXPECT_EQ(Call(&Stub::DropDeadLetters, drop).dropped(), 1u) << status.error_message();
  v1::ListDeadLettersRequest bad;
  bad.set_subscription("s");
  bad.set_page_token("x");
  Call(&Stub::ListDeadLetters, bad);
  EXPECT_EQ(View(status).field, "page_token");
}

TEST_F(AdminGrpc, Receipts) {
  CreateSubscription("s", "t");
  MustPost(*stub, Batch("t", {"a"}));
  v1::GetReceiptRequest get;
  get.set_topic("t");
  get.set_event_id("a");
  const auto receipt = Call(&Stub::GetReceipt, get);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_FALSE(receipt.settled());
  ASSERT_EQ(receipt.subscriptions_size(), 1);
  EXPECT_EQ(receipt.subscriptions(0).state(), v1::RECEIPT_STATE_STORED);
  get.clear_event_id();
  Call(&Stub::GetReceipt, get);
  EXPECT_EQ(View(status).field, "event_id");

  v1::AwaitReceiptRequest await;
  await.set_topic("t");
  await.set_event_id("a");
  await.mutable_timeout()->set_nanos(20'000'000);
  EXPECT_TRUE(Call(&Stub::AwaitReceipt, await).timed_out()) << status.error_message();
  await.mutable_timeout()->set_seconds(20);
  std::thread killer([&] { Kill("s"); });
  const auto settled = Call(&Stub::AwaitReceipt, await);
  killer.join();
  EXPECT_FALSE(settled.timed_out());
  EXPECT_EQ(settled.receipt().subscriptions(0).state(), v1::RECEIPT_STATE_DEAD);
  await.mutable_timeout()->set_seconds(3'601);
  Call(&Stub::AwaitReceipt, await);
  EXPECT_EQ(View(status).field, "timeout");
}

// A connection of a user that nobody speaks to.
class Silent final : public broker::ConnectionSink {
  void OnClose(const Error&) override {}
  void OnQuestion(const broker::Question&) override {}
  void OnWithdrawn(broker::QuestionId) override {}
};

TEST_F(AdminGrpc, UsersConnectionsAndWhatTheyDid) {
  CorePool cores(1);
  Silent sink;
  std::vector<std::unique_ptr<broker::UserConnection>> connections;
  for (const char* user : {"u", "u", "v"}) {
    connections.push_back(*server.broker().Connect(
        auth::Principal::Anyone(), {.user = user, .transport = "sse", .peer = "p:1"}, cores.at(0),
        sink));
  }
  v1::ListConnectionsRequest list;
  list.set_user("u");
  const auto of_user = Call(&Stub::ListConnections, list);
  ASSERT_EQ(of_user.connections_size(), 2) << status.error_message();
  EXPECT_EQ(of_user.connections(0).connection(), connections[0]->name());
  EXPECT_EQ(of_user.connections(0).transport(), "sse");
  EXPECT_EQ(of_user.connections(0).peer(), "p:1");
  EXPECT_GT(of_user.connections(0).since().seconds(), 1'700'000'000);
  list.clear_user();
  list.set_page_size(2);
  const auto first = Call(&Stub::ListConnections, list);
  EXPECT_EQ(first.connections_size(), 2);
  list.set_page_token(first.next_page_token());
  EXPECT_EQ(Call(&Stub::ListConnections, list).connections(0).user(), "v");

  const auto reading = connections[0]->Read("user/u", {});
  MustPost(*stub, Batch("user/u", {"a"}));
  reading->Sent(Offset(1));
  ASSERT_TRUE(connections[0]->Ack({.topic = "user/u",
                                   .offset = Offset(0),
                                   .state = broker::ConnectionState::kReplied,
                                   .text = "{}"}));
  v1::GetReceiptRequest get;
  get.set_topic("user/u");
  get.set_event_id("a");
  const auto receipt = Call(&Stub::GetReceipt, get);
  ASSERT_EQ(receipt.connections_size(), 1) << status.error_message();
  EXPECT_EQ(receipt.connections(0).connection(), connections[0]->name());
  EXPECT_EQ(receipt.connections(0).state(), v1::CONNECTION_STATE_REPLIED);
  EXPECT_EQ(receipt.connections(0).reply(), "{}");
  EXPECT_TRUE(receipt.connections(0).has_at());
}

TEST_F(AdminGrpc, Server) {
  MustPost(*stub, Batch("t", {"a"}));
  const auto stats = Call(&Stub::GetStats, v1::GetStatsRequest());
  EXPECT_EQ(stats.feed_next(), 1u);
  EXPECT_EQ(stats.epoch().size(), 16u);
  EXPECT_GT(stats.free_disk_bytes(), 0u);
  v1::BackupRequest backup;
  backup.set_directory("relative");
  Call(&Stub::Backup, backup);
  EXPECT_EQ(View(status).field, "directory");
  backup.set_directory(server.directory() + "/backup");
  EXPECT_GT(Call(&Stub::Backup, backup).bytes(), 0u) << status.error_message();
  Call(&Stub::Backup, backup);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
}

}  // namespace
}  // namespace postroad::testing
