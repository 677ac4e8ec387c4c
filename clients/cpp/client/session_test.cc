// Connecting, waiting and ending, against a server that does what a script says. How the library
// fares with the real server is tested in tests/client.
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>

#include "google/rpc/error.pb.h"
#include "postroad/postroad.h"
#include "postroad/v1/postroad.grpc.pb.h"

namespace postroad {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using PostServer = grpc::ServerReaderWriter<v1::PostResponse, v1::PostRequest>;
using ReadServer = grpc::ServerWriter<v1::ReadResponse>;
using SubscribeServer = grpc::ServerReaderWriter<v1::SubscribeResponse, v1::SubscribeRequest>;

constexpr seconds kLong(20);  // a test that waits so long has failed

grpc::Status Down() { return {grpc::UNAVAILABLE, "down"}; }

grpc::Status Replaced() {
  google::rpc::ErrorInfo info;
  info.set_reason("REPLACED");
  google::rpc::Status details;
  details.add_details()->PackFrom(info);
  return {grpc::ABORTED, "replaced", details.SerializeAsString()};
}

// Time goes by in sleeps, at once, and nowhere else.
class QuickEnvironment final : public Environment {
 public:
  MonotonicTime Monotonic() const override {
    std::lock_guard lock(mutex_);
    return now_;
  }
  void Sleep(Duration duration, std::stop_token) override {
    std::lock_guard lock(mutex_);
    now_ += duration;
    sleeps_.push_back(duration);
  }
  double Random() override { return 0.5; }
  std::vector<Duration> sleeps() const {
    std::lock_guard lock(mutex_);
    return sleeps_;
  }

 private:
  mutable std::mutex mutex_;
  MonotonicTime now_{};
  std::vector<Duration> sleeps_;
};

// Runs one step of the script a call; the last one from then on.
class ScriptedServer final : public v1::Postroad::Service {
 public:
  struct Script {
    std::vector<std::function<grpc::Status(grpc::ServerContext*, ReadServer*)>> read;
    std::vector<std::function<grpc::Status(grpc::ServerContext*, PostServer*)>> post;
    std::vector<std::function<grpc::Status(grpc::ServerContext*, SubscribeServer*)>> subscribe;
  };
  explicit ScriptedServer(Script script) : script_(std::move(script)) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    address_ = "127.0.0.1:" + std::to_string(port);
  }
  ~ScriptedServer() override { server_->Shutdown(std::chrono::system_clock::now()); }
  const std::string& address() const { return address_; }

  grpc::Status Read(grpc::ServerContext* context, const v1::ReadRequest*,
                    ReadServer* stream) override {
    return Step(script_.read)(context, stream);
  }
  grpc::Status PostStream(grpc::ServerContext* context, PostServer* stream) override {
    return Step(script_.post)(context, stream);
  }
  grpc::Status Subscribe(grpc::ServerContext* context, SubscribeServer* stream) override {
    return Step(script_.subscribe)(context, stream);
  }

 private:
  template <typename Steps>
  const typename Steps::value_type& Step(const Steps& steps) {
    return steps.at(std::min<size_t>(next_++, steps.size() - 1));
  }
  const Script script_;
  std::atomic<size_t> next_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

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

class SessionTest : public testing::Test {
 protected:
  Client NewClient(const std::string& address, BackoffOptions backoff = {}) {
    ClientOptions options{.addresses = {address}, .backoff = backoff};
    options.environment = &environment_;
    options.on_state = [this](const StateChange& change) {
      std::lock_guard lock(mutex_);
      states_.push_back(change.state);
      changed_.notify_all();
    };
    return *Client::Create(std::move(options));
  }
  bool AwaitState(size_t count, State state) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kLong, [&] {
      return std::ranges::count(states_, state) >= static_cast<ptrdiff_t>(count);
    });
  }
  std::vector<State> states() {
    std::lock_guard lock(mutex_);
    return states_;
  }
  static ReaderOptions ReadOrders() {
    return {.topics = {"orders"}, .on_event = [](const ReadEvent&) { return Status{}; }};
  }

  QuickEnvironment environment_;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<State> states_;
};

TEST_F(SessionTest, WaitsGrowAndBeginAnewAfterAGoodConnection) {
  ScriptedServer server({.read = {FailRead, FailRead, FailRead, OpenAndFail, FailRead, Stay}});
  const Client client = NewClient(server.address());
  auto reader = Reader::Start(client, ReadOrders());
  ASSERT_TRUE(AwaitState(2, State::kConnected));
  (*reader)->Stop();
  const std::vector<Duration> expected = {milliseconds(100), milliseconds(200), milliseconds(400),
                                          milliseconds(100), milliseconds(200)};
  EXPECT_EQ(environment_.sleeps(), expected);
  EXPECT_EQ(states(), (std::vector<State>{State::kConnected, State::kDisconnected,
                                          State::kConnected, State::kClosed}));
  EXPECT_TRUE((*reader)->Wait());
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

TEST_F(SessionTest, AReplacedReaderStopsOrComesBackAsAsked) {
  const auto replace = [](auto*, auto*) { return Replaced(); };
  ScriptedServer server({.read = {replace, replace, Stay}});
  const Client client = NewClient(server.address());
  auto first = Reader::Start(client, ReadOrders());
  EXPECT_EQ((*first)->WaitFor(kLong).error().reason, "REPLACED");

  ReaderOptions options = ReadOrders();
  options.on_replaced = ReaderOptions::OnReplaced::kReconnect;
  auto second = Reader::Start(client, options);
  EXPECT_TRUE(AwaitState(1, State::kConnected));
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

// Answers every batch as stored, and keeps the ids it saw.
class Posts {
 public:
  using Judge = std::function<std::optional<v1::StatusDetail>(const v1::PostRequest&)>;
  // Reads `breaks_after` batches and breaks the stream without an answer, if that is set.
  auto Step(std::optional<size_t> breaks_after = {}, Judge judge = {}) {
    return [this, breaks_after, judge](grpc::ServerContext*, PostServer* stream) {
      v1::PostRequest request;
      for (size_t n = 0; stream->Read(&request); ++n) {
        Note(request);
        if (breaks_after && n + 1 == *breaks_after) return Down();
        if (breaks_after) continue;
        v1::PostResponse response;
        const auto refusal = judge ? judge(request) : std::nullopt;
        if (refusal) *response.mutable_error() = *refusal;
        for (int i = 0; !refusal && i < request.events_size(); ++i) {
          response.add_results()->set_offset(next_offset_++);
        }
        stream->Write(response);
      }
      return grpc::Status::OK;
    };
  }
  std::vector<std::string> ids() {
    std::lock_guard lock(mutex_);
    return ids_;
  }

 private:
  void Note(const v1::PostRequest& request) {
    std::lock_guard lock(mutex_);
    for (const auto& event : request.events()) ids_.push_back(event.id());
  }
  std::mutex mutex_;
  std::vector<std::string> ids_;
  std::atomic<uint64_t> next_offset_ = 0;
};

TEST_F(SessionTest, ARepeatOverANewStreamHasTheSameIds) {
  Posts posts;
  ScriptedServer server({.post = {posts.Step(1), posts.Step()}});
  const Client client = NewClient(server.address());
  auto publisher = Publisher::Create(client, {});
  const auto result = (*publisher)->Post({.topic = "t"});
  ASSERT_TRUE(result) << result.error().ToString();
  const auto ids = posts.ids();
  ASSERT_EQ(ids.size(), 2u);
  EXPECT_EQ(ids[0], ids[1]);
  EXPECT_EQ(result->id, ids[0]);
  EXPECT_EQ(ids[0].size(), 36u);
  EXPECT_EQ((*publisher)->stats().retried, 1u);
}

TEST_F(SessionTest, AnOverloadedServerIsAskedAgainAfterAWhile) {
  Posts posts;
  std::atomic<int> refusals = 0;
  const auto judge = [&](const v1::PostRequest&) -> std::optional<v1::StatusDetail> {
    if (refusals++ >= 2) return {};
    v1::StatusDetail detail;
    detail.set_code(grpc::RESOURCE_EXHAUSTED);
    return detail;
  };
  ScriptedServer server({.post = {posts.Step({}, judge)}});
  const Client client = NewClient(server.address());
  auto publisher = Publisher::Create(client, {});
  ASSERT_TRUE((*publisher)->Post({.topic = "t"}));
  EXPECT_EQ(environment_.sleeps(), (std::vector<Duration>{milliseconds(100), milliseconds(200)}));
  EXPECT_EQ(posts.ids().size(), 3u);
}

TEST_F(SessionTest, ARefusalHitsOnlyTheCallThatEarnedIt) {
  Posts posts;
  const auto judge = [](const v1::PostRequest& request) -> std::optional<v1::StatusDetail> {
    for (const auto& event : request.events()) {
      if (event.topic() != "bad") continue;
      v1::StatusDetail detail;
      detail.set_code(grpc::INVALID_ARGUMENT);
      detail.set_field("events[0].topic");
      return detail;
    }
    return {};
  };
  ScriptedServer server({.post = {posts.Step({}, judge)}});
  const Client client = NewClient(server.address());
  auto publisher = Publisher::Create(client, {.linger = hours(1), .max_in_flight = 1});
  std::vector<std::future<Result<std::vector<PostResult>>>> answers;
  // The first goes out alone; the others wait for its answer, and then go together.
  for (const char* topic : {"good", "good", "bad", "good"}) {
    auto promise = std::make_shared<std::promise<Result<std::vector<PostResult>>>>();
    answers.push_back(promise->get_future());
    ASSERT_TRUE((*publisher)->PostAsync(Event{.topic = topic}, [promise](auto r) {
      promise->set_value(std::move(r));
    }));
  }
  EXPECT_TRUE(answers[0].get());
  EXPECT_TRUE(answers[1].get());
  const auto bad = answers[2].get();
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().field, "events[0].topic");
  EXPECT_TRUE(answers[3].get());
  EXPECT_EQ((*publisher)->stats().acked, 3u);
  EXPECT_EQ((*publisher)->stats().failed, 1u);
}

TEST_F(SessionTest, APostEndsAtItsDeadlineWithoutAServer) {
  const Client client = NewClient("127.0.0.1:1");
  auto publisher = Publisher::Create(client, {.timeout = seconds(5)});
  const auto result = (*publisher)->Post({.topic = "t"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kDeadlineExceeded);
}

TEST_F(SessionTest, AFullBufferRefusesOrStopEndsTheWait) {
  const Client client = NewClient("127.0.0.1:1", {.base = hours(1), .max = hours(1)});
  auto publisher = Publisher::Create(client, {.max_buffered_bytes = 1024,
                                              .when_full = PublisherOptions::WhenFull::kRefuse,
                                              .timeout = Duration{}});
  const Event event{.topic = "t", .payload = std::string(900, 'x')};
  std::promise<Result<std::vector<PostResult>>> first;
  ASSERT_TRUE((*publisher)->PostAsync(event, [&](auto r) { first.set_value(std::move(r)); }));
  EXPECT_EQ((*publisher)->PostAsync(event, {}).error().reason, "BUFFER_FULL");
  (*publisher)->Stop();
  (*publisher)->Stop();
  EXPECT_EQ(first.get_future().get().error().code, ErrorCode::kCancelled);
  EXPECT_EQ((*publisher)->PostAsync(event, {}).error().reason, "CLIENT_CLOSED");
}

TEST_F(SessionTest, ACallbackCannotWaitForItsPublisher) {
  Posts posts;
  ScriptedServer server({.post = {posts.Step()}});
  const Client client = NewClient(server.address());
  auto publisher = Publisher::Create(client, {});
  std::promise<Error> refused;
  ASSERT_TRUE((*publisher)->PostAsync(Event{.topic = "t"}, [&](const auto&) {
    refused.set_value((*publisher)->Post({.topic = "t"}).error());
  }));
  EXPECT_EQ(refused.get_future().get().code, ErrorCode::kFailedPrecondition);
}

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
  SubscriberOptions options{.subscription = "s", .settle_linger = hours(1)};
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

TEST(BadUseTest, IsAnErrorThatNamesTheFieldBeforeAnythingIsSent) {
  EXPECT_EQ(Client::Create({.addresses = {}}).error().field, "addresses");
  EXPECT_EQ(Client::Create({.addresses = {"nowhere"}}).error().field, "addresses[0]");
  EXPECT_EQ(Client::Create({.addresses = {"h:99999"}}).error().field, "addresses[0]");
  EXPECT_EQ(Client::Create({.tls = {.enabled = true, .ca_file = "/none"}}).error().field,
            "tls.ca_file");
  EXPECT_EQ(Client::Create({.tls = {.ca_file = "/none"}}).error().field, "tls.enabled");
  EXPECT_EQ(Client::Create({.backoff = {.base = Duration{}}}).error().field, "backoff.base");
  EXPECT_EQ(Client::Create({.api_key = "a\nb"}).error().field, "api_key");

  const auto client = Client::Create({.addresses = {"127.0.0.1:1"}});
  ASSERT_TRUE(client);
  auto publisher = Publisher::Create(*client, {});
  EXPECT_EQ((*publisher)->Post(Event{}).error().field, "events[0].topic");
  EXPECT_EQ((*publisher)->Post(std::span<const Event>()).error().field, "events");
  const std::vector<Event> events = {{.topic = "a"}, {.topic = "a*"}};
  EXPECT_EQ((*publisher)->Post(events).error().field, "events[1].topic");
  EXPECT_EQ(Publisher::Create(*client, {.max_in_flight = 0}).error().field, "max_in_flight");

  const auto on_event = [](const ReadEvent&) { return Status{}; };
  EXPECT_EQ(Reader::Start(*client, {.on_event = on_event}).error().field, "topics");
  EXPECT_EQ(Reader::Start(*client, {.topics = {"a"}}).error().field, "on_event");
  EXPECT_EQ(Reader::Start(*client,
                          {.topics = {"a"}, .from = FromCursor{"nonsense"}, .on_event = on_event})
                .error()
                .field,
            "from.cursor");

  const auto handler = [](Delivery&) { return Status{}; };
  EXPECT_EQ(Subscriber::Start(*client, {.handler = handler}).error().field, "subscription");
  EXPECT_EQ(Subscriber::Start(*client, {.subscription = "s"}).error().field, "handler");
  EXPECT_EQ(Subscriber::Start(*client, {.subscription = "s",
                                        .concurrency = 2,
                                        .commit_mode = CommitMode::kBatch,
                                        .handler = handler})
                .error()
                .field,
            "concurrency");
  EXPECT_EQ(Admin(*client).GetTopic("").error().field, "name");
}

}  // namespace
}  // namespace postroad
