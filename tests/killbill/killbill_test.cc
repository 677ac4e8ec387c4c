// Kill Bill's QueueApi as `postroad serve` speaks it: what facts of that API clients rely on, and
// what is better here.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "google/rpc/error.pb.h"
#include "killbill/queue.grpc.pb.h"
#include "postroad/v1/admin.grpc.pb.h"
#include "postroad/v1/postroad.grpc.pb.h"
#include "support/server_process.h"

namespace postroad::testing {
namespace {

using namespace std::chrono_literals;

constexpr int64_t kKey = 42;

queue::EventMsg Message(const std::string& token, int64_t search_key2 = kKey) {
  queue::EventMsg message;
  message.set_client_id("poster");
  message.set_event_json("{\"token\":\"" + token + "\"}");
  message.set_user_token(token);
  message.mutable_effective_date()->set_seconds(1'700'000'000);
  message.mutable_effective_date()->set_nanos(123'456'789);
  message.set_search_key1(7);
  message.set_search_key2(search_key2);
  return message;
}

// A subscriber's stream. Every read has an end: the stream's deadline.
class Subscriber {
 public:
  Subscriber(queue::QueueApi::Stub& stub, const std::string& client_id,
             int64_t search_key2 = kKey) {
    context_.set_deadline(std::chrono::system_clock::now() + 30s);
    queue::SubscriptionRequest request;
    request.set_client_id(client_id);
    request.set_search_key2(search_key2);
    reader_ = stub.SubscribeEvents(&context_, request);
  }
  ~Subscriber() {
    context_.TryCancel();
    if (!finished_) Finish();
  }
  // Once it has joined, so that what follows comes after it.
  Subscriber& Joined() {
    reader_->WaitForInitialMetadata();
    return *this;
  }
  bool Next(queue::EventMsg& message) { return reader_->Read(&message); }
  std::string NextToken() {
    queue::EventMsg message;
    return Next(message) ? message.user_token() : "(the stream ended)";
  }
  grpc::Status Finish() {
    finished_ = true;
    queue::EventMsg rest;
    while (reader_->Read(&rest)) {
    }
    return reader_->Finish();
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<queue::EventMsg>> reader_;
  bool finished_ = false;
};

std::string FieldOf(const grpc::Status& status) {
  google::rpc::Status details;
  details.ParseFromString(status.error_details());
  google::rpc::BadRequest bad;
  for (const auto& detail : details.details()) {
    if (detail.UnpackTo(&bad) && bad.field_violations_size() > 0) {
      return bad.field_violations(0).field();
    }
  }
  return {};
}

class KillBillTest : public ::testing::Test {
 protected:
  explicit KillBillTest(ServerOptions options = {}) : server_(std::move(options)) { Connect(); }

  void Connect() {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    channel_ =
        grpc::CreateCustomChannel(server_.grpc(), grpc::InsecureChannelCredentials(), arguments);
    stub_ = queue::QueueApi::NewStub(channel_);
  }
  template <typename Call>
  grpc::Status Do(Call call) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + 30s);
    return call(context);
  }
  grpc::Status Post(const queue::EventMsg& message) {
    return Do([&](auto& context) {
      queue::PostEventResponse response;
      return stub_->PostEvent(&context, message, &response);
    });
  }
  grpc::Status Ack(const std::string& token, bool success = true) {
    return Do([&](auto& context) {
      queue::AckRequest request;
      request.set_user_token(token);
      request.set_success(success);
      queue::AckResponse response;
      return stub_->Ack(&context, request, &response);
    });
  }
  grpc::Status Close(const std::string& client_id) {
    return Do([&](auto& context) {
      queue::CloseRequest request;
      request.set_client_id(client_id);
      queue::CloseResponse response;
      return stub_->Close(&context, request, &response);
    });
  }
  // The subscription, made beforehand to try again soon.
  void MakeImpatient(std::chrono::milliseconds ack_deadline = 30s) {
    v1::CreateSubscriptionRequest request;
    request.set_name("killbill-42");
    auto& settings = *request.mutable_settings();
    settings.add_topics("killbill/42");
    settings.set_start(v1::START_POSITION_BEGINNING);
    settings.add_retry_schedule()->set_nanos(10'000'000);
    settings.set_max_attempts(100);
    const auto millis = ack_deadline.count();
    settings.mutable_ack_deadline()->set_seconds(millis / 1'000);
    settings.mutable_ack_deadline()->set_nanos(static_cast<int32_t>(millis % 1'000 * 1'000'000));
    v1::Subscription made;
    const auto status = Do([&](auto& context) {
      return v1::Admin::NewStub(channel_)->CreateSubscription(&context, request, &made);
    });
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  double MetricValue(const std::string& name) {
    const std::string body = HttpGet(server_.http(), "/metrics").body;
    const size_t at = body.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stod(body.substr(at + name.size() + 2));
  }

  ServerProcess server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<queue::QueueApi::Stub> stub_;
};

TEST_F(KillBillTest, DeliversWhatWasPostedAndForgetsWhatWasAcked) {
  ASSERT_TRUE(Post(Message("before")).ok()) << "with no subscriber yet, it waits";
  {
    Subscriber subscriber(*stub_, "a");
    queue::EventMsg message;
    ASSERT_TRUE(subscriber.Next(message));
    EXPECT_EQ(message.DebugString(), Message("before").DebugString());
    EXPECT_TRUE(Ack("before").ok());
    ASSERT_TRUE(Post(Message("after")).ok());
    EXPECT_EQ(subscriber.NextToken(), "after");
  }
  Subscriber again(*stub_, "a");
  EXPECT_EQ(again.NextToken(), "after") << "acked it is gone, unacked it comes again";
}

TEST_F(KillBillTest, SearchKeysKeepSubscribersApart) {
  Subscriber one(*stub_, "a", 1);
  Subscriber two(*stub_, "b", -2);
  ASSERT_TRUE(Post(Message("for two", -2)).ok());
  ASSERT_TRUE(Post(Message("for one", 1)).ok());
  EXPECT_EQ(one.NextToken(), "for one");
  EXPECT_EQ(two.NextToken(), "for two");
}

TEST_F(KillBillTest, ThousandsMayBeOutstanding) {
  constexpr int kEvents = 2'000;
  for (int i = 0; i < kEvents; ++i) ASSERT_TRUE(Post(Message(std::to_string(i))).ok());
  Subscriber subscriber(*stub_, "a");
  for (int i = 0; i < kEvents; ++i) ASSERT_EQ(subscriber.NextToken(), std::to_string(i));
  for (int i = kEvents - 1; i >= 0; --i) ASSERT_TRUE(Ack(std::to_string(i)).ok());
  EXPECT_EQ(MetricValue("postroad_killbill_unknown_acks_total"), 0);
}

TEST_F(KillBillTest, MembersShareFairly) {
  constexpr int kEvents = 200;
  Subscriber one(*stub_, "a");
  Subscriber two(*stub_, "b");
  one.Joined();
  two.Joined();
  std::set<std::string> seen;
  std::atomic<int> all = 0;
  std::mutex mutex;
  std::map<Subscriber*, int> each;
  const auto consume = [&](Subscriber* subscriber) {
    queue::EventMsg message;
    while (subscriber->Next(message)) {
      EXPECT_TRUE(Ack(message.user_token()).ok());
      std::lock_guard lock(mutex);
      EXPECT_TRUE(seen.insert(message.user_token()).second) << "delivered to both";
      ++each[subscriber];
      ++all;
    }
  };
  std::thread first(consume, &one);
  std::thread second(consume, &two);
  for (int i = 0; i < kEvents; ++i) ASSERT_TRUE(Post(Message(std::to_string(i))).ok());
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (all < kEvents && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_EQ(all, kEvents);
  EXPECT_TRUE(Close("a").ok());
  EXPECT_TRUE(Close("b").ok());
  first.join();
  second.join();
  EXPECT_GT(each[&one], kEvents / 10);
  EXPECT_GT(each[&two], kEvents / 10);
}

TEST_F(KillBillTest, ANackComesAgainBySchedule) {
  MakeImpatient();
  Subscriber subscriber(*stub_, "a");
  ASSERT_TRUE(Post(Message("t")).ok());
  for (int attempt = 0; attempt < 3; ++attempt) {
    ASSERT_EQ(subscriber.NextToken(), "t") << "with the token that was posted";
    ASSERT_TRUE(Ack("t", false).ok());
  }
  ASSERT_EQ(subscriber.NextToken(), "t");
  ASSERT_TRUE(Ack("t").ok());
  ASSERT_TRUE(Post(Message("u")).ok());
  EXPECT_EQ(subscriber.NextToken(), "u");
}

TEST_F(KillBillTest, WithoutAnAckItComesAgainAfterTheDeadline) {
  MakeImpatient(100ms);
  Subscriber subscriber(*stub_, "a");
  ASSERT_TRUE(Post(Message("t")).ok());
  ASSERT_EQ(subscriber.NextToken(), "t");
  ASSERT_EQ(subscriber.NextToken(), "t");
  EXPECT_TRUE(Ack("t").ok());
}

TEST_F(KillBillTest, UnknownAcksAreFineAndCounted) {
  EXPECT_TRUE(Ack("never heard of").ok());
  EXPECT_TRUE(Ack("never heard of", false).ok());
  Subscriber subscriber(*stub_, "a");
  ASSERT_TRUE(Post(Message("t")).ok());
  ASSERT_EQ(subscriber.NextToken(), "t");
  EXPECT_TRUE(Ack("t").ok());
  EXPECT_TRUE(Ack("t").ok()) << "twice";
  EXPECT_EQ(MetricValue("postroad_killbill_unknown_acks_total"), 3);
}

TEST_F(KillBillTest, APostSentTwiceIsStoredOnce) {
  ASSERT_TRUE(Post(Message("t")).ok());
  ASSERT_TRUE(Post(Message("t")).ok());
  ASSERT_TRUE(Post(Message("end")).ok());
  Subscriber subscriber(*stub_, "a");
  EXPECT_EQ(subscriber.NextToken(), "t");
  EXPECT_EQ(subscriber.NextToken(), "end");
}

TEST_F(KillBillTest, WithoutATokenOneIsMade) {
  auto message = Message("");
  ASSERT_TRUE(Post(message).ok());
  Subscriber subscriber(*stub_, "a");
  EXPECT_EQ(subscriber.NextToken().size(), 36u);
}

TEST_F(KillBillTest, AFutureEffectiveDateIsWaitedFor) {
  Subscriber subscriber(*stub_, "a");
  auto later = Message("later");
  const auto due = std::chrono::system_clock::now() + 1s;
  const auto since_epoch = due.time_since_epoch();
  later.mutable_effective_date()->set_seconds(
      std::chrono::duration_cast<std::chrono::seconds>(since_epoch).count());
  later.mutable_effective_date()->set_nanos(
      static_cast<int32_t>(std::chrono::nanoseconds(since_epoch % 1s).count()));
  ASSERT_TRUE(Post(later).ok());
  ASSERT_TRUE(Post(Message("now")).ok());
  EXPECT_EQ(subscriber.NextToken(), "now");
  queue::EventMsg message;
  ASSERT_TRUE(subscriber.Next(message));
  EXPECT_GE(std::chrono::system_clock::now(), due) << "never early";
  EXPECT_EQ(message.DebugString(), later.DebugString());
}

TEST_F(KillBillTest, ANewerStreamOfAClientReplacesTheOlder) {
  Subscriber older(*stub_, "a");
  older.Joined();
  Subscriber newer(*stub_, "a");
  newer.Joined();
  EXPECT_EQ(older.Finish().error_code(), grpc::StatusCode::ABORTED);
  ASSERT_TRUE(Post(Message("t")).ok());
  EXPECT_EQ(newer.NextToken(), "t");
  EXPECT_TRUE(Ack("t").ok());
  EXPECT_EQ(MetricValue("postroad_killbill_unknown_acks_total"), 0);
}

TEST_F(KillBillTest, CloseEndsTheStreamAndGivesBackWhatItHeld) {
  Subscriber leaving(*stub_, "a");
  ASSERT_TRUE(Post(Message("t")).ok());
  ASSERT_EQ(leaving.NextToken(), "t");
  EXPECT_TRUE(Close("a").ok());
  const auto status = leaving.Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  Subscriber next(*stub_, "b");
  EXPECT_EQ(next.NextToken(), "t");
  EXPECT_TRUE(Close("not here").ok());
}

TEST_F(KillBillTest, ErrorsHaveTheRightCodeAndField) {
  auto token = Message(std::string(300, 'x'));
  EXPECT_EQ(Post(token).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(FieldOf(Post(token)), "user_token");
  auto date = Message("d");
  date.mutable_effective_date()->set_seconds(-5);
  EXPECT_EQ(FieldOf(Post(date)), "effective_date");
  auto large = Message("l");
  large.set_event_json(std::string(2 << 20, 'x'));
  EXPECT_EQ(Post(large).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(FieldOf(Post(large)), "event_json");
  auto text = Message("u");
  text.set_event_json("\xff");
  EXPECT_EQ(Post(text).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(FieldOf(Post(text)), "event_json");
  Subscriber bad(*stub_, "a client with blanks");
  const auto status = bad.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(FieldOf(status), "client_id");
  EXPECT_TRUE(Post(Message("fine")).ok()) << "the connection lives on";
}

TEST_F(KillBillTest, APayloadThatIsNoTextBecomesADeadLetter) {
  v1::PostRequest request;
  auto* event = request.add_events();
  event->set_topic("killbill/42");
  event->set_payload("\xff");
  v1::PostResponse posted;
  ASSERT_TRUE(Do([&](auto& context) {
                return v1::Postroad::NewStub(channel_)->Post(&context, request, &posted);
              }).ok());
  ASSERT_TRUE(Post(Message("t")).ok());
  Subscriber subscriber(*stub_, "a");
  EXPECT_EQ(subscriber.NextToken(), "t");
  v1::ListDeadLettersRequest list;
  list.set_subscription("killbill-42");
  v1::ListDeadLettersResponse letters;
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (letters.dead_letters_size() == 0 && std::chrono::steady_clock::now() < deadline) {
    ASSERT_TRUE(Do([&](auto& context) {
                  return v1::Admin::NewStub(channel_)->ListDeadLetters(&context, list, &letters);
                }).ok());
  }
  EXPECT_EQ(letters.dead_letters_size(), 1);
}

TEST_F(KillBillTest, OutlivesTheServersDeath) {
  ASSERT_TRUE(Post(Message("acked")).ok());
  ASSERT_TRUE(Post(Message("kept")).ok());
  {
    Subscriber subscriber(*stub_, "a");
    ASSERT_EQ(subscriber.NextToken(), "acked");
    ASSERT_EQ(subscriber.NextToken(), "kept");
    ASSERT_TRUE(Ack("acked").ok());
  }
  ASSERT_TRUE(server_.Stop().code == 0);
  server_.Start();
  Connect();
  Subscriber subscriber(*stub_, "a");
  EXPECT_EQ(subscriber.NextToken(), "kept");
  server_.KillAndRestart();
  Connect();
  Subscriber again(*stub_, "a");
  EXPECT_EQ(again.NextToken(), "kept");
}

TEST_F(KillBillTest, AStoppingServerTellsItsSubscribers) {
  Subscriber subscriber(*stub_, "a");
  subscriber.Joined();
  EXPECT_EQ(server_.Stop().code, 0);
  EXPECT_EQ(subscriber.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

class KillBillKeysTest : public KillBillTest {
 protected:
  KillBillKeysTest()
      : KillBillTest({.config = "[[keys]]\nname = \"billing\"\nkey = \"secret-billing-key-0001\"\n"
                                "post = [\"killbill/*\"]\nread = [\"killbill/*\"]\n"
                                "administer = [\"killbill/*\"]\n"}) {}
};

TEST_F(KillBillKeysTest, WithoutAKeyNothingGoes) {
  EXPECT_EQ(Post(Message("t")).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(Ack("t").error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(Close("a").error_code(), grpc::StatusCode::UNAUTHENTICATED);
  Subscriber subscriber(*stub_, "a");
  EXPECT_EQ(subscriber.Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

}  // namespace
}  // namespace postroad::testing
