#include "runtime/listener.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <mutex>

namespace postroad {
namespace {

int ConnectV4(uint16_t port) {
  sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) return fd;
  close(fd);
  return -1;
}

int ConnectUnix(const std::string& path) {
  sockaddr_un to = {.sun_family = AF_UNIX};
  path.copy(to.sun_path, sizeof to.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) return fd;
  close(fd);
  return -1;
}

// Waits until the peer closes; true unless it sent something.
bool IsClosed(int fd) {
  const timeval patience = {.tv_sec = 20};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  char byte;
  const ssize_t got = recv(fd, &byte, 1, 0);
  return got == 0 || (got < 0 && errno == ECONNRESET);
}

class ListenerTest : public ::testing::Test {
 protected:
  ~ListenerTest() override {
    for (const int fd : ours_) close(fd);
  }

  std::unique_ptr<Listener> Tcp(uint16_t port = 0, ListenerOptions options = {.name = "test"}) {
    auto listener = Listener::Tcp("127.0.0.1", port, options);
    EXPECT_TRUE(listener);
    return listener ? *std::move(listener) : nullptr;
  }
  void Start(Listener& listener) {
    listener.Start(cores_, refused_, [this](int fd) {
      if (!taking_) return false;
      taken_.set_value(fd);
      return true;
    });
  }
  int Taken() {
    auto future = taken_.get_future();
    if (future.wait_for(std::chrono::seconds(20)) != std::future_status::ready) return -1;
    const int fd = future.get();
    taken_ = {};
    return Ours(fd);
  }
  int Ours(int fd) {
    ours_.push_back(fd);
    return fd;
  }

  CorePool cores_{1};
  Metrics metrics_;
  Counter& refused_ = metrics_.GetCounter("refused_total", "Refused.");
  std::promise<int> taken_;
  std::atomic<bool> taking_ = true;
  std::vector<int> ours_;
};

TEST_F(ListenerTest, ConnectionsThatCameBeforeItStartsHaveWaited) {
  const auto listener = Tcp(0, {.name = "test", .user_timeout = std::chrono::seconds(3)});
  ASSERT_GE(Ours(ConnectV4(listener->port())), 0);
  Start(*listener);
  const int fd = Taken();
  ASSERT_GE(fd, 0);
  int value = 0;
  socklen_t size = sizeof value;
  getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &size);
  EXPECT_EQ(value, 3000);
  getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &size);
  EXPECT_NE(value, 0);
  listener->Stop();
  EXPECT_LT(ConnectV4(listener->port()), 0);
}

TEST_F(ListenerTest, APortBelongsToOne) {
  const auto listener = Tcp();
  const auto second = Listener::Tcp("127.0.0.1", listener->port(), {.name = "test"});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(second.error().message.find("127.0.0.1:" + std::to_string(listener->port())),
            std::string::npos)
      << second.error().message;
}

TEST_F(ListenerTest, WhatIsNotTakenIsClosedAndCounted) {
  const auto listener = Tcp();
  taking_ = false;
  Start(*listener);
  EXPECT_TRUE(IsClosed(Ours(ConnectV4(listener->port()))));
  taking_ = true;
  ASSERT_GE(Ours(ConnectV4(listener->port())), 0);
  EXPECT_GE(Taken(), 0);
  EXPECT_NE(metrics_.Render().find("\nrefused_total 1\n"), std::string::npos);
}

// The limit is lowered under what is open, so that accept fails, and raised again.
TEST_F(ListenerTest, WhereFilesHaveRunOutItGoesOnLater) {
  const auto listener = Tcp();
  Start(*listener);
  rlimit before = {};
  getrlimit(RLIMIT_NOFILE, &before);
  const int client = Ours(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const rlimit low = {.rlim_cur = 3, .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &low);
  sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(listener->port())};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(client, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  std::promise<void> seen;  // the core has tried by then, most likely
  cores_.at(0).Post([&] { seen.set_value(); });
  seen.get_future().wait();
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_GE(Taken(), 0);
}

TEST_F(ListenerTest, AReserveOfFilesIsKept) {
  const auto listener = Tcp();
  const auto urgent = Tcp(0, {.name = "test", .into_reserve = true});
  Start(*listener);
  Start(*urgent);
  rlimit before = {};
  getrlimit(RLIMIT_NOFILE, &before);
  while (Ours(dup(0)) < 62) {
  }
  const rlimit low = {.rlim_cur = 80, .rlim_max = before.rlim_max};  // a reserve of 20
  setrlimit(RLIMIT_NOFILE, &low);
  EXPECT_TRUE(IsClosed(Ours(ConnectV4(listener->port()))));
  EXPECT_GE(Ours(ConnectV4(urgent->port())), 0);
  EXPECT_GE(Taken(), 0);
  setrlimit(RLIMIT_NOFILE, &before);
}

TEST_F(ListenerTest, AUnixSocketReplacesOneThatWasLeftAndRemovesItself) {
  const std::string path =
      std::filesystem::temp_directory_path() / ("listener." + std::to_string(getpid()));
  auto left = Listener::Unix(path, {.name = "test"});
  ASSERT_TRUE(left);
  const auto listener = Listener::Unix(path, {.name = "test"});
  ASSERT_TRUE(listener);
  Start(**listener);
  ASSERT_GE(Ours(ConnectUnix(path)), 0);
  EXPECT_GE(Taken(), 0);
  (*listener)->Stop();
  EXPECT_FALSE(std::filesystem::exists(path));
  const auto file = Listener::Unix(std::filesystem::temp_directory_path(), {.name = "test"});
  EXPECT_FALSE(file) << "a folder is in the way";
}

}  // namespace
}  // namespace postroad
