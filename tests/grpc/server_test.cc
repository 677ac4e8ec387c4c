// The server around the services: health, reflection, who calls, keepalive, metrics, addresses.
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/static_keys.h"
#include "tests/grpc/grpc_help.h"
#include "tests/grpc/test_server.h"

namespace postroad::testing {
namespace {

// A unary call by bytes, of services whose generated code is not ours.
grpc::Status Call(grpc::Channel& channel, const char* path, const std::string& request,
                  std::string& response) {
  const grpc::internal::RpcMethod method(path, grpc::internal::RpcMethod::NORMAL_RPC);
  grpc::ClientContext context;
  SetDeadline(context);
  const grpc::Slice slice(request);
  const grpc::ByteBuffer bytes(&slice, 1);
  grpc::ByteBuffer answer;
  grpc::Status status =
      grpc::internal::BlockingUnaryCall(&channel, method, &context, bytes, &answer);
  grpc::Slice flat;
  if (answer.Valid() && answer.DumpToSingleSlice(&flat).ok()) {
    response.assign(reinterpret_cast<const char*>(flat.begin()), flat.size());
  }
  return status;
}

constexpr char kHealth[] = "/grpc.health.v1.Health/Check";

TEST(ServerGrpc, SaysThatItServesUntilItDrains) {
  TestServer server;
  auto channel = server.NewChannel();
  std::string response;
  ASSERT_TRUE(Call(*channel, kHealth, "", response).ok());
  EXPECT_EQ(response, "\x08\x01");  // SERVING
  server.server().StartDrain();
  ASSERT_TRUE(Call(*channel, kHealth, "", response).ok());
  EXPECT_EQ(response, "\x08\x02");  // NOT_SERVING
}

TEST(ServerGrpc, ReflectsItsServices) {
  TestServer server;
  auto channel = server.NewChannel();
  // ServerReflectionInfo with list_services = "*".
  const grpc::internal::RpcMethod method(
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
      grpc::internal::RpcMethod::BIDI_STREAMING);
  grpc::ClientContext context;
  SetDeadline(context);
  std::unique_ptr<grpc::ClientReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>> stream(
      grpc::internal::ClientReaderWriterFactory<grpc::ByteBuffer, grpc::ByteBuffer>::Create(
          channel.get(), method, &context));
  const grpc::Slice slice(std::string("\x3a\x01*"));
  ASSERT_TRUE(stream->Write(grpc::ByteBuffer(&slice, 1)));
  grpc::ByteBuffer answer;
  ASSERT_TRUE(stream->Read(&answer));
  grpc::Slice flat;
  ASSERT_TRUE(answer.DumpToSingleSlice(&flat).ok());
  const std::string text(reinterpret_cast<const char*>(flat.begin()), flat.size());
  for (const char* service :
       {"postroad.v1.Postroad", "postroad.v1.Admin", "grpc.health.v1.Health"}) {
    EXPECT_NE(text.find(service), std::string::npos) << service;
  }
  // file_containing_symbol: without a descriptor, no tool could call it.
  const grpc::Slice of(std::string("\x22\x15grpc.health.v1.Health"));
  ASSERT_TRUE(stream->Write(grpc::ByteBuffer(&of, 1)));
  ASSERT_TRUE(stream->Read(&answer));
  ASSERT_TRUE(answer.DumpToSingleSlice(&flat).ok());
  const std::string file(reinterpret_cast<const char*>(flat.begin()), flat.size());
  EXPECT_NE(file.find("HealthCheckRequest"), std::string::npos) << file;
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

std::unique_ptr<auth::Authenticator> Keys() {
  const auto pattern = *TopicPattern::Parse("mine/*", "pattern");
  return *auth::StaticKeys(
      {{.name = "ada", .secret = "correct-horse-battery", .post = {pattern}, .read = {pattern}}});
}

grpc::StatusCode PostWith(v1::Postroad::Stub& stub, const char* name, const std::string& value,
                          const std::string& topic) {
  grpc::ClientContext context;
  SetDeadline(context);
  if (name != nullptr) context.AddMetadata(name, value);
  v1::PostResponse response;
  return stub.Post(&context, Batch(topic, {"a"}), &response).error_code();
}

TEST(ServerGrpc, KnowsCallersByTheirKeys) {
  TestServer server({}, Keys());
  auto stub = v1::Postroad::NewStub(server.NewChannel());
  using grpc::StatusCode;
  EXPECT_EQ(PostWith(*stub, nullptr, "", "mine/a"), StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(PostWith(*stub, "x-api-key", "wrong-wrong-wrong", "mine/a"),
            StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(PostWith(*stub, "x-api-key", "correct-horse-battery", "mine/a"), StatusCode::OK);
  EXPECT_EQ(PostWith(*stub, "authorization", "Bearer correct-horse-battery", "mine/a"),
            StatusCode::OK);
  EXPECT_EQ(PostWith(*stub, "authorization", "bearer correct-horse-battery", "mine/a"),
            StatusCode::OK);
  EXPECT_EQ(PostWith(*stub, "x-api-key", "correct-horse-battery", "yours/a"),
            StatusCode::PERMISSION_DENIED);

  grpc::ClientContext context;
  SetDeadline(context);
  context.AddMetadata("x-api-key", "correct-horse-battery");
  auto stream = stub->Read(&context, From({"mine/*", "yours/*"}));
  v1::ReadResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), StatusCode::PERMISSION_DENIED);

  grpc::ClientContext unknown;
  SetDeadline(unknown);
  auto posting = stub->PostStream(&unknown);
  EXPECT_EQ(posting->Finish().error_code(), StatusCode::UNAUTHENTICATED);
}

TEST(ServerGrpc, TellsClientsThatPingTooFast) {
  TestServerOptions options;
  options.grpc.min_client_ping_interval = std::chrono::minutes(5);
  TestServer server(options);
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 100);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  auto stub = v1::Postroad::NewStub(server.NewChannel(arguments));
  Reading reading(*stub, From({"t"}));
  const grpc::Status status = reading.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_NE(status.error_message().find("Too many pings"), std::string::npos)
      << status.error_message();
}

TEST(ServerGrpc, DropsConnectionsThatDoNotAnswerItsPings) {
  TestServerOptions options;
  options.grpc.keepalive_time = std::chrono::milliseconds(200);
  options.grpc.keepalive_timeout = std::chrono::milliseconds(200);
  TestServer server(options);
  // A peer that says hello in HTTP/2 and then never anything.
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_GE(fd, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(server.port()));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const std::string hello("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
  ASSERT_EQ(write(fd, hello.data(), hello.size()), 33);
  const timeval patience{.tv_sec = 30};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  char buffer[4096];
  ssize_t got = 0;
  while ((got = read(fd, buffer, sizeof buffer)) > 0) {
  }
  // Closed or reset by the server, not our own time-out.
  EXPECT_TRUE(got == 0 || errno == ECONNRESET) << errno;
  close(fd);
}

TEST(ServerGrpc, SaysWhichAddressItCannotListenOn) {
  TestServer server;
  auto authenticator = auth::AllowAll();
  CorePool cores(1);
  gateway::GrpcOptions options;
  options.listen.push_back({.address = server.address()});
  const auto second = gateway::GrpcServer::Start(options, server.broker(), *authenticator, cores,
                                                 SystemClock(), server.metrics());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(second.error().message.find(server.address()), std::string::npos);
}

TEST(ServerGrpc, CountsCallsByCode) {
  TestServer server;
  auto stub = v1::Postroad::NewStub(server.NewChannel());
  MustPost(*stub, Batch("t", {"a"}));
  Post(*stub, Batch("a*b", {"a"}));
  const std::string text = server.metrics().Render();
  for (const char* line :
       {"postroad_grpc_calls_total{code=\"OK\",method=\"Postroad/Post\"} 1",
        "postroad_grpc_calls_total{code=\"INVALID_ARGUMENT\",method=\"Postroad/Post\"} 1",
        "postroad_posted_events_total 1"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line;
  }
}

TEST(ServerGrpc, StopsWithCallsUnderWay) {
  TestServer server;
  auto stub = v1::Postroad::NewStub(server.NewChannel());
  grpc::ClientContext context;
  SetDeadline(context, std::chrono::seconds(90));
  auto posting = stub->PostStream(&context);
  posting->Write(Batch("t", {"a"}));
  v1::PostResponse response;
  ASSERT_TRUE(posting->Read(&response));
  Reading reading(*stub, From({"t"}));
  reading.WaitForStart();
  grpc::ClientContext idle_context;
  SetDeadline(idle_context, std::chrono::seconds(90));
  auto idle = stub->Subscribe(&idle_context);  // has not joined
  idle->WaitForInitialMetadata();
  server.broker().Drain(std::chrono::seconds(1));
  const auto begin = std::chrono::steady_clock::now();
  server.server().Stop(std::chrono::seconds(60));
  // All were told before the server's patience ended.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(50));
  EXPECT_EQ(View(posting->Finish()).reason, "DRAINING");
  EXPECT_EQ(View(idle->Finish()).reason, "DRAINING");
  EXPECT_EQ(View(reading.Finish()).reason, "DRAINING");
}

TEST(ServerGrpc, ManyConnectionsComeAndGo) {
  TestServer server;
  for (int i = 0; i < 200; ++i) {
    auto stub = v1::Postroad::NewStub(server.NewChannel());
    auto reading = std::make_unique<Reading>(*stub, From({"t"}));
    reading->WaitForStart();
    if (i % 2 == 0) reading->Cancel();  // the others just go
  }
  EXPECT_TRUE(Eventually(
      [&] { return server.metrics().GetGauge("postroad_streams_open", "").Value() == 0; }));
  auto stub = v1::Postroad::NewStub(server.NewChannel());
  MustPost(*stub, Batch("t", {"a"}));
}

TEST(ServerGrpc, CallsThatWaitEndAtTheirDeadlineAndLeaveNothing) {
  TestServer server;
  const auto stub = v1::Postroad::NewStub(server.NewChannel());
  const auto admin = v1::Admin::NewStub(server.NewChannel());
  const auto code = [](auto call) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(500));
    return call(context).error_code();
  };
  const auto end_of = [](auto& stream, auto response) {
    while (stream->Read(&response)) {
    }
    return stream->Finish();
  };
  v1::SubscribeRequest join;
  join.mutable_join()->set_subscription("s");
  join.mutable_join()->mutable_create()->add_topics("t");
  EXPECT_EQ(code([&](auto& context) {
              auto stream = stub->Subscribe(&context);
              stream->Write(join);
              return end_of(stream, v1::SubscribeResponse());
            }),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(code([&](auto& context) {
              auto stream = stub->PostStream(&context);
              return end_of(stream, v1::PostResponse());
            }),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  v1::PostRequest post = Batch("t", {"a"});  // which the subscription has yet to settle
  post.set_wait_for(v1::WAIT_FOR_ACKED);
  post.mutable_wait_timeout()->set_seconds(3'000);
  v1::PostResponse posted;
  EXPECT_EQ(code([&](auto& context) { return stub->Post(&context, post, &posted); }),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  v1::AwaitReceiptRequest await;
  await.set_topic("t");
  await.set_offset(0);
  await.mutable_timeout()->set_seconds(3'000);
  v1::AwaitReceiptResponse awaited;
  EXPECT_EQ(code([&](auto& context) { return admin->AwaitReceipt(&context, await, &awaited); }),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  for (const char* method :
       {"Postroad/Subscribe", "Postroad/PostStream", "Postroad/Post", "Admin/AwaitReceipt"}) {
    Gauge& open = server.metrics().GetGauge("postroad_grpc_calls_open", "", {{"method", method}});
    EXPECT_TRUE(Eventually([&] { return open.Value() == 0; })) << method;
    double ended = 0;  // a stream whose client is gone may look like one that has said all
    for (const char* code : {"CANCELLED", "OK"}) {
      const Labels labels = {{"method", method}, {"code", code}};
      ended += server.metrics().GetCounter("postroad_grpc_calls_total", "", labels).Value();
    }
    EXPECT_EQ(ended, 1) << method;
  }
}

}  // namespace
}  // namespace postroad::testing
