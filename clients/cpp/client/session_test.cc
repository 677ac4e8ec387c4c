// Connecting, waiting and ending, against a server that does what a script says. How the library
// fares with the real server is tested in tests/client.
#include <cstdio>
#include <cstdlib>
#include <future>
#include <thread>

#include "client/session_testing.h"
#include "core/cursor.h"
#include "google/rpc/error.pb.h"

namespace postroad {
namespace {

using std::chrono::hours;

grpc::Status Replaced() {
  google::rpc::ErrorInfo info;
  info.set_reason("REPLACED");
  google::rpc::Status details;
  details.add_details()->PackFrom(info);
  return {grpc::ABORTED, "replaced", details.SerializeAsString()};
}

grpc::Status FailRead(grpc::ServerContext*, ReadServer*) { return Down(); }
grpc::Status OpenAndFail(grpc::ServerContext*, ReadServer* stream) {
  stream->SendInitialMetadata();
  return Down();
}
grpc::Status Stay(grpc::ServerContext* context, ReadServer* stream) {
  stream->SendInitialMetadata();
  while (!context->IsCancelled()) std::this_thread::sleep_for(milliseconds(1));
  return grpc::Status::CANCELLED;
}

TEST_F(SessionTest, WaitsGrowAndBeginAnewAfterAGoodConnection) {
  ScriptedServer server({.read = {FailRead, FailRead, FailRead, OpenAndFail, FailRead, Stay}});
  const Client client = NewClient(server.address());
  auto reader = Reader::Start(client, ReadOrders());
  ASSERT_TRUE(AwaitState(2, State::kConnected));
  (*reader)->Stop();
  const std::vector<Duration> expected = {milliseconds(100), milliseconds(200), milliseconds(400),
                                          milliseconds(100), milliseconds(200)};
  EXPECT_EQ(environment_.sleeps(), expected);
  EXPECT_EQ(states(),
            (std::vector<State>{State::kDisconnected, State::kConnected, State::kDisconnected,
                                State::kConnected, State::kClosed}));
  EXPECT_TRUE((*reader)->Wait());
}

// The waits of a reader that is replaced each time it was up for `lasts`.
class TakingTurnsTest : public SessionTest {
 protected:
  std::vector<Duration> WaitsWhenReplacedAfter(Duration lasts) {
    const auto replace = [&](auto*, ReadServer* stream) {
      stream->SendInitialMetadata();
      environment_.Pass(lasts);
      return Replaced();
    };
    ScriptedServer server({.read = {replace, replace, replace, replace, replace, Stay}});
    const Client client = NewClient(
        server.address(),
        {.base = milliseconds(100), .max = milliseconds(400), .give_up_after = milliseconds(300)});
    ReaderOptions options = ReadOrders();
    options.client_id = "one";
    auto reader = Reader::Start(client, options);
    EXPECT_TRUE(AwaitState(6, State::kConnected));
    (*reader)->Stop();
    EXPECT_TRUE((*reader)->Wait());
    return environment_.sleeps();
  }
  const std::vector<Duration> rising_ = {milliseconds(100), milliseconds(200), milliseconds(400),
                                         milliseconds(400), milliseconds(400)};
};

TEST_F(TakingTurnsTest, ComesLessAndLessOftenForEverAndSaysSo) {
  EXPECT_EQ(WaitsWhenReplacedAfter({}), rising_);
  EXPECT_NE(log().find("client id \"one\""), std::string::npos) << log();
}

// Each waits as long as the other is up.
TEST_F(TakingTurnsTest, StaysSlowWhereEachIsUpAsLongAsTheOtherWaits) {
  EXPECT_EQ(WaitsWhenReplacedAfter(milliseconds(480)), rising_);
}

TEST_F(TakingTurnsTest, OneThatLastedWasNoTurn) {
  EXPECT_EQ(WaitsWhenReplacedAfter(milliseconds(800)), std::vector<Duration>(5, milliseconds(100)));
}

TEST_F(SessionTest, AHandlerThatKeepsFailingIsCalledLessAndLessOften) {
  const auto send = [](auto*, ReadServer* stream) -> grpc::Status {
    v1::ReadResponse response;
    v1::EventBatch* batch = response.add_batches();
    batch->set_topic("orders");
    batch->add_events()->set_payload("x");
    stream->Write(response);
    return Down();
  };
  ScriptedServer server({.read = {send}});
  const Client client = NewClient(server.address());
  ReaderOptions options = ReadOrders();
  options.on_error = ReaderOptions::OnError::kRetry;
  std::atomic<int> calls = 0;
  std::promise<void> fourth;
  options.on_event = [&](const ReadEvent&) -> Status {
    if (++calls == 4) fourth.set_value();
    return Fail(ErrorCode::kInternal, "the database is down");
  };
  auto reader = Reader::Start(client, options);
  ASSERT_EQ(fourth.get_future().wait_for(kLong), std::future_status::ready);
  (*reader)->Stop();
  auto sleeps = environment_.sleeps();
  sleeps.resize(3);
  EXPECT_EQ(sleeps,
            (std::vector<Duration>{milliseconds(100), milliseconds(200), milliseconds(400)}));
}

TEST_F(SessionTest, TheCursorGivenIsThereBeforeTheServerIs) {
  const std::string cursor = EncodeCursor(TopicCursor{});
  const Client client = NewClient("127.0.0.1:1");
  ReaderOptions options = ReadOrders();
  options.from = FromCursor{cursor};
  auto reader = Reader::Start(client, options);
  ASSERT_TRUE(reader);
  EXPECT_EQ((*reader)->cursor(), cursor);
}

TEST_F(SessionTest, GivesUpAfterADayWithoutAConnection) {
  const Client client = NewClient("127.0.0.1:1", {.base = hours(5), .max = hours(5)});
  auto reader = Reader::Start(client, ReadOrders());
  const Status status = (*reader)->WaitFor(kLong);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(status.error().message.find("gave up"), std::string::npos) << status.error().message;
  EXPECT_EQ(environment_.sleeps().size(), 5u);
  EXPECT_EQ((*reader)->state(), State::kClosed);
}

TEST_F(SessionTest, ErrorsThatWouldComeAgainEndTheReader) {
  ScriptedServer server(
      {.read = {[](auto*, auto*) { return grpc::Status(grpc::UNAUTHENTICATED, "who are you"); }}});
  const Client client = NewClient(server.address());
  auto reader = Reader::Start(client, ReadOrders());
  const Status status = (*reader)->WaitFor(kLong);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kUnauthenticated);
  EXPECT_TRUE(environment_.sleeps().empty());
}

TEST_F(SessionTest, AReplacedReaderComesBackOrStopsAsAsked) {
  const auto replace = [](auto*, auto*) { return Replaced(); };
  ScriptedServer server({.read = {replace, Stay, replace}});
  const Client client = NewClient(server.address());
  auto first = Reader::Start(client, ReadOrders());
  EXPECT_TRUE(AwaitState(1, State::kConnected));

  ReaderOptions options = ReadOrders();
  options.on_replaced = ReaderOptions::OnReplaced::kStop;
  auto second = Reader::Start(client, options);
  const Status ended = (*second)->WaitFor(kLong);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().reason, "REPLACED");
}

TEST_F(SessionTest, AReplacedMemberComesBackOrStopsAsAsked) {
  const auto replace = [](auto*, auto*) { return Replaced(); };
  const auto join = [](auto*, SubscribeServer* stream) {
    v1::SubscribeResponse joined;
    joined.mutable_joined();
    stream->Write(joined);
    v1::SubscribeRequest request;
    while (stream->Read(&request)) {
    }
    return grpc::Status::OK;
  };
  ScriptedServer server({.subscribe = {replace, join, replace}});
  const Client client = NewClient(server.address());
  SubscriberOptions options{.subscription = "s", .handler = [](Delivery&) { return Status{}; }};
  auto first = Subscriber::Start(client, options);
  EXPECT_TRUE(AwaitState(1, State::kConnected));

  options.on_replaced = SubscriberOptions::OnReplaced::kStop;
  auto second = Subscriber::Start(client, options);
  const Status ended = (*second)->WaitFor(kLong);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().reason, "REPLACED");
}

TEST_F(SessionTest, StopEndsALongWaitAtOnce) {
  ClientOptions options{.addresses = {"127.0.0.1:1"},
                        .backoff = {.base = hours(1), .max = hours(1)}};
  std::promise<void> waiting;
  options.logger = [&, told = false](Severity, std::string_view message) mutable {
    if (!told && message.find("next attempt") != std::string_view::npos) {
      told = true;
      waiting.set_value();
    }
  };
  const auto client = Client::Create(std::move(options));
  auto reader = Reader::Start(*client, ReadOrders());
  ASSERT_EQ(waiting.get_future().wait_for(kLong), std::future_status::ready);
  auto stopped = std::async(std::launch::async, [&] { (*reader)->Stop(); });
  EXPECT_EQ(stopped.wait_for(kLong), std::future_status::ready);
}

TEST_F(SessionTest, CloseOfTheClientStopsItsReadersAndRefusesNewOnes) {
  ScriptedServer server({.read = {Stay}});
  Client client = NewClient(server.address());
  auto reader = Reader::Start(client, ReadOrders());
  ASSERT_TRUE(AwaitState(1, State::kConnected));
  client.Close();
  client.Close();
  EXPECT_TRUE((*reader)->WaitFor(kLong));
  EXPECT_EQ(client.state(), State::kClosed);
  EXPECT_EQ(Reader::Start(client, ReadOrders()).error().reason, "CLIENT_CLOSED");
  EXPECT_EQ(Publisher::Create(client, {}).error().reason, "CLIENT_CLOSED");
  EXPECT_EQ(Admin(client).GetStats().error().reason, "CLIENT_CLOSED");
}

TEST_F(SessionTest, SendsTheApiKeyAsABearerToken) {
  std::promise<std::string> seen;
  ScriptedServer server({.read = {[&](grpc::ServerContext* context, ReadServer*) {
                           const auto& metadata = context->client_metadata();
                           const auto it = metadata.find("authorization");
                           seen.set_value(it == metadata.end()
                                              ? ""
                                              : std::string(it->second.data(), it->second.size()));
                           return grpc::Status(grpc::PERMISSION_DENIED, "");
                         }}});
  const auto client = Client::Create({.addresses = {server.address()}, .api_key = "k3y"});
  auto reader = Reader::Start(*client, ReadOrders());
  auto key = seen.get_future();
  ASSERT_EQ(key.wait_for(kLong), std::future_status::ready);
  EXPECT_EQ(key.get(), "Bearer k3y");
}

TEST_F(SessionTest, ALostConnectionIsTriedAtTheNextAddress) {
  ScriptedServer server({.read = {Stay}});
  ClientOptions options{.addresses = {"127.0.0.1:1", server.address()}};
  options.environment = &environment_;
  const auto client = Client::Create(std::move(options));
  auto reader = Reader::Start(*client, ReadOrders());
  const auto deadline = std::chrono::steady_clock::now() + kLong;
  while ((*reader)->state() != State::kConnected && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_EQ((*reader)->state(), State::kConnected);
}

TEST_F(SessionTest, ASubscriptionThatIsNotThereEndsTheSubscriber) {
  ScriptedServer server({.subscribe = {[](auto*, auto*) {
                           return grpc::Status(grpc::NOT_FOUND, "no such subscription");
                         }}});
  const Client client = NewClient(server.address());
  auto subscriber = Subscriber::Start(
      client, {.subscription = "s", .handler = [](Delivery&) { return Status{}; }});
  EXPECT_EQ((*subscriber)->WaitFor(kLong).error().code, ErrorCode::kNotFound);
  EXPECT_EQ((*subscriber)->stats().connects, 0u);
}

// A server that accepts calls and never says anything: the next attempt is over another connection.
class SilentServerTest : public SessionTest {
 protected:
  static grpc::Status Hang(grpc::ServerContext* context) {
    while (!context->IsCancelled()) std::this_thread::sleep_for(milliseconds(1));
    return grpc::Status::CANCELLED;
  }
  Client NewImpatientClient(const std::string& address) {
    return NewClient({.addresses = {address}, .connect_timeout = milliseconds(50)});
  }
};

TEST_F(SilentServerTest, ReadersGoOnToTheNextAttempt) {
  ScriptedServer server({.read = {[](auto* context, auto*) { return Hang(context); }, Stay}});
  const Client client = NewImpatientClient(server.address());
  auto reader = Reader::Start(client, ReadOrders());
  EXPECT_TRUE(AwaitState(1, State::kConnected));
  EXPECT_TRUE(reasons().contains("CONNECT_TIMEOUT"));
}

TEST_F(SilentServerTest, SubscribersGoOnToTheNextAttempt) {
  const auto join = [](auto*, SubscribeServer* stream) {
    v1::SubscribeResponse joined;
    joined.mutable_joined();
    stream->Write(joined);
    v1::SubscribeRequest request;
    while (stream->Read(&request)) {
    }
    return grpc::Status::OK;
  };
  ScriptedServer server({.subscribe = {[](auto* context, auto*) { return Hang(context); }, join}});
  const Client client = NewImpatientClient(server.address());
  auto subscriber = Subscriber::Start(
      client, {.subscription = "s", .handler = [](Delivery&) { return Status{}; }});
  EXPECT_TRUE(AwaitState(1, State::kConnected));
  EXPECT_TRUE(reasons().contains("CONNECT_TIMEOUT"));
}

TEST_F(SilentServerTest, PublishersGoOnToTheNextAttempt) {
  const auto store = [](auto*, PostServer* stream) {
    v1::PostRequest request;
    while (stream->Read(&request)) {
      v1::PostResponse response;
      for (int i = 0; i < request.events_size(); ++i) response.add_results();
      stream->Write(response);
    }
    return grpc::Status::OK;
  };
  ScriptedServer server({.post = {[](auto* context, auto*) { return Hang(context); }, store}});
  const Client client = NewImpatientClient(server.address());
  auto publisher = Publisher::Create(client, {.timeout = Duration{}});
  EXPECT_TRUE((*publisher)->Post({.topic = "t"}));
  EXPECT_TRUE(reasons().contains("CONNECT_TIMEOUT"));
}

// The call that was taken up in time may be as quiet as it likes.
TEST_F(SilentServerTest, AStreamThatIsUpIsNotEnded) {
  ScriptedServer server({.read = {Stay}});
  const Client client = NewClient({.addresses = {server.address()}, .connect_timeout = seconds(1)});
  auto reader = Reader::Start(client, ReadOrders());
  ASSERT_TRUE(AwaitState(1, State::kConnected));
  EXPECT_FALSE((*reader)->WaitFor(milliseconds(1500)));
  EXPECT_EQ(states(), std::vector<State>{State::kConnected});
}

TEST_F(SessionTest, AReaderStopsWhileMessagesPourIn) {
  const auto pour = [](grpc::ServerContext*, ReadServer* stream) {
    v1::ReadResponse response;
    response.add_batches()->add_events()->set_payload("x");
    while (stream->Write(response)) {
    }
    return grpc::Status::OK;
  };
  ScriptedServer server({.read = {pour}});
  const Client client = NewClient(server.address());
  for (int i = 0; i < 200; ++i) {
    std::promise<void> first;
    std::once_flag once;
    ReaderOptions options = ReadOrders();
    options.on_event = [&](const ReadEvent&) {
      std::call_once(once, [&] { first.set_value(); });
      return Status{};
    };
    auto reader = Reader::Start(client, options);
    ASSERT_EQ(first.get_future().wait_for(kLong), std::future_status::ready);
    std::thread stopping([&] { (*reader)->Stop(); });
    const bool ended = (*reader)->WaitFor(kLong).has_value();
    if (!ended) {  // it hangs: nothing that waits for it may be destroyed
      std::fprintf(stderr, "the reader does not end\n");
      std::abort();
    }
    stopping.join();
  }
}

}  // namespace
}  // namespace postroad
