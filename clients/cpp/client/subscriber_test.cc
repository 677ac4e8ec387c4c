// How a subscriber takes, settles and ends, against a server that does what a script says.
#include <future>

#include "client/session_testing.h"

namespace postroad {
namespace {

// Delivers 0 … count-1 as credit allows, and keeps what was settled.
class Deliveries {
 public:
  auto Step(uint64_t count, std::optional<uint64_t> breaks_after = {}) {
    return [this, count, breaks_after](grpc::ServerContext*, SubscribeServer* stream) {
      v1::SubscribeRequest request;
      if (!stream->Read(&request)) return Down();
      uint64_t credit = request.join().credit();
      v1::SubscribeResponse joined;
      joined.mutable_joined();
      stream->Write(joined);
      uint64_t next = 0;
      do {
        if (request.has_credit()) credit += request.credit().events();
        if (request.has_settle()) Keep(request.settle());
        if (breaks_after && next >= *breaks_after) return Down();
        const uint64_t sent = std::min(credit, count - next);
        if (sent > 0) stream->Write(Batch(next, sent));
        credit -= sent;
        next += sent;
      } while (stream->Read(&request));
      return grpc::Status::OK;
    };
  }
  std::vector<uint64_t> acks() {
    std::lock_guard lock(mutex_);
    return acks_;
  }
  std::vector<std::string> reasons() {
    std::lock_guard lock(mutex_);
    return reasons_;
  }

 private:
  static v1::SubscribeResponse Batch(uint64_t first, uint64_t count) {
    v1::SubscribeResponse response;
    v1::DeliveryBatch* batch = response.mutable_deliveries();
    batch->set_topic("orders");
    for (uint64_t i = first; i < first + count; ++i) {
      batch->add_delivery_ids(i);
      batch->add_offsets(i);
      batch->add_events()->set_payload(std::to_string(i));
    }
    return response;
  }
  void Keep(const v1::Settle& settle) {
    std::lock_guard lock(mutex_);
    acks_.insert(acks_.end(), settle.acks().begin(), settle.acks().end());
    for (const auto& nack : settle.nacks()) reasons_.push_back(nack.reason());
  }
  std::mutex mutex_;
  std::vector<uint64_t> acks_;
  std::vector<std::string> reasons_;
};

std::vector<uint64_t> UpTo(uint64_t count) {
  std::vector<uint64_t> numbers;
  for (uint64_t i = 0; i < count; ++i) numbers.push_back(i);
  return numbers;
}

TEST_F(SessionTest, CreditIsGivenBackAsEventsAreSettledInEveryMode) {
  for (const CommitMode mode : {CommitMode::kMessage, CommitMode::kBatch, CommitMode::kAuto}) {
    for (const uint32_t window : {1u, 7u, 2000u}) {
      Deliveries deliveries;
      ScriptedServer server({.subscribe = {deliveries.Step(500)}});
      const Client client = NewClient(server.address());
      std::atomic<uint64_t> seen = 0;
      std::promise<void> all;
      SubscriberOptions options{.subscription = "s", .max_unsettled = window, .commit_mode = mode};
      options.handler = [&](Delivery& delivery) -> Status {
        EXPECT_EQ(delivery.event().payload, std::to_string(seen));
        if (++seen == 500) all.set_value();
        return {};
      };
      auto subscriber = Subscriber::Start(client, options);
      ASSERT_EQ(all.get_future().wait_for(kLong), std::future_status::ready) << window;
      (*subscriber)->Stop();
      const bool settles = mode != CommitMode::kAuto;
      EXPECT_EQ(deliveries.acks(), settles ? UpTo(500) : UpTo(0)) << window;
    }
  }
}

TEST_F(SessionTest, StopWaitsForTheHandlerAndSendsItsAck) {
  Deliveries deliveries;
  ScriptedServer server({.subscribe = {deliveries.Step(10)}});
  const Client client = NewClient(server.address());
  std::promise<void> inside, go_on;
  SubscriberOptions options{.subscription = "s", .settle_linger = std::chrono::hours(1)};
  options.handler = [&](Delivery&) -> Status {
    inside.set_value();
    go_on.get_future().wait();
    return {};
  };
  auto subscriber = Subscriber::Start(client, options);
  ASSERT_EQ(inside.get_future().wait_for(kLong), std::future_status::ready);
  auto stopped = std::async(std::launch::async, [&] { (*subscriber)->Stop(); });
  EXPECT_EQ(stopped.wait_for(milliseconds(50)), std::future_status::timeout);
  go_on.set_value();
  ASSERT_EQ(stopped.wait_for(kLong), std::future_status::ready);
  EXPECT_EQ(deliveries.acks(), UpTo(1));
  EXPECT_TRUE((*subscriber)->Wait());
}

TEST_F(SessionTest, AnAckForALostConnectionIsNotSentOverTheNext) {
  Deliveries deliveries;
  // The first connection breaks once its two deliveries are out and one was settled.
  ScriptedServer server({.subscribe = {deliveries.Step(2, 2), deliveries.Step(2)}});
  const Client client = NewClient(server.address());
  std::mutex mutex;
  std::vector<Delivery> kept;
  SubscriberOptions options{.subscription = "s"};
  options.handler = [&](Delivery& delivery) -> Status {
    std::lock_guard lock(mutex);
    if (kept.size() == 1) return {};
    kept.push_back(delivery.Defer());
    return {};
  };
  auto subscriber = Subscriber::Start(client, options);
  ASSERT_TRUE(AwaitState(2, State::kConnected));
  {
    std::lock_guard lock(mutex);
    EXPECT_EQ(kept[0].Ack().error().reason, "CONNECTION_LOST");
  }
  const auto deadline = std::chrono::steady_clock::now() + kLong;
  while (deliveries.acks().size() < 3 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_EQ(deliveries.acks(), (std::vector<uint64_t>{1, 0, 1}));
}

TEST_F(SessionTest, WithAutoCommitWhatCameIsHandledAfterALossAndBeforeAStop) {
  std::promise<void> came;
  std::mutex mutex;
  std::vector<uint32_t> credits;
  const auto join = [&](SubscribeServer* stream) {
    v1::SubscribeRequest request;
    stream->Read(&request);
    std::lock_guard lock(mutex);
    credits.push_back(request.join().credit());
    v1::SubscribeResponse joined;
    joined.mutable_joined();
    stream->Write(joined);
  };
  ScriptedServer server({.subscribe = {[&](auto*, SubscribeServer* stream) {
                                         join(stream);
                                         v1::SubscribeResponse response;
                                         v1::DeliveryBatch* batch = response.mutable_deliveries();
                                         batch->set_topic("orders");
                                         for (uint64_t i = 0; i < 4; ++i) {
                                           batch->add_delivery_ids(i);
                                           batch->add_offsets(i);
                                           batch->add_events()->set_payload(std::to_string(i));
                                         }
                                         stream->Write(response);
                                         came.get_future().wait();
                                         return Down();
                                       },
                                       [&](auto*, SubscribeServer* stream) {
                                         join(stream);
                                         v1::SubscribeRequest request;
                                         while (stream->Read(&request)) {
                                         }
                                         return grpc::Status::OK;
                                       }}});
  const Client client = NewClient(server.address());
  std::promise<void> go_on;
  std::string seen;
  SubscriberOptions options{
      .subscription = "s", .max_unsettled = 10, .commit_mode = CommitMode::kAuto};
  options.handler = [&](Delivery& delivery) -> Status {
    if (seen.empty()) {
      came.set_value();
      go_on.get_future().wait();
    }
    seen += delivery.event().payload;
    return {};
  };
  auto subscriber = Subscriber::Start(client, options);
  ASSERT_TRUE(AwaitState(2, State::kConnected));
  auto stopped = std::async(std::launch::async, [&] { (*subscriber)->Stop(kLong); });
  go_on.set_value();
  ASSERT_EQ(stopped.wait_for(kLong), std::future_status::ready);
  EXPECT_EQ(seen, "0123");
  {
    std::lock_guard lock(mutex);
    EXPECT_EQ(credits, (std::vector<uint32_t>{10, 6}));
  }
  EXPECT_EQ((*subscriber)->stats().lost, 0u);
}

TEST_F(SessionTest, AnErrorIsANackWithItsMessage) {
  Deliveries deliveries;
  ScriptedServer server({.subscribe = {deliveries.Step(3)}});
  const Client client = NewClient(server.address());
  std::atomic<int> seen = 0;
  SubscriberOptions options{.subscription = "s"};
  options.handler = [&](Delivery& delivery) -> Status {
    ++seen;
    if (delivery.event().payload == "0") return Fail(ErrorCode::kInternal, "broken");
    if (delivery.event().payload == "1") throw std::runtime_error("thrown");
    return {};
  };
  auto subscriber = Subscriber::Start(client, options);
  const auto deadline = std::chrono::steady_clock::now() + kLong;
  while (seen < 3 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  (*subscriber)->Stop();
  EXPECT_EQ(deliveries.acks(), (std::vector<uint64_t>{2}));
  EXPECT_EQ(deliveries.reasons(),
            (std::vector<std::string>{"broken", "the handler threw: thrown"}));
}

}  // namespace
}  // namespace postroad
