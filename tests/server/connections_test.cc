// Ten thousand connections, opened and dropped in every rude way.
#include <arpa/inet.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "postroad/v1/postroad.grpc.pb.h"
#include "support/server_process.h"

namespace postroad::testing {
namespace {

constexpr int kConnections = 10'000;
constexpr int kAtOnce = 200;

double Metric(const ServerProcess& server, const std::string& name) {
  const std::string text = HttpGet(server.http(), "/metrics").body;
  const size_t at = text.find("\n" + name + " ");
  return at == text.npos ? -1 : std::atof(text.c_str() + at + name.size() + 2);
}

int Open(const std::string& address) {
  const size_t colon = address.rfind(':');
  sockaddr_in to = {.sin_family = AF_INET};
  to.sin_port = htons(static_cast<uint16_t>(std::atoi(address.c_str() + colon + 1)));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) return fd;
  close(fd);
  return -1;
}

// Says something, or half of it, or nothing; `which` chooses.
void SaySomething(int fd, int which) {
  static const std::string kWords[] = {"",
                                       "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                                       "PRI * HT",
                                       "GET /metrics HTTP/1.1\r\n",
                                       "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
                                       std::string(300, '\0')};
  const std::string& words = kWords[which % std::size(kWords)];
  if (!words.empty()) (void)!send(fd, words.data(), words.size(), MSG_NOSIGNAL);
}

// With a reset, or in order.
void Drop(int fd, int which) {
  const linger reset = {.l_onoff = 1, .l_linger = 0};
  if (which % 2 == 0) setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close(fd);
}

// The error, empty if the event is stored.
std::string Post(const std::string& address) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  context.set_wait_for_ready(true);
  v1::PostRequest request;
  v1::PostResponse response;
  request.add_events()->set_topic("orders");
  const auto stub =
      v1::Postroad::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  const grpc::Status status = stub->Post(&context, request, &response);
  return status.ok() ? ""
                     : status.error_message() + " (" + std::to_string(status.error_code()) + ")";
}

TEST(ConnectionsTest, TenThousandOpenedAndDroppedLeaveNothingBehind) {
  ServerProcess server;
  ASSERT_TRUE(server.ready());
  const double files_before = Metric(server, "process_open_fds");
  ASSERT_GT(files_before, 0);
  int opened = 0;
  for (int done = 0; done < kConnections; done += kAtOnce) {
    std::vector<int> fds;
    for (int i = done; i < done + kAtOnce; ++i) {
      const int fd = Open(i % 4 == 3 ? server.http() : server.grpc());
      if (fd < 0) continue;
      SaySomething(fd, i);
      fds.push_back(fd);
    }
    opened += static_cast<int>(fds.size());
    for (size_t i = 0; i < fds.size(); ++i) Drop(fds[i], static_cast<int>(i));
  }
  EXPECT_EQ(opened, kConnections);
  EXPECT_TRUE(Eventually([&] { return Metric(server, "process_open_fds") <= files_before + 3; }))
      << files_before << " open files before, " << Metric(server, "process_open_fds") << " after";
  EXPECT_EQ(Post(server.grpc()), "");
  const Ended ended = server.Stop();
  EXPECT_EQ(ended.code, 0) << ended.output;
}

// As many shells and containers start it: a soft limit of 1,024 files, or less.
TEST(ConnectionsTest, ALowSoftLimitOnFilesIsRaised) {
  ServerProcess server({.prefix = {"prlimit", "--nofile=200:2000"}});
  ASSERT_TRUE(server.ready());
  EXPECT_EQ(Metric(server, "process_max_fds"), 2000);
  std::vector<int> fds;
  for (int i = 0; i < 300; ++i) fds.push_back(Open(server.grpc()));
  EXPECT_TRUE(Eventually([&] { return Metric(server, "process_open_fds") > 300; }));
  for (const int fd : fds) Drop(fd, 0);
  EXPECT_EQ(server.Stop().code, 0);
}

// More connections than the server may have files. Those too many are closed, health and metrics
// are still to be had, and there is room for the store; once there are fewer, all is as before.
TEST(ConnectionsTest, AFloodBeyondTheHardLimitOnFilesPasses) {
  ServerProcess server({.prefix = {"prlimit", "--nofile=300:300"}});
  ASSERT_TRUE(server.ready());
  std::vector<int> fds;
  for (int i = 0; i < 400; ++i) fds.push_back(Open(server.grpc()));
  EXPECT_TRUE(
      Eventually([&] { return Metric(server, "postroad_grpc_connections_refused_total") > 100; }));
  EXPECT_EQ(HttpGet(server.http(), "/healthz").status, 200);
  for (const int fd : fds) Drop(fd, 0);
  EXPECT_EQ(Post(server.grpc()), "");
  EXPECT_EQ(server.Stop().code, 0);
}

}  // namespace
}  // namespace postroad::testing
