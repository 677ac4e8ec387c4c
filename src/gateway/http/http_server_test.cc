// The HTTP server on real sockets: requests, limits, stopping.
#include "gateway/http/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/write.hpp>
#include <future>
#include <string>

#include "gateway/http/upgrade.h"

namespace postroad::gateway {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A client's socket. Reads give up after a minute, which only a failing test waits for.
class Client {
 public:
  explicit Client(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience = {.tv_sec = 60};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  }
  ~Client() { close(fd_); }
  Client(const Client&) = delete;

  void Send(const std::string& text) { (void)!send(fd_, text.data(), text.size(), MSG_NOSIGNAL); }
  // All there is until the server closes.
  std::string ReadToEnd() {
    std::string text;
    char buffer[4096];
    ssize_t got = 0;
    while ((got = recv(fd_, buffer, sizeof buffer, 0)) > 0) text.append(buffer, size_t(got));
    EXPECT_FALSE(got < 0 && errno == EAGAIN) << "the server neither answers nor closes";
    return text;
  }
  std::string ReadSome() {
    char buffer[4096];
    const ssize_t got = recv(fd_, buffer, sizeof buffer, 0);
    return got > 0 ? std::string(buffer, size_t(got)) : "";
  }

 private:
  const int fd_;
};

class HttpServerTest : public testing::Test {
 protected:
  void Start(HttpOptions options = {}) {
    options.host = "127.0.0.1";
    for (const char* path : {"/1", "/2", "/a"}) {
      options.pages[path] = [path] { return HttpPage{.body = std::string("page ") + path}; };
    }
    auto started = HttpServer::Start(options, cores_, metrics_);
    ASSERT_TRUE(started.has_value()) << started.error().message;
    server_ = *std::move(started);
  }
  std::string Ask(const std::string& request) {
    Client client(server_->port());
    client.Send(request);
    return client.ReadToEnd();
  }

  Metrics metrics_;
  CorePool cores_{2};
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersGetAndHead) {
  Start();
  const std::string got = Ask("GET /a?b=c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(got, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(got, EndsWith("\r\n\r\npage /a"));
  const std::string head = Ask("HEAD /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("Content-Length: 7\r\n"));
  EXPECT_THAT(head, EndsWith("\r\n\r\n"));
  EXPECT_THAT(Ask("GET /none HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.0 404"));
}

TEST_F(HttpServerTest, RefusesOtherMethods) {
  Start();
  const std::string got = Ask("DELETE /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(got, StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(got, HasSubstr("Allow: GET, HEAD"));
}

TEST_F(HttpServerTest, KeepsAConnectionForTheNextRequest) {
  Start();
  Client client(server_->port());
  client.Send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.ReadSome(), EndsWith("page /1"));
  client.Send("GET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.ReadSome(), EndsWith("page /2"));
}

TEST_F(HttpServerTest, RefusesWhatIsNoHttpOrTooLong) {
  Start();
  EXPECT_THAT(Ask("what?\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(Ask("GET / HTTP/1.1\r\nA: " + std::string(100'000, 'a') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431"));
}

TEST_F(HttpServerTest, HandsOverWebSocketHandshakes) {
  std::promise<Upgrade> handed;
  HttpOptions options;
  options.upgrades["/rsocket"] = [&](Upgrade&& upgrade) { handed.set_value(std::move(upgrade)); };
  Start(options);
  Client client(server_->port());
  const std::string fields = "Host: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n";
  client.Send("GET /1 HTTP/1.1\r\n" + fields + "\r\n");  // nobody takes it: answered as usual
  EXPECT_THAT(client.ReadSome(), EndsWith("page /1"));
  client.Send("GET /rsocket?a=b HTTP/1.1\r\n" + fields + "X-Test: yes\r\n\r\nearly");
  Upgrade upgrade = handed.get_future().get();
  EXPECT_EQ(upgrade.request.target(), "/rsocket?a=b");
  EXPECT_EQ(upgrade.request["x-test"], "yes");
  EXPECT_EQ(upgrade.rest, "early");
  EXPECT_THAT(upgrade.peer, StartsWith("127.0.0.1:"));
  server_->Stop();  // which concerns it no more
  boost::asio::write(upgrade.socket.tcp(), boost::asio::buffer("hello", 5));
  EXPECT_EQ(client.ReadSome(), "hello");
}

TEST_F(HttpServerTest, ClosesConnectionsThatSayNothing) {
  Start({.idle_timeout = std::chrono::milliseconds(1)});
  Client client(server_->port());
  EXPECT_EQ(client.ReadToEnd(), "");
}

TEST_F(HttpServerTest, TakesNoMoreConnectionsThanAllowed) {
  Start({.max_connections = 1});
  Client first(server_->port());
  first.Send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(first.ReadSome(), EndsWith("page /1"));
  Client second(server_->port());
  EXPECT_EQ(second.ReadToEnd(), "");
}

TEST_F(HttpServerTest, StopEndsWhatIsOpen) {
  Start();
  Client client(server_->port());
  client.Send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.ReadSome(), EndsWith("page /1"));
  server_->Stop();
  EXPECT_EQ(client.ReadToEnd(), "");
  server_->Stop();
}

TEST_F(HttpServerTest, AnAddressInUseIsNamed) {
  Start();
  const auto second =
      HttpServer::Start({.host = "127.0.0.1", .port = server_->port()}, cores_, metrics_);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(second.error().message, HasSubstr("127.0.0.1:" + std::to_string(server_->port())));
}

}  // namespace
}  // namespace postroad::gateway
