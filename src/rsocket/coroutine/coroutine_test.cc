// Two sessions joined in memory, asked and answered by coroutines.
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <string>
#include <vector>

#include "rsocket/coroutine/responder.h"
#include "runtime/manual_clock.h"

namespace postroad::rsocket {
namespace {

namespace asio = boost::asio;

// Carries one session's frames to the other.
class Pipe final : public SessionTransport {
 public:
  explicit Pipe(asio::io_context& io) : io_(io) {}
  void Join(std::shared_ptr<Session> from, std::shared_ptr<Session> to) {
    from_ = std::move(from);
    to_ = std::move(to);
    OutputReady();
  }
  void OutputReady() override {
    asio::post(io_, [this] { Carry(); });
  }
  size_t payloads() const { return payloads_; }
  void Cut() { from_ = to_ = nullptr; }

 private:
  void Carry() {
    if (!from_) return;
    std::vector<OutFrame> frames;
    from_->TakeOutput(SIZE_MAX, frames);
    for (const OutFrame& frame : frames) {
      const std::string bytes = frame.ToString();
      const auto decoded = DecodeFrame(bytes);
      payloads_ += decoded && std::holds_alternative<PayloadFrame>(*decoded) ? 1 : 0;
      if (to_) to_->ReceivedBytes();
      if (to_) to_->Receive(bytes);
    }
    if (from_ && from_->HasOutput()) OutputReady();
  }
  asio::io_context& io_;
  std::shared_ptr<Session> from_, to_;
  size_t payloads_ = 0;
};

class Answers : public Responder {
 public:
  std::expected<void, Refusal> OnSetup(const Requester& peer, const SetupInfo&) override {
    client.emplace(peer);
    return {};
  }
  Async<Result<Payload>> RequestResponse(Payload request) override {
    if (request.data == "throw") throw std::runtime_error("thrown");
    if (request.data == "fail") co_return Fail(ErrorCode::kInvalidArgument, "no good");
    if (request.data == "hang") {
      asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::hours(1));
      try {
        co_await timer.async_wait(asio::use_awaitable);
      } catch (const boost::system::system_error& e) {
        aborted = e.code() == asio::error::operation_aborted;
        throw;
      }
    }
    if (request.data == "ask back") {
      co_return co_await client->RequestResponse(Payload("and you?"));
    }
    co_return request;
  }
  Async<Status> RequestStream(Payload request, Outbound out) override {
    const int count = std::stoi(request.data);
    for (int i = 0; i < count; ++i) {
      const Status sent = co_await out.Send(Payload(std::to_string(i)));
      if (!sent) stream_end = sent.error().code;
      if (!sent) co_return sent;
      ++sent_payloads;
    }
    if (count == 3) co_return Fail(ErrorCode::kUnavailable, "that was all");
    co_return Status{};
  }
  Async<Status> RequestChannel(Inbound in, Outbound out) override {
    while (true) {
      auto next = co_await in.Next();
      if (!next) {
        channel_end = next.error().reason;
        co_return Status{};
      }
      if (!next->has_value()) co_return Status{};
      ++received;
      if ((*next)->data == "stop") co_return co_await out.SendLast(Payload("stopped"));
      if (Status sent = co_await out.Send(**next); !sent) co_return sent;
    }
  }
  Async<void> FireAndForget(Payload payload) override {
    forgotten.push_back(payload.data);
    co_return;
  }
  void OnMetadataPush(std::string_view metadata) override { pushed = metadata; }

  std::optional<Requester> client;
  bool aborted = false;
  int sent_payloads = 0, received = 0;
  std::optional<ErrorCode> stream_end;
  std::string channel_end, pushed;
  std::vector<std::string> forgotten;
};

class CoroutineTest : public ::testing::Test {
 protected:
  CoroutineTest() {
    const auto executor = io_.get_executor();
    server_ = Session::Accept({}, clock_, to_client_, AnswerWith(answers_, executor));
    client_ = Session::Connect({}, {}, clock_, to_server_, AnswerWith(client_answers_, executor));
    to_client_.Join(server_, client_);
    to_server_.Join(client_, server_);
    requester_.emplace(client_, executor);
  }
  ~CoroutineTest() override { Lose(); }
  // The connection's end, as transports bring it about.
  void Lose() {
    asio::post(io_, [this] {
      to_client_.Cut();
      to_server_.Cut();
      if (client_) client_->Disconnected("cut");
      if (server_) server_->Disconnected("cut");
      client_.reset();
      server_.reset();
    });
    Settle();
  }
  // Runs it until nothing moves any more, and gives whether it came to its end.
  bool Run(std::function<Async<void>()> test) {
    const auto done = std::make_shared<bool>(false);
    asio::co_spawn(io_, std::move(test), [done](const std::exception_ptr& thrown) {
      *done = true;
      if (thrown) std::rethrow_exception(thrown);
    });
    Settle();
    return *done;
  }
  void Settle() {
    io_.restart();
    while (io_.poll() > 0) {
    }
  }

  asio::io_context io_;
  ManualClock clock_;
  Pipe to_client_{io_}, to_server_{io_};
  std::shared_ptr<Answers> answers_ = std::make_shared<Answers>();
  std::shared_ptr<Answers> client_answers_ = std::make_shared<Answers>();
  std::shared_ptr<Session> server_, client_;
  std::optional<Requester> requester_;
};

TEST_F(CoroutineTest, ARequestIsAnswered) {
  ASSERT_TRUE(Run([this]() -> Async<void> {
    const auto answer = co_await requester_->RequestResponse(Payload("meta", "ping"));
    EXPECT_EQ(answer, Payload("meta", "ping"));
  }));
}

TEST_F(CoroutineTest, ErrorsAndExceptionsReachWhoAsked) {
  ASSERT_TRUE(Run([this]() -> Async<void> {
    const auto refused = co_await requester_->RequestResponse(Payload("fail"));
    EXPECT_EQ(refused.error().ToString(), "INVALID_ARGUMENT: no good");
    EXPECT_EQ(refused.error().reason, "INVALID");
    const auto thrown = co_await requester_->RequestResponse(Payload("throw"));
    EXPECT_EQ(thrown.error().message, "thrown");
    EXPECT_EQ(thrown.error().reason, "APPLICATION_ERROR");
  }));
}

TEST_F(CoroutineTest, TheAcceptingSideAsks) {
  ASSERT_TRUE(Run([this]() -> Async<void> {
    const auto answer = co_await requester_->RequestResponse(Payload("ask back"));
    EXPECT_EQ(answer, Payload("and you?"));
  }));
}

TEST_F(CoroutineTest, NothingIsSentThatWasNotAskedFor) {
  std::optional<Inbound> in;
  ASSERT_TRUE(Run([&]() -> Async<void> {
    in = *requester_->RequestStream(Payload("100"), 8);
    co_return;
  }));
  EXPECT_EQ(answers_->sent_payloads, 8);
  EXPECT_EQ(to_client_.payloads(), 8u);
  ASSERT_TRUE(Run([&]() -> Async<void> {
    for (int i = 0; i < 4; ++i) {
      const auto next = co_await in->Next();
      EXPECT_EQ((*next)->data, std::to_string(i));
    }
  }));
  EXPECT_EQ(answers_->sent_payloads, 12);
  ASSERT_TRUE(Run([&]() -> Async<void> {
    int count = 4;
    for (auto next = co_await in->Next(); next->has_value(); next = co_await in->Next()) ++count;
    EXPECT_EQ(count, 100);
  }));
}

TEST_F(CoroutineTest, AStreamEndsWithItsErrorAfterWhatCame) {
  ASSERT_TRUE(Run([&]() -> Async<void> {
    Inbound in = *requester_->RequestStream(Payload("3"));
    for (int i = 0; i < 3; ++i) EXPECT_TRUE((co_await in.Next())->has_value());
    const auto end = co_await in.Next();
    EXPECT_FALSE(end);
    EXPECT_EQ(end.error().ToString(), "UNAVAILABLE: that was all");
  }));
}

TEST_F(CoroutineTest, AStreamThatIsDroppedIsCancelled) {
  ASSERT_TRUE(Run([&]() -> Async<void> {
    Inbound in = *requester_->RequestStream(Payload("100"), 2);
    (void)co_await in.Next();
  }));
  Settle();
  EXPECT_EQ(answers_->stream_end, ErrorCode::kCancelled);
  EXPECT_EQ(server_->open_streams(), 0u);
  EXPECT_EQ(client_->open_streams(), 0u);
}

TEST_F(CoroutineTest, AResponderThatWaitsForSomethingElseIsAborted) {
  asio::cancellation_signal give_up;
  asio::co_spawn(
      io_, [this]() -> Async<void> { (void)co_await requester_->RequestResponse(Payload("hang")); },
      asio::bind_cancellation_slot(give_up.slot(), [](const std::exception_ptr&) {}));
  Settle();
  EXPECT_EQ(server_->open_streams(), 1u);
  asio::post(io_, [&] { give_up.emit(asio::cancellation_type::terminal); });
  Settle();
  EXPECT_EQ(server_->open_streams(), 0u);
  EXPECT_TRUE(answers_->aborted);
}

TEST_F(CoroutineTest, AChannelIsBoundedBothWays) {
  std::optional<Channel> channel;
  int sent = 1;
  bool full = false;
  // It sends more than the responder, whose answers nobody takes, can pass on.
  ASSERT_FALSE(Run([&]() -> Async<void> {
    channel = *requester_->RequestChannel(Payload("0"), 4);
    for (; sent < 1000; ++sent) {
      if (!co_await channel->out().Send(Payload(std::to_string(sent)))) break;
    }
    channel->Complete();
    full = true;
  }));
  // Of what it may send, 4 answers wait here and the next is held back there, with a window behind.
  EXPECT_EQ(to_client_.payloads(), 4u);
  EXPECT_EQ(answers_->received, 5);
  EXPECT_LE(sent, 5 + static_cast<int>(Requester::kWindow));
  ASSERT_TRUE(Run([&]() -> Async<void> {
    int came = 0;
    for (auto next = co_await channel->in().Next(); next && next->has_value();
         next = co_await channel->in().Next()) {
      EXPECT_EQ((*next)->data, std::to_string(came++));
    }
    EXPECT_EQ(came, 1000);
  }));
  EXPECT_TRUE(full);
  EXPECT_EQ(server_->open_streams(), 0u);
}

TEST_F(CoroutineTest, AChannelsResponderMayEndIt) {
  ASSERT_TRUE(Run([&]() -> Async<void> {
    Channel channel = *requester_->RequestChannel(Payload("stop"));
    EXPECT_EQ((*co_await channel.in().Next())->data, "stopped");
    EXPECT_FALSE((co_await channel.in().Next())->has_value());
    const Status late = co_await channel.out().Send(Payload("x"));
    EXPECT_EQ(late.error().code, ErrorCode::kCancelled);
  }));
  Settle();
  EXPECT_EQ(client_->open_streams(), 0u);
  EXPECT_EQ(server_->open_streams(), 0u);
}

TEST_F(CoroutineTest, AChannelsRequesterMayFailIt) {
  ASSERT_TRUE(Run([&]() -> Async<void> {
    Channel channel = *requester_->RequestChannel(Payload("0"));
    channel.Fail({ErrorCode::kInternal, "broken"});
    EXPECT_FALSE((co_await channel.in().Next())->has_value());
  }));
  Settle();
  EXPECT_EQ(answers_->channel_end, "APPLICATION_ERROR");
  EXPECT_EQ(server_->open_streams(), 0u);
}

TEST_F(CoroutineTest, WhatNeedsNoAnswerArrives) {
  EXPECT_TRUE(requester_->FireAndForget(Payload("a")));
  EXPECT_TRUE(requester_->MetadataPush("m"));
  Settle();
  EXPECT_EQ(answers_->forgotten, std::vector<std::string>{"a"});
  EXPECT_EQ(answers_->pushed, "m");
}

TEST_F(CoroutineTest, ALostSessionEndsAllThatWaits) {
  std::optional<Result<Payload>> answer;
  std::optional<Result<std::optional<Payload>>> next;
  Inbound in = *requester_->RequestStream(Payload("1000"), 1);
  asio::co_spawn(
      io_, [&]() -> Async<void> { answer = co_await requester_->RequestResponse(Payload("hang")); },
      asio::detached);
  asio::co_spawn(
      io_,
      [&]() -> Async<void> {
        while (true) {
          next = co_await in.Next();
          if (!*next || (**next)->data == "5") break;
        }
        next = co_await in.Next();
      },
      asio::detached);
  Settle();
  Lose();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(answers_->aborted);
  EXPECT_EQ(requester_->FireAndForget(Payload("a")).error().code, ErrorCode::kUnavailable);
}

TEST_F(CoroutineTest, ASessionThatIsDroppedUntoldEndsAllThatWaits) {
  std::optional<Result<Payload>> answer;
  asio::co_spawn(
      io_, [&]() -> Async<void> { answer = co_await requester_->RequestResponse(Payload("hang")); },
      asio::detached);
  Settle();
  asio::post(io_, [this] {
    to_client_.Cut();
    to_server_.Cut();
    client_.reset();
  });
  Settle();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace postroad::rsocket
