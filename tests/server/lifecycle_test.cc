// The life of the real server: starting, ports, health, a second process, draining, dying.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "postroad/v1/postroad.grpc.pb.h"
#include "support/server_process.h"

namespace postroad::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::unique_ptr<v1::Postroad::Stub> Connect(const ServerProcess& server) {
  return v1::Postroad::NewStub(
      grpc::CreateChannel(server.grpc(), grpc::InsecureChannelCredentials()));
}

grpc::Status Post(v1::Postroad::Stub& stub, const std::string& topic, const std::string& payload) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  v1::PostRequest request;
  v1::PostResponse response;
  auto* event = request.add_events();
  event->set_topic(topic);
  event->set_payload(payload);
  return stub.Post(&context, request, &response);
}

// Reads `topic` from its beginning until the stream ends.
struct Reader {
  Reader(v1::Postroad::Stub& stub, const std::string& topic) {
    v1::ReadRequest request;
    request.add_topics(topic);
    request.set_beginning(true);
    stream = stub.Read(&context, request);
  }
  // The next message that has events; false when the stream has ended.
  bool NextEvents(v1::ReadResponse& response) {
    while (stream->Read(&response)) {
      if (response.batches_size() > 0) return true;
    }
    return false;
  }
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<v1::ReadResponse>> stream;
};

// A member that was given an event, and settles nothing.
struct Holder {
  explicit Holder(v1::Postroad::Stub& stub) : stream(stub.Subscribe(&context)) {
    v1::SubscribeRequest join;
    join.mutable_join()->set_subscription("billing");
    join.mutable_join()->mutable_create()->add_topics("orders");
    join.mutable_join()->set_credit(10);
    EXPECT_TRUE(stream->Write(join));
    v1::SubscribeResponse response;
    EXPECT_TRUE(stream->Read(&response));
    EXPECT_TRUE(Post(stub, "orders", "held").ok());
    while (!response.has_deliveries() && stream->Read(&response)) {
    }
    EXPECT_TRUE(response.has_deliveries());
  }
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReaderWriter<v1::SubscribeRequest, v1::SubscribeResponse>> stream;
};

TEST(LifecycleTest, SaysWhereItListensAndWhatToDoNext) {
  ServerProcess server;
  ASSERT_TRUE(server.ready());
  ASSERT_TRUE(Eventually([&] { return server.process().Output().contains("Ctrl-C"); }));
  const std::string output = server.process().Output();
  EXPECT_THAT(output, HasSubstr("is ready"));
  EXPECT_THAT(output, HasSubstr("grpc  " + server.grpc()));
  EXPECT_THAT(output, HasSubstr("http  " + server.http()));
  EXPECT_THAT(output, HasSubstr("postroad post hello"));
}

TEST(LifecycleTest, AnswersHealthAndMetrics) {
  ServerProcess server;
  ASSERT_TRUE(server.ready());
  EXPECT_EQ(HttpGet(server.http(), "/healthz").body, "ok\n");
  EXPECT_EQ(HttpGet(server.http(), "/readyz?verbose=1").body, "ready\n");
  const HttpAnswer metrics = HttpGet(server.http(), "/metrics");
  EXPECT_EQ(metrics.status, 200);
  EXPECT_THAT(metrics.head, HasSubstr("text/plain; version=0.0.4"));
  EXPECT_THAT(metrics.body, HasSubstr("postroad_build_info{version="));
  EXPECT_THAT(metrics.body, HasSubstr("\nprocess_resident_memory_bytes "));
  EXPECT_EQ(HttpGet(server.http(), "/nothing").status, 404);
  EXPECT_EQ(HttpGet(server.http(), "/metrics", "POST").status, 405);
  const HttpAnswer head = HttpGet(server.http(), "/healthz", "HEAD");
  EXPECT_EQ(head.status, 200);
  EXPECT_THAT(head.head, HasSubstr("Content-Length: 3"));
  EXPECT_EQ(head.body, "");
}

TEST(LifecycleTest, ASecondProcessOnTheSameDataIsRefused) {
  ServerProcess server;
  ASSERT_TRUE(server.ready());
  const Ended second =
      RunProgram({PostroadProgram(), "serve", "--data", server.data(), "--listen.grpc",
                  "127.0.0.1:0", "--listen.http", "127.0.0.1:0", "--listen.rsocket", ""});
  EXPECT_EQ(second.code, 6);
  EXPECT_THAT(second.output, StartsWith("postroad: cannot start: "));
  EXPECT_THAT(second.output, HasSubstr(server.data()));
  EXPECT_EQ(HttpGet(server.http(), "/readyz").status, 200);
}

TEST(LifecycleTest, DamagedDataIsRefusedAndSaysWhatToDo) {
  ServerProcess server;
  ASSERT_TRUE(server.ready());
  EXPECT_EQ(server.Stop().code, 0);
  int damaged = 0;
  for (const auto& entry : std::filesystem::directory_iterator(server.data())) {
    if (!entry.path().filename().string().starts_with("MANIFEST")) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(20) << "these bytes do not belong here";
    ++damaged;
  }
  ASSERT_GT(damaged, 0);
  const Ended ended =
      RunProgram({PostroadProgram(), "serve", "--data", server.data(), "--listen.grpc",
                  "127.0.0.1:0", "--listen.http", "127.0.0.1:0", "--listen.rsocket", ""});
  EXPECT_EQ(ended.code, 9);
  EXPECT_THAT(ended.output, StartsWith("postroad: cannot start: "));
  EXPECT_THAT(ended.output, HasSubstr("`postroad store check " + server.data() + "`"));
}

TEST(LifecycleTest, ATornLogTailIsCutOffAndSaidInTheLog) {
  ServerProcess server;
  ASSERT_TRUE(server.ready());
  ASSERT_TRUE(Post(*Connect(server), "orders", "kept").ok());
  server.process().Signal(SIGKILL);
  server.process().Wait();
  std::string log;
  for (const auto& entry : std::filesystem::directory_iterator(server.data())) {
    const std::string name = entry.path();
    if (name.ends_with(".log") && name > log) log = name;
  }
  ASSERT_FALSE(log.empty());
  // The beginning of a record that never became whole.
  std::ofstream(log, std::ios::binary | std::ios::app)
      << std::string("\x11\x22\x33\x44\x10\x00\x01\x55", 8);
  server.Start();
  ASSERT_TRUE(server.ready());
  EXPECT_THAT(server.process().Output(), HasSubstr("torn"));
  const auto stub = Connect(server);
  Reader reader(*stub, "orders");
  v1::ReadResponse response;
  ASSERT_TRUE(reader.NextEvents(response));
  EXPECT_EQ(response.batches(0).events(0).payload(), "kept");
  reader.context.TryCancel();
}

TEST(LifecycleTest, AnAddressInUseIsNamed) {
  ServerProcess server;
  ASSERT_TRUE(server.ready());
  const TempFolder folder;
  const Ended http =
      RunProgram({PostroadProgram(), "serve", "--data", folder / "a", "--listen.grpc",
                  "127.0.0.1:0", "--listen.http", server.http(), "--listen.rsocket", ""});
  EXPECT_EQ(http.code, 1);
  EXPECT_THAT(http.output, HasSubstr(server.http()));
  const Ended grpc =
      RunProgram({PostroadProgram(), "serve", "--data", folder / "b", "--listen.grpc",
                  server.grpc(), "--listen.http", "127.0.0.1:0", "--listen.rsocket", ""});
  EXPECT_EQ(grpc.code, 1);
  EXPECT_THAT(grpc.output, HasSubstr(server.grpc()));
}

TEST(LifecycleTest, SigtermEndsStreamsWithAReasonAndExits) {
  ServerProcess server;
  ASSERT_TRUE(server.ready());
  const auto stub = Connect(server);
  ASSERT_TRUE(Post(*stub, "orders", "one").ok());
  Reader reader(*stub, "orders");
  v1::ReadResponse response;
  ASSERT_TRUE(reader.NextEvents(response));
  EXPECT_TRUE(std::filesystem::exists(server.data() + "/ports"));
  server.process().Signal(SIGTERM);
  while (reader.stream->Read(&response)) {
  }
  const grpc::Status status = reader.stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
  const Ended ended = server.process().Wait();
  EXPECT_EQ(ended.code, 0) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("draining"));
  EXPECT_FALSE(std::filesystem::exists(server.data() + "/ports"));
}

TEST(LifecycleTest, WhatWasAcknowledgedIsThereAfterSigkillAndAfterSigterm) {
  ServerProcess server;
  ASSERT_TRUE(server.ready());
  ASSERT_TRUE(Post(*Connect(server), "orders", "first").ok());
  server.KillAndRestart();
  ASSERT_TRUE(Post(*Connect(server), "orders", "second").ok());
  EXPECT_EQ(server.Stop().code, 0);
  server.Start();
  const auto stub = Connect(server);
  Reader reader(*stub, "orders");
  std::vector<std::string> payloads;
  v1::ReadResponse response;
  while (payloads.size() < 2 && reader.NextEvents(response)) {
    for (const auto& batch : response.batches()) {
      for (const auto& event : batch.events()) payloads.push_back(event.payload());
    }
  }
  EXPECT_EQ(payloads, (std::vector<std::string>{"first", "second"}));
  reader.context.TryCancel();
}

TEST(LifecycleTest, ASubscriberThatHoldsEventsHoldsTheDrainNoLongerThanAllowed) {
  ServerProcess server({.flags = {"--server.drain_timeout", "1s"}});
  ASSERT_TRUE(server.ready());
  const auto stub = Connect(server);
  Holder holder(*stub);
  const Ended ended = server.Stop();
  EXPECT_EQ(ended.code, 0) << ended.output;
  v1::SubscribeResponse response;
  while (holder.stream->Read(&response)) {
  }
  EXPECT_EQ(holder.stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST(LifecycleTest, ASecondSignalEndsTheDrain) {
  ServerProcess server({.flags = {"--server.drain_timeout", "1h"}});
  ASSERT_TRUE(server.ready());
  const auto stub = Connect(server);
  Holder holder(*stub);
  server.process().Signal(SIGINT);
  ASSERT_TRUE(Eventually([&] { return HttpGet(server.http(), "/readyz").status == 503; }));
  EXPECT_EQ(HttpGet(server.http(), "/healthz").status, 200);
  EXPECT_TRUE(Eventually([&] {
    return Post(*stub, "orders", "refused").error_code() == grpc::StatusCode::UNAVAILABLE;
  }));
  server.process().Signal(SIGINT);
  const Ended ended = server.process().Wait();
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.output, HasSubstr("second signal"));
}

TEST(LifecycleTest, TellsSystemdThatItIsReadyAndStops) {
  const TempFolder folder;
  const std::string path = folder / "notify";
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {.sun_family = AF_UNIX};
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const timeval patience = {.tv_sec = kPatience.count()};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const auto next = [&] {
    char buffer[1024];
    const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
    return got < 0 ? std::string() : std::string(buffer, static_cast<size_t>(got));
  };
  ServerProcess server({.variables = {{"NOTIFY_SOCKET", path}, {"WATCHDOG_USEC", "300000"}}});
  ASSERT_TRUE(server.ready());
  EXPECT_EQ(next(), "READY=1");
  EXPECT_EQ(next(), "WATCHDOG=1");
  EXPECT_EQ(next(), "WATCHDOG=1");
  server.process().Signal(SIGTERM);
  std::string said;
  while (!(said = next()).contains("STOPPING=1") && !said.empty()) {
  }
  EXPECT_THAT(said, HasSubstr("EXTEND_TIMEOUT_USEC="));
  EXPECT_EQ(server.process().Wait().code, 0);
  close(fd);
}

}  // namespace
}  // namespace postroad::testing
