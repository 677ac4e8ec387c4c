// Post and PostStream over a real connection.
#include <gtest/gtest.h>

#include "tests/grpc/grpc_help.h"
#include "tests/grpc/test_server.h"

namespace postroad::testing {
namespace {

class PostGrpc : public ::testing::Test {
 protected:
  std::vector<std::string> Stored(const std::string& topic) {
    Reading reading(*stub, FromBeginning({topic}, /*stop=*/true));
    return reading.Ids(SIZE_MAX);
  }

  TestServer server;
  std::shared_ptr<grpc::Channel> channel = server.NewChannel();
  std::unique_ptr<v1::Postroad::Stub> stub = v1::Postroad::NewStub(channel);
};

using Strings = std::vector<std::string>;

TEST_F(PostGrpc, AnswersOneResultForEachEvent) {
  v1::PostRequest request = Batch("orders", {"a", ""});
  auto first = Post(*stub, request);
  ASSERT_TRUE(first.status.ok()) << first.status.error_message();
  ASSERT_EQ(first.response.results_size(), 2);
  EXPECT_EQ(first.response.durability(), v1::DURABILITY_DISK);
  EXPECT_EQ(first.response.results(0).id(), "");
  EXPECT_EQ(first.response.results(1).id().size(), 36u);
  EXPECT_EQ(first.response.results(1).offset(), 1u);

  auto second = Post(*stub, Batch("orders", {"b", "a"}));
  ASSERT_TRUE(second.status.ok());
  EXPECT_EQ(second.response.results(0).offset(), 2u);
  EXPECT_TRUE(second.response.results(1).duplicate());
  EXPECT_EQ(second.response.results(1).offset(), 0u);
}

TEST_F(PostGrpc, KeepsEveryFieldOfAnEvent) {
  v1::PostRequest request;
  v1::Event& event = *request.add_events();
  event.set_id("id");
  event.set_topic("orders");
  event.set_key("key");
  event.set_type("order.paid");
  event.set_content_type("application/json");
  event.set_payload(std::string("\0\xff{}", 4));
  (*event.mutable_headers())["h"] = "v";
  event.mutable_time()->set_seconds(1'700'000'000);
  event.mutable_time()->set_nanos(5);
  event.add_search_keys("customer-1");
  MustPost(*stub, request);
  Reading reading(*stub, FromBeginning({"orders"}, true));
  v1::ReadResponse response;
  ASSERT_TRUE(reading.Next(response));
  v1::Event got = response.batches(0).events(0);
  EXPECT_EQ(got.topic(), "");
  got.set_topic("orders");
  EXPECT_EQ(got.SerializeAsString(), event.SerializeAsString());
}

TEST_F(PostGrpc, SchedulesWhatIsForLater) {
  v1::PostRequest request = Batch("orders", {"later"});
  request.mutable_events(0)->mutable_deliver_at()->set_seconds(4'000'000'000);
  const auto answer = Post(*stub, request);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_TRUE(answer.response.results(0).scheduled());
  EXPECT_EQ(Stored("orders"), Strings{});
}

TEST_F(PostGrpc, CarriesTraceContextIntoEvents) {
  const std::string trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  for (const std::string& sent : {trace, std::string("nonsense")}) {
    grpc::ClientContext context;
    SetDeadline(context);
    context.AddMetadata("traceparent", sent);
    v1::PostResponse response;
    ASSERT_TRUE(stub->Post(&context, Batch("orders", {""}), &response).ok());
  }
  Reading reading(*stub, FromBeginning({"orders"}, true));
  v1::ReadResponse response;
  std::vector<v1::Event> events;
  while (reading.Next(response)) {
    for (const auto& batch : response.batches()) {
      events.insert(events.end(), batch.events().begin(), batch.events().end());
    }
  }
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].headers().at("traceparent"), trace);
  EXPECT_EQ(events[1].headers().count("traceparent"), 0u);
}

// Issue "The first road", bad input: each names its field, stores nothing, and the connection goes
// on.
TEST_F(PostGrpc, BadInputNamesTheFieldAndStoresNothing) {
  struct Case {
    const char* what;
    v1::PostRequest request;
    const char* field;
    grpc::StatusCode code = grpc::StatusCode::INVALID_ARGUMENT;
    const char* reason = nullptr;  // any
  };
  std::vector<Case> cases;
  const auto add = [&cases](const char* what, const char* field, auto change) -> Case& {
    Case& c = cases.emplace_back(Case{what, Batch("good", {"a", "b"}), field});
    change(c.request);
    return c;
  };
  add("no events", "events", [](auto& r) { r.clear_events(); });
  add("no topic", "events[1].topic", [](auto& r) { r.mutable_events(1)->clear_topic(); });
  add("over-long topic", "events[1].topic",
      [](auto& r) { r.mutable_events(1)->set_topic(std::string(256, 't')); });
  add("wildcard", "events[0].topic", [](auto& r) { r.mutable_events(0)->set_topic("user/*"); });
  add("system topic", "events[1].topic", [](auto& r) {
    r.mutable_events(1)->set_topic("_x");
  }).reason = "SYSTEM_TOPIC";
  add("over-long id", "events[1].id",
      [](auto& r) { r.mutable_events(1)->set_id(std::string(256, 'i')); });
  add("over-long key", "events[1].key",
      [](auto& r) { r.mutable_events(1)->set_key(std::string(1025, 'k')); });
  add("negative time", "events[1].time",
      [](auto& r) { r.mutable_events(1)->mutable_time()->set_seconds(-1); });
  add("absurd time", "events[1].deliver_at",
      [](auto& r) { r.mutable_events(1)->mutable_deliver_at()->set_seconds(99'999'999'999); });
  add("absurd nanos", "events[1].time",
      [](auto& r) { r.mutable_events(1)->mutable_time()->set_nanos(-1); });
  add("event too large", "events[1].payload", [](auto& r) {
    r.mutable_events(1)->set_payload(std::string((1 << 20) + 1, 'x'));
  }).reason = "EVENT_TOO_LARGE";
  add("too many events", "events", [](auto& r) {
    for (int i = 0; i < 10'000; ++i) r.add_events()->set_topic("good");
  }).reason = "BATCH_TOO_LARGE";
  add("batch too large", "events", [](auto& r) {
    for (int i = 0; i < 9; ++i) {
      r.add_events()->set_topic("good");
      r.mutable_events(i + 2)->set_payload(std::string(1'000'000, 'x'));
    }
  }).reason = "BATCH_TOO_LARGE";
  add("too many search keys", "events[1].search_keys", [](auto& r) {
    for (int i = 0; i < 17; ++i) r.mutable_events(1)->add_search_keys("k");
  });
  add("unknown wait_for", "wait_for", [](auto& r) { r.set_wait_for(static_cast<v1::WaitFor>(7)); });
  add("no wait_timeout", "wait_timeout", [](auto& r) { r.set_wait_for(v1::WAIT_FOR_ACKED); });
  add("negative wait_timeout", "wait_timeout", [](auto& r) {
    r.set_wait_for(v1::WAIT_FOR_ACKED);
    r.mutable_wait_timeout()->set_seconds(-1);
  });
  add("wait_timeout too long", "wait_timeout", [](auto& r) {
    r.set_wait_for(v1::WAIT_FOR_ACKED);
    r.mutable_wait_timeout()->set_seconds(3601);
  });
  for (const Case& c : cases) {
    const auto answer = Post(*stub, c.request);
    const ErrorView error = View(answer.status);
    EXPECT_EQ(error.code, c.code) << c.what;
    EXPECT_EQ(error.field, c.field) << c.what;
    EXPECT_FALSE(error.reason.empty()) << c.what;
    if (c.reason != nullptr) EXPECT_EQ(error.reason, c.reason) << c.what;
    EXPECT_EQ(error.domain, "postroad") << c.what;
  }
  EXPECT_EQ(Stored("good"), Strings{});
  EXPECT_TRUE(Post(*stub, Batch("good", {"a"})).status.ok());
  EXPECT_EQ(channel->GetState(false), GRPC_CHANNEL_READY);
}

// Sends bytes that no generated class would.
grpc::Status PostRaw(grpc::Channel& channel, const std::string& bytes) {
  const grpc::internal::RpcMethod method("/postroad.v1.Postroad/Post",
                                         grpc::internal::RpcMethod::NORMAL_RPC);
  grpc::ClientContext context;
  SetDeadline(context);
  const grpc::Slice slice(bytes);
  const grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer response;
  return grpc::internal::BlockingUnaryCall(&channel, method, &context, request, &response);
}

TEST_F(PostGrpc, MalformedMessagesNameTheFieldToo) {
  const auto framed = [](const std::string& event) {
    return std::string("\x0a") + static_cast<char>(event.size()) + event;
  };
  const std::string good = framed("\x12\x04good");
  struct Case {
    const char* what;
    std::string bytes;
    const char* field;
  };
  for (const Case& c : {
           Case{"broken UTF-8 in a type", good + framed("\x12\x04good\x22\x01\xff"),
                "events[1].type"},
           Case{"broken UTF-8 in a topic", framed("\x12\x02\xc0\x80"), "events[0].topic"},
           Case{"an event cut off", good + framed("\x12\x10go"), "events[1]"},
           Case{"a message cut off", good + "\x0a\x7f", ""},
           Case{"a malformed wait_timeout", good + "\x10\x01\x1a\x02\x08\xff", "wait_timeout"},
       }) {
    const ErrorView error = View(PostRaw(*channel, c.bytes));
    EXPECT_EQ(error.code, grpc::StatusCode::INVALID_ARGUMENT) << c.what;
    EXPECT_EQ(error.field, c.field) << c.what;
  }
  EXPECT_EQ(Stored("good"), Strings{});
  EXPECT_TRUE(PostRaw(*channel, good).ok());
}

TEST_F(PostGrpc, AMessageBeyondTheLimitIsRefusedAndTheConnectionLives) {
  v1::PostRequest request = Batch("good", {"a"}, std::string(17 << 20, 'x'));
  EXPECT_EQ(Post(*stub, request).status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Post(*stub, Batch("good", {"a"})).status.ok());
}

TEST_F(PostGrpc, StreamAnswersInOrderAndLivesOnAfterARefusedBatch) {
  grpc::ClientContext context;
  SetDeadline(context);
  auto stream = stub->PostStream(&context);
  constexpr int kBatches = 200, kBad = 77;
  std::thread writer([&] {
    for (int i = 0; i < kBatches; ++i) {
      const std::string id = std::to_string(i);
      v1::PostRequest request = Batch("orders", {id + "a", id + "b"});
      if (i == kBad) request.mutable_events(1)->set_topic("a*b");
      EXPECT_TRUE(stream->Write(request));
    }
    stream->WritesDone();
  });
  v1::PostResponse response;
  uint64_t offset = 0;
  int answers = 0;
  for (; stream->Read(&response); ++answers) {
    if (answers == kBad) {
      EXPECT_EQ(response.results_size(), 0);
      EXPECT_EQ(response.error().code(), grpc::StatusCode::INVALID_ARGUMENT);
      EXPECT_EQ(response.error().field(), "events[1].topic");
      continue;
    }
    ASSERT_FALSE(response.has_error()) << response.error().message();
    ASSERT_EQ(response.results_size(), 2);
    EXPECT_EQ(response.results(0).offset(), offset++);
    EXPECT_EQ(response.results(1).offset(), offset++);
  }
  writer.join();
  EXPECT_EQ(answers, kBatches);
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(Stored("orders").size(), 2u * (kBatches - 1));
}

TEST_F(PostGrpc, StreamThatIsCancelledLeavesTheConnection) {
  {
    grpc::ClientContext context;
    auto stream = stub->PostStream(&context);
    stream->Write(Batch("orders", {"a"}));
    v1::PostResponse response;
    ASSERT_TRUE(stream->Read(&response));
    context.TryCancel();
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  EXPECT_TRUE(Post(*stub, Batch("orders", {"b"})).status.ok());
}

// A client that sends and never reads its answers is stopped by the window: the server takes in no
// more than that.
TEST_F(PostGrpc, StreamWithoutReadingIsHeldBack) {
  grpc::ClientContext context;
  auto stream = stub->PostStream(&context);
  std::atomic<int> written = 0;
  const std::string payload(256, 'x');
  std::vector<std::string> ids(2'000, "");
  const v1::PostRequest request = Batch("orders", ids, payload);
  std::thread writer([&] {
    while (written < 2'000 && stream->Write(request)) ++written;
  });
  // It comes to a halt well before all is sent: answers fill the connection's windows.
  int last = -1;
  EXPECT_TRUE(Eventually([&] {
    const int now = written;
    const bool halted = now == last && now > 0;
    last = now;
    if (!halted) std::this_thread::sleep_for(std::chrono::milliseconds(500));
    return halted;
  }));
  EXPECT_LT(written, 2'000);
  context.TryCancel();
  writer.join();
  stream->Finish();
}

}  // namespace
}  // namespace postroad::testing
