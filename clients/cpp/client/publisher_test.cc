// How a publisher repeats, waits and ends, against a server that does what a script says.
#include <future>
#include <optional>

#include "client/session_testing.h"

namespace postroad {
namespace {

// Answers every batch as stored, and keeps the ids it saw.
class Posts {
 public:
  using Judge = std::function<std::optional<v1::StatusDetail>(const v1::PostRequest&)>;
  // Reads `breaks_after` batches and breaks the stream without an answer, if that is set.
  auto Step(std::optional<size_t> breaks_after = {}, Judge judge = {}) {
    return
        [this, breaks_after, judge = std::move(judge)](grpc::ServerContext*, PostServer* stream) {
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
  auto publisher = Publisher::Create(client, {.linger = std::chrono::hours(1), .max_in_flight = 1});
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

// As gRPC's server ends a stream whose message is over its limit.
TEST_F(SessionTest, AMessageTooLargeForTheServerFailsAlone) {
  ScriptedServer server({.post = {[](auto*, PostServer* stream) -> grpc::Status {
                           v1::PostRequest request;
                           while (stream->Read(&request)) {
                             v1::PostResponse response;
                             for (const auto& event : request.events()) {
                               if (event.payload().size() > 2000) {
                                 return {grpc::RESOURCE_EXHAUSTED,
                                         "Received message larger than max (3000 vs. 2000)"};
                               }
                               response.add_results();
                             }
                             stream->Write(response);
                           }
                           return grpc::Status::OK;
                         }}});
  const Client client = NewClient(server.address());
  auto publisher = Publisher::Create(client, {.timeout = Duration{}});
  const auto large = (*publisher)->Post({.topic = "t", .payload = std::string(3000, 'x')});
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().reason, "EVENT_TOO_LARGE");
  EXPECT_TRUE((*publisher)->Post({.topic = "t"}));
}

TEST_F(SessionTest, APostEndsAtItsDeadlineWithoutAServer) {
  const Client client = NewClient("127.0.0.1:1");
  auto publisher = Publisher::Create(client, {.timeout = seconds(5)});
  const auto result = (*publisher)->Post({.topic = "t"});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kDeadlineExceeded);
}

// Time in which there was nothing to post is no time without success.
TEST_F(SessionTest, APublisherThatWasIdleBeginsItsWaitsAnew) {
  const Client client = NewClient("127.0.0.1:1");
  auto publisher = Publisher::Create(client, {.timeout = seconds(1)});
  for (int i = 0; i < 2; ++i) {
    const auto result = (*publisher)->Post({.topic = "t"});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::kDeadlineExceeded) << result.error().ToString();
    // It waits to the end of the wait that the deadline fell into.
    ASSERT_TRUE(Eventually([&] { return environment_.sleeps().size() == 5u * (i + 1); }));
    environment_.Pass(std::chrono::hours(25));
  }
  const std::vector<Duration> once = {milliseconds(100), milliseconds(200), milliseconds(400),
                                      milliseconds(300), milliseconds(500)};
  std::vector<Duration> twice = once;
  twice.insert(twice.end(), once.begin(), once.end());
  EXPECT_EQ(environment_.sleeps(), twice);
}

// While the answer to a refused call is looked at, the next one must not go out before it.
TEST_F(SessionTest, WithOneInFlightNoPostOvertakesAnother) {
  constexpr int kPosts = 2000;
  std::vector<std::string> stored;
  int batches = 0;
  const auto refuse_every_other = [&](grpc::ServerContext*, PostServer* stream) {
    v1::PostRequest request;
    while (stream->Read(&request)) {
      v1::PostResponse response;
      if (++batches % 2 == 1) response.mutable_error()->set_code(grpc::RESOURCE_EXHAUSTED);
      for (const auto& event : request.events()) {
        if (response.has_error()) break;
        stored.push_back(event.payload());
        response.add_results();
      }
      stream->Write(response);
    }
    return grpc::Status::OK;
  };
  std::optional<ScriptedServer> server;
  server.emplace(ScriptedServer::Script{.post = {refuse_every_other}});
  std::vector<std::string> posted;
  {
    const Client client = NewClient(server->address());
    auto publisher = Publisher::Create(
        client, {.max_batch_events = 1, .max_in_flight = 1, .timeout = Duration{}});
    for (int i = 0; i < kPosts; ++i) {
      posted.push_back(std::to_string(i));
      ASSERT_TRUE((*publisher)->PostAsync(Event{.topic = "t", .payload = posted.back()}, {}));
    }
    ASSERT_TRUE((*publisher)->Flush(kLong));
  }
  server.reset();  // with its handler
  EXPECT_EQ(stored, posted);
}

TEST_F(SessionTest, AFullBufferRefusesOrStopEndsTheWait) {
  const Client client =
      NewClient("127.0.0.1:1", {.base = std::chrono::hours(1), .max = std::chrono::hours(1)});
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

}  // namespace
}  // namespace postroad
