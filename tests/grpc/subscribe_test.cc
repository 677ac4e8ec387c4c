// Subscribe over a real connection, with the real delivery engine.
#include <gtest/gtest.h>

#include <set>

#include "postroad/v1/admin.grpc.pb.h"
#include "tests/grpc/grpc_help.h"
#include "tests/grpc/test_server.h"

namespace postroad::testing {
namespace {

using Strings = std::vector<std::string>;

// One event as a member got it.
struct Got {
  std::string id;
  uint64_t delivery_id = 0;
  uint32_t attempt = 1;
};

// A member and what it does.
class Membership {
 public:
  Membership(v1::Postroad::Stub& stub, const v1::Join& join) {
    SetDeadline(context_);
    stream_ = stub.Subscribe(&context_);
    v1::SubscribeRequest request;
    *request.mutable_join() = join;
    stream_->Write(request);
  }
  // The first answer; nothing if the call failed.
  std::optional<v1::Joined> Joined() {
    v1::SubscribeResponse response;
    if (!stream_->Read(&response)) return std::nullopt;
    EXPECT_TRUE(response.has_joined());
    return response.joined();
  }
  // Deliveries until `n` came or the stream ended. Settle failures on the way are kept.
  std::vector<Got> Take(size_t n) {
    std::vector<Got> got;
    v1::SubscribeResponse response;
    while (got.size() < n && stream_->Read(&response)) {
      for (const auto& failure : response.settle_failures().failures()) failures.push_back(failure);
      const auto& batch = response.deliveries();
      for (int i = 0; i < batch.events_size(); ++i) {
        got.push_back({batch.events(i).id(), batch.delivery_ids(i),
                       batch.attempts().empty() ? 1 : batch.attempts(i)});
      }
    }
    return got;
  }
  Strings TakeIds(size_t n) {
    Strings ids;
    for (const Got& got : Take(n)) ids.push_back(got.id);
    return ids;
  }
  // The next settle failure.
  v1::SettleFailures::Failure TakeFailure() {
    v1::SubscribeResponse response;
    while (stream_->Read(&response)) {
      if (response.has_settle_failures()) return response.settle_failures().failures(0);
    }
    ADD_FAILURE() << "the stream ended";
    return {};
  }
  void Credit(uint32_t events) {
    v1::SubscribeRequest request;
    request.mutable_credit()->set_events(events);
    stream_->Write(request);
  }
  void Settle(const v1::Settle& settle) {
    v1::SubscribeRequest request;
    *request.mutable_settle() = settle;
    stream_->Write(request);
  }
  void Ack(const std::vector<Got>& all) {
    v1::Settle settle;
    for (const Got& got : all) settle.add_acks(got.delivery_id);
    Settle(settle);
  }
  void Write(const v1::SubscribeRequest& request) { stream_->Write(request); }
  void HalfClose() { stream_->WritesDone(); }
  void Cancel() { context_.TryCancel(); }
  grpc::Status Finish() {
    v1::SubscribeResponse rest;
    while (stream_->Read(&rest)) {
    }
    return stream_->Finish();
  }

  std::vector<v1::SettleFailures::Failure> failures;

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::SubscribeRequest, v1::SubscribeResponse>> stream_;
};

v1::Join Create(const std::string& subscription, const Strings& topics, uint32_t credit = 1'000) {
  v1::Join join;
  join.set_subscription(subscription);
  for (const std::string& topic : topics) join.mutable_create()->add_topics(topic);
  join.mutable_create()->set_start(v1::START_POSITION_BEGINNING);
  join.set_credit(credit);
  return join;
}

class SubscribeGrpc : public ::testing::Test {
 protected:
  v1::Subscription Info(const std::string& name) {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::GetSubscriptionRequest request;
    request.set_name(name);
    v1::Subscription info;
    const grpc::Status status = admin->GetSubscription(&context, request, &info);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return info;
  }

  TestServer server;
  std::shared_ptr<grpc::Channel> channel = server.NewChannel();
  std::unique_ptr<v1::Postroad::Stub> stub = v1::Postroad::NewStub(channel);
  std::unique_ptr<v1::Admin::Stub> admin = v1::Admin::NewStub(channel);
};

TEST_F(SubscribeGrpc, DeliversAndMovesTheFloorWhenAcked) {
  MustPost(*stub, Batch("orders", {"a", "b"}));
  Membership member(*stub, Create("billing", {"orders"}));
  const auto joined = member.Joined();
  ASSERT_TRUE(joined);
  EXPECT_TRUE(joined->created());
  EXPECT_EQ(joined->settings().topics(0), "orders");
  EXPECT_EQ(joined->settings().ack_deadline().seconds(), 30);
  EXPECT_EQ(joined->settings().retry_schedule_size(), 7);
  const auto got = member.Take(2);
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0].id, "a");
  EXPECT_EQ(Info("billing").in_flight(), 2u);
  member.Ack(got);
  EXPECT_TRUE(Eventually([&] { return Info("billing").floor() == 2; }));
  MustPost(*stub, Batch("orders", {"c"}));
  EXPECT_EQ(member.TakeIds(1), (Strings{"c"}));
  member.HalfClose();
  EXPECT_TRUE(member.Finish().ok());
}

TEST_F(SubscribeGrpc, ReadsPatternsOverManyTopics) {
  Membership member(*stub, Create("all-users", {"user/*"}));
  ASSERT_TRUE(member.Joined());
  std::set<std::string> want, got;
  for (int i = 0; i < 50; ++i) {
    want.insert(std::to_string(i));
    MustPost(*stub, Batch("user/" + std::to_string(i), {std::to_string(i)}));
  }
  for (const auto& id : member.TakeIds(50)) got.insert(id);
  EXPECT_EQ(got, want);
}

TEST_F(SubscribeGrpc, CreditsBoundWhatIsDelivered) {
  MustPost(*stub, Batch("t", {"a", "b", "c", "d"}));
  Membership member(*stub, Create("s", {"t"}, /*credit=*/1));
  ASSERT_TRUE(member.Joined());
  EXPECT_EQ(member.TakeIds(1), (Strings{"a"}));
  EXPECT_EQ(Info("s").in_flight(), 1u);
  member.Credit(2);
  EXPECT_EQ(member.TakeIds(2), (Strings{"b", "c"}));
  EXPECT_EQ(Info("s").in_flight(), 3u);
}

TEST_F(SubscribeGrpc, AClientThatDoesNotReadIsGivenNoMoreThanFits) {
  for (int i = 0; i < 100; ++i) {
    MustPost(*stub, Batch("t", Strings(100, ""), std::string(1'000, 'x')));
  }
  v1::Join join = Create("s", {"t"}, 1'000'000);
  join.mutable_create()->set_max_in_flight(1'000'000);
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 64 << 10);
  auto slow = v1::Postroad::NewStub(server.NewChannel(arguments));
  Membership member(*slow, join);
  ASSERT_TRUE(member.Joined());
  ASSERT_TRUE(Eventually([&] { return Info("s").in_flight() > 0; }));
  uint64_t last = 0;
  EXPECT_TRUE(Eventually([&] {
    const uint64_t now = Info("s").in_flight();
    const bool still = now == last;
    last = now;
    if (!still) std::this_thread::sleep_for(std::chrono::milliseconds(200));
    return still;
  }));
  EXPECT_LT(last, 9'000u);
  EXPECT_EQ(member.Take(10'000).size(), 10'000u);
}

TEST_F(SubscribeGrpc, NackedEventsComeAgainWithTheirAttempt) {
  MustPost(*stub, Batch("t", {"a"}));
  Membership member(*stub, Create("s", {"t"}));
  ASSERT_TRUE(member.Joined());
  const auto first = member.Take(1);
  v1::Settle settle;
  auto* nack = settle.add_nacks();
  nack->set_delivery_id(first[0].delivery_id);
  nack->mutable_delay();
  nack->set_reason("not yet");
  member.Settle(settle);
  const auto second = member.Take(1);
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].id, "a");
  EXPECT_EQ(second[0].attempt, 2u);
}

TEST_F(SubscribeGrpc, AcksUpToADelivery) {
  MustPost(*stub, Batch("t", {"a", "b", "c"}));
  Membership member(*stub, Create("s", {"t"}));
  ASSERT_TRUE(member.Joined());
  const auto got = member.Take(3);
  v1::Settle settle;
  settle.set_ack_up_to(got[1].delivery_id);
  member.Settle(settle);
  EXPECT_TRUE(Eventually([&] { return Info("s").floor() == 2; }));
}

TEST_F(SubscribeGrpc, WrongSettlementsAreToldAndTheStreamLivesOn) {
  MustPost(*stub, Batch("t", {"a"}));
  Membership member(*stub, Create("s", {"t"}));
  ASSERT_TRUE(member.Joined());
  const auto got = member.Take(1);
  v1::Settle unknown;
  unknown.add_acks(12345);
  member.Settle(unknown);
  auto failure = member.TakeFailure();
  EXPECT_EQ(failure.delivery_id(), 12345u);
  EXPECT_EQ(failure.error().code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(failure.error().reason(), "UNKNOWN_DELIVERY");

  member.Ack(got);
  member.Ack(got);  // twice
  failure = member.TakeFailure();
  EXPECT_EQ(failure.delivery_id(), got[0].delivery_id);
  EXPECT_EQ(failure.error().reason(), "UNKNOWN_DELIVERY");

  v1::Settle absurd;
  auto* extend = absurd.add_extends();
  extend->set_delivery_id(7);
  extend->mutable_by()->set_seconds(1'000'000);
  member.Settle(absurd);
  failure = member.TakeFailure();
  EXPECT_EQ(failure.error().code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(failure.error().field(), "settle.extends[0].by");

  MustPost(*stub, Batch("t", {"b"}));
  EXPECT_EQ(member.TakeIds(1), (Strings{"b"}));
}

TEST_F(SubscribeGrpc, BadRequestsNameTheField) {
  const auto with = [](auto change) {
    v1::Join join = Create("s", {"t"});
    change(join);
    return join;
  };
  struct Case {
    v1::Join join;
    const char* field;
  };
  const Case cases[] = {
      {with([](auto& j) { j.clear_subscription(); }), "join.subscription"},
      {with([](auto& j) { j.mutable_create()->clear_topics(); }), "join.create.topics"},
      {with([](auto& j) { j.mutable_create()->set_max_in_flight(1'000'001); }),
       "join.create.max_in_flight"},
      {with([](auto& j) { j.mutable_create()->mutable_ack_deadline()->set_seconds(-1); }),
       "join.create.ack_deadline"},
      {with([](auto& j) { j.mutable_create()->mutable_ack_deadline()->set_seconds(90'000); }),
       "join.create.ack_deadline"},
      {with([](auto& j) { j.mutable_create()->set_ordering(static_cast<v1::Ordering>(9)); }),
       "join.create.ordering"},
      {with([](auto& j) { j.mutable_create()->set_start(static_cast<v1::StartPosition>(9)); }),
       "join.create.start"},
      {with([](auto& j) { j.set_commit_mode(static_cast<v1::CommitMode>(9)); }),
       "join.commit_mode"},
      {with([](auto& j) { j.mutable_auto_interval()->set_nanos(1); }), "join.auto_interval"},
      {with([](auto& j) { j.set_credit(1'000'001); }), "join.credit"},
      {with([](auto& j) { j.set_client_id("a b"); }), "join.client_id"},
  };
  for (const Case& c : cases) {
    Membership member(*stub, c.join);
    const ErrorView error = View(member.Finish());
    EXPECT_EQ(error.code, grpc::StatusCode::INVALID_ARGUMENT) << c.field;
    EXPECT_EQ(error.field, c.field);
  }
  v1::Join missing;
  missing.set_subscription("nobody-made-it");
  Membership member(*stub, missing);
  EXPECT_EQ(View(member.Finish()).code, grpc::StatusCode::NOT_FOUND);
  MustPost(*stub, Batch("t", {"a"}));  // over the same connection
}

TEST_F(SubscribeGrpc, TheFirstMessageMustBeJoin) {
  grpc::ClientContext context;
  SetDeadline(context);
  auto stream = stub->Subscribe(&context);
  v1::SubscribeRequest request;
  request.mutable_credit()->set_events(1);
  stream->Write(request);
  v1::SubscribeResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(View(stream->Finish()).reason, "NOT_JOINED");

  Membership twice(*stub, Create("s", {"t"}));
  ASSERT_TRUE(twice.Joined());
  v1::SubscribeRequest again;
  again.mutable_join()->set_subscription("s");
  twice.Write(again);
  EXPECT_EQ(View(twice.Finish()).reason, "ALREADY_JOINED");
}

TEST_F(SubscribeGrpc, WhatAGoneMemberHeldGoesToAnotherAtOnce) {
  MustPost(*stub, Batch("t", {"a", "b"}));
  auto gone = std::make_unique<Membership>(*stub, Create("s", {"t"}));
  ASSERT_TRUE(gone->Joined());
  ASSERT_EQ(gone->Take(2).size(), 2u);
  Membership heir(*stub, Create("s", {"t"}));
  ASSERT_TRUE(heir.Joined());
  gone->Cancel();
  const auto got = heir.Take(2);  // long before the ack deadline of 30 s
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0].attempt, 1u);
}

TEST_F(SubscribeGrpc, ANewerMemberOfTheSameClientEndsTheOlder) {
  v1::Join join = Create("s", {"t"});
  join.set_client_id("worker-1");
  Membership older(*stub, join);
  ASSERT_TRUE(older.Joined());
  Membership newer(*stub, join);
  ASSERT_TRUE(newer.Joined());
  EXPECT_EQ(View(older.Finish()).code, grpc::StatusCode::ABORTED);
  MustPost(*stub, Batch("t", {"a"}));
  EXPECT_EQ(newer.TakeIds(1), (Strings{"a"}));
}

TEST_F(SubscribeGrpc, BatchModeSettlesABatchByItsLastEvent) {
  MustPost(*stub, Batch("t", {"a", "b", "c"}));
  v1::Join join = Create("s", {"t"});
  join.set_commit_mode(v1::COMMIT_MODE_BATCH);
  {
    Membership member(*stub, join);
    ASSERT_TRUE(member.Joined());
    ASSERT_EQ(member.Take(3).size(), 3u);
    member.Cancel();
  }
  Membership member(*stub, join);
  ASSERT_TRUE(member.Joined());
  const auto again = member.Take(3);
  ASSERT_EQ(again.size(), 3u) << "a batch that was not settled is given back whole";
  v1::Settle settle;
  settle.set_ack_up_to(again.back().delivery_id);
  member.Settle(settle);
  EXPECT_TRUE(Eventually([&] { return Info("s").floor() == 3; }));
}

TEST_F(SubscribeGrpc, TerminatedEventsAreNeverSentAgain) {
  MustPost(*stub, Batch("t", {"a", "b"}));
  Membership member(*stub, Create("s", {"t"}));
  ASSERT_TRUE(member.Joined());
  const auto got = member.Take(2);
  v1::Settle settle;
  settle.add_terminates()->set_delivery_id(got[0].delivery_id);
  auto* later = settle.add_nacks();
  later->set_delivery_id(got[1].delivery_id);
  later->mutable_delay()->set_nanos(10'000'000);
  member.Settle(settle);
  EXPECT_EQ(member.TakeIds(1), (Strings{"b"})) << "after its delay";
  EXPECT_TRUE(Eventually([&] { return Info("s").dead_letters() == 1; }));
}

TEST_F(SubscribeGrpc, AutoModeAcksByItself) {
  MustPost(*stub, Batch("t", {"a", "b"}));
  v1::Join join = Create("s", {"t"});
  join.set_commit_mode(v1::COMMIT_MODE_AUTO);
  join.mutable_auto_interval()->set_nanos(20'000'000);
  Membership member(*stub, join);
  ASSERT_TRUE(member.Joined());
  ASSERT_EQ(member.Take(2).size(), 2u);
  EXPECT_TRUE(Eventually([&] { return Info("s").floor() == 2; }));
}

TEST_F(SubscribeGrpc, APostCanWaitForItsAcksAndReplies) {
  Membership member(*stub, Create("s", {"t"}));
  ASSERT_TRUE(member.Joined());
  std::thread worker([&] {
    const auto got = member.Take(2);
    ASSERT_EQ(got.size(), 2u);
    v1::Settle settle;
    for (const Got& one : got) {
      auto* reply = settle.add_replies();
      reply->set_delivery_id(one.delivery_id);
      reply->set_payload("done " + one.id);
    }
    member.Settle(settle);
  });
  v1::PostRequest request = Batch("t", {"a", "b"});
  request.set_wait_for(v1::WAIT_FOR_ACKED);
  request.mutable_wait_timeout()->set_seconds(20);
  const auto answer = Post(*stub, request);
  worker.join();
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_FALSE(answer.response.wait_timed_out());
  ASSERT_EQ(answer.response.receipts_size(), 2);
  const auto& receipt = answer.response.receipts(1);
  EXPECT_EQ(receipt.event_id(), "b");
  EXPECT_TRUE(receipt.settled());
  ASSERT_EQ(receipt.subscriptions_size(), 1);
  EXPECT_EQ(receipt.subscriptions(0).state(), v1::RECEIPT_STATE_ACKED);
  EXPECT_EQ(receipt.subscriptions(0).reply(), "done b");
}

TEST_F(SubscribeGrpc, AWaitForAcksEndsAtItsTimeout) {
  Membership member(*stub, Create("s", {"t"}));
  ASSERT_TRUE(member.Joined());
  v1::PostRequest request = Batch("t", {"a"});
  request.set_wait_for(v1::WAIT_FOR_ACKED);
  request.mutable_wait_timeout()->set_nanos(50'000'000);
  const auto answer = Post(*stub, request);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_TRUE(answer.response.wait_timed_out());
  EXPECT_FALSE(answer.response.receipts(0).settled());
}

TEST_F(SubscribeGrpc, ADrainEndsMembersWithAReason) {
  Membership member(*stub, Create("s", {"t"}));
  ASSERT_TRUE(member.Joined());
  server.broker().Drain(std::chrono::milliseconds(100));
  const ErrorView error = View(member.Finish());
  EXPECT_EQ(error.code, grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(error.reason, "DRAINING");
}

TEST_F(SubscribeGrpc, NoMaxAttemptsIsOneMoreThanTheScheduleHas) {
  MustPost(*stub, Batch("t", {"a"}));
  v1::Join join = Create("s", {"t"});
  for (int i = 0; i < 2; ++i) join.mutable_create()->add_retry_schedule()->set_nanos(1'000'000);
  join.mutable_create()->set_max_attempts(0);
  Membership member(*stub, join);
  const auto joined = member.Joined();
  ASSERT_TRUE(joined);
  EXPECT_EQ(joined->settings().max_attempts(), 0u);
  for (uint32_t attempt = 1; attempt <= 3; ++attempt) {
    const auto got = member.Take(1);
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0].attempt, attempt);
    EXPECT_EQ(Info("s").dead_letters(), 0u);
    v1::Settle settle;
    settle.add_nacks()->set_delivery_id(got[0].delivery_id);
    member.Settle(settle);
  }
  EXPECT_TRUE(Eventually([&] { return Info("s").dead_letters() == 1; }));
  EXPECT_EQ(Info("s").floor(), 1u);
}

TEST_F(SubscribeGrpc, AnExtendedDeliveryIsKeptBeyondItsDeadline) {
  MustPost(*stub, Batch("t", {"kept", "not"}));
  v1::Join join = Create("s", {"t"});
  join.mutable_create()->mutable_ack_deadline()->set_seconds(1);
  join.mutable_create()->add_retry_schedule()->set_nanos(1'000'000);
  Membership member(*stub, join);
  ASSERT_TRUE(member.Joined());
  const std::vector<Got> got = member.Take(2);
  ASSERT_EQ(got.size(), 2u);
  v1::Settle settle;
  auto* extend = settle.add_extends();
  extend->set_delivery_id(got[0].delivery_id);
  extend->mutable_by()->set_seconds(3'600);
  member.Settle(settle);
  // The other one's deadline passes: were this one's that, too, it would come before.
  EXPECT_EQ(member.TakeIds(1), (Strings{"not"}));
  member.Ack({got[0]});
  EXPECT_TRUE(Eventually([&] { return Info("s").floor() == 1; }));
  EXPECT_TRUE(member.failures.empty());
}

TEST_F(SubscribeGrpc, AutoModeAcksOnlyWhatWasDeliveredBeforeTheIntervalBegan) {
  using std::chrono::milliseconds;
  v1::Join join = Create("s", {"t"});
  join.set_commit_mode(v1::COMMIT_MODE_AUTO);
  join.mutable_auto_interval()->set_nanos(200'000'000);
  Membership member(*stub, join);
  ASSERT_TRUE(member.Joined());
  for (uint64_t i = 0; i < 3; ++i) {
    const auto before = std::chrono::steady_clock::now();
    MustPost(*stub, Batch("t", {std::to_string(i)}));
    ASSERT_EQ(member.Take(1).size(), 1u);
    ASSERT_TRUE(Eventually([&] { return Info("s").floor() == i + 1; }));
    EXPECT_GE(std::chrono::steady_clock::now() - before, milliseconds(200)) << "a whole interval";
  }
  member.Cancel();
  member.Finish();
  // Who goes away within the interval has acked nothing of it.
  MustPost(*stub, Batch("t", {"again"}));
  join.mutable_auto_interval()->set_seconds(3'000);
  for (int i = 0; i < 2; ++i) {
    Membership brief(*stub, join);
    ASSERT_TRUE(brief.Joined());
    EXPECT_EQ(brief.TakeIds(1), (Strings{"again"}));
    brief.Cancel();
    brief.Finish();
  }
}

}  // namespace
}  // namespace postroad::testing
