// What a request's head may be: its target, its host, a handshake; and what answers may not be.
#include <atomic>

#include "core/utf8.h"
#include "gateway/http/upgrade.h"
#include "tests/http/http_house.h"

namespace postroad::testing {
namespace {

class RequestTest : public HttpHouse {
 protected:
  // The answer to a request of this head; the connection's last.
  HttpReply Last(const std::string& head) {
    HttpClient client(port());
    client.Send(head + "\r\n");
    HttpReply reply = client.Read();
    EXPECT_EQ(reply.headers["connection"], "close") << head;
    EXPECT_TRUE(client.Closed()) << head;
    return reply;
  }
};

// A proxy that guards /page by its prefix must not be led around it.
TEST_F(RequestTest, ATargetThatBeginsWithTwoSlashesIsAPath) {
  Start();
  EXPECT_EQ(Ask("GET", "//x/page").status, 404);
  EXPECT_EQ(Ask("GET", "//page").status, 404);
  EXPECT_EQ(Ask("GET", "//x/v1/topics").status, 404);
  EXPECT_EQ(Ask("GET", "/page?").body, "a page");
}

TEST_F(RequestTest, AWholeUriIsTakenOfHttpOnly) {
  Start();
  EXPECT_EQ(Ask("GET", "http://test/page").body, "a page");
  EXPECT_EQ(Ask("GET", "HTTPS://test/page?").body, "a page");
  EXPECT_EQ(Ask("GET", "ftp://test/page").Reason(), "BAD_TARGET");
  EXPECT_EQ(Ask("GET", "http:/page").Reason(), "BAD_TARGET");
}

TEST_F(RequestTest, ProblemsAreUtf8WhateverWasSent) {
  options.cors_origins = {"https://app.example.com"};
  Start();
  const auto expect_text = [&](const std::string& target, const std::string& headers, int status) {
    const HttpReply reply = Ask("POST", target, "{}", headers);
    EXPECT_EQ(reply.status, status) << target;
    EXPECT_TRUE(IsValidUtf8(reply.body)) << target;
    EXPECT_NE(reply.Reason(), "");
  };
  expect_text("/v1/events?topic=%ff", "", 400);
  expect_text("/v1/events?%ff=1", "", 400);
  expect_text("/v1/%ff", "", 400);
  expect_text("/v1/events?topic=t", "Origin: http://\xff\r\n", 403);
  expect_text("/v1/events", "ce-specversion: 1.0\r\nce-id: %ff\r\nce-source: t\r\nce-type: a\r\n",
              400);
}

TEST_F(RequestTest, AnAnswerWithoutABodyHasNoLength) {
  Start();
  Post("t", R"({"payload":1})");
  HttpClient client(port());
  const HttpReply reply = client.Ask("DELETE", "/v1/topics/t");
  EXPECT_EQ(reply.status, 204);
  EXPECT_FALSE(reply.headers.contains("content-length"));
  EXPECT_EQ(client.Ask("GET", "/page").body, "a page");
}

TEST_F(RequestTest, WhatMayBePackedVaries) {
  options.pages["/long"] = [] { return gateway::HttpPage{.body = std::string(5'000, 'x')}; };
  Start();
  EXPECT_EQ(Ask("GET", "/long").headers.at("vary"), "Accept-Encoding");
  EXPECT_EQ(Ask("GET", "/long", "", "Accept-Encoding: gzip\r\n").headers.at("vary"),
            "Accept-Encoding");
}

// Handshakes are checked as other requests are: what stands before us reads them, too.
TEST_F(RequestTest, HandshakesAreChecked) {
  std::atomic<int> taken = 0;
  options.upgrades["/rsocket"] = [&](gateway::Upgrade&&) { ++taken; };
  Start();
  const std::string fields = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  const std::string begin = "GET /rsocket HTTP/1.1\r\n" + fields;
  EXPECT_EQ(Last(begin + "Host: x\r\nHost: y\r\n").Reason(), "MALFORMED_REQUEST");
  EXPECT_EQ(Last(begin).Reason(), "MALFORMED_REQUEST");
  EXPECT_EQ(Last(begin + "Host: x\r\nContent-Length: 4\r\n").Reason(), "MALFORMED_REQUEST");
  EXPECT_EQ(Last(begin + "Host: x\r\nTransfer-Encoding: chunked\r\n").Reason(),
            "MALFORMED_REQUEST");
  EXPECT_EQ(Last("GET /rsocket HTTP/1.0\r\n" + fields).status, 404);
  EXPECT_EQ(taken, 0);
  HttpClient client(port());
  client.Send(begin + "Host: x\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(client.Closed());
  EXPECT_EQ(taken, 1);
}

// A page of another name that was pointed at this machine is of "the same origin" to its browser.
TEST_F(RequestTest, WithoutKeysOnlyKnownHostsAreServed) {
  options.check_host = true;
  options.hosts = {"dev.example.com"};
  options.upgrades["/rsocket"] = [&](gateway::Upgrade&&) { ADD_FAILURE() << "upgraded"; };
  Start();
  const auto status = [&](const std::string& host) {
    HttpClient client(port());
    client.Send("GET /v1/topics HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    return client.Read().status;
  };
  for (const char* host : {"127.0.0.1", "127.0.0.1:7400", "[::1]:7400", "localhost", "LocalHost:1",
                           "app.localhost:7400", "dev.example.com:7400", "DEV.example.com"}) {
    EXPECT_EQ(status(host), 200) << host;
  }
  for (const char* host : {"evil.example", "evil.example:7400", "localhost.evil.example", "",
                           "127.0.0.1.evil.example", "[::1].evil.example", "xlocalhost"}) {
    EXPECT_EQ(status(host), 421) << host;
  }
  const HttpReply page = Last("GET /page HTTP/1.1\r\nHost: evil.example\r\n");
  EXPECT_EQ(page.Reason(), "HOST_NOT_ALLOWED");
  const std::string fields = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  EXPECT_EQ(Last("GET /rsocket HTTP/1.1\r\nHost: evil.example\r\n" + fields).status, 421);
}

}  // namespace
}  // namespace postroad::testing
