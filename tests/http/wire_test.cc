// HTTP itself: connections, pipelining, limits, times, and what is sent to deceive.
#include <boost/asio/write.hpp>
#include <future>

#include "gateway/http/upgrade.h"
#include "tests/http/http_house.h"

namespace postroad::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

class WireTest : public HttpHouse {
 protected:
  // What a request that must be refused is answered, and that nothing it carries is taken for
  // another request: the connection ends with the one answer.
  void ExpectRefused(const std::string& request, int status, const std::string& reason) {
    SCOPED_TRACE(request);
    HttpClient client(port());
    client.Send(request);
    const HttpReply reply = client.Read();
    EXPECT_EQ(reply.status, status);
    EXPECT_EQ(reply.Reason(), reason);
    EXPECT_EQ(reply.headers.at("content-type"), "application/problem+json");
    EXPECT_EQ(reply.headers.at("connection"), "close");
    EXPECT_TRUE(client.Closed());
  }
  static std::string Post(const std::string& headers, const std::string& body) {
    return "POST /v1/events?topic=t HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n" + body;
  }
  uint64_t Posted() { return static_cast<uint64_t>(Counted("postroad_posted_events_total")); }
  // A whole request that a deceived server would see inside another's body.
  const std::string hidden_ = Post("Content-Length: 15\r\n", R"({"payload":"h"})");
};

TEST_F(WireTest, KeepsAConnectionForTheNextRequest) {
  Start();
  HttpClient client(port());
  EXPECT_EQ(client.Ask("GET", "/page").body, "a page");
  EXPECT_EQ(client.Ask("GET", "/v1/none").status, 404);
  EXPECT_EQ(client.Ask("POST", "/v1/events?topic=t", R"({"payload":"1"})").status, 200);
  EXPECT_EQ(client.Ask("GET", "/page", "", "Connection: close\r\n").body, "a page");
  EXPECT_TRUE(client.Closed());
}

TEST_F(WireTest, AnswersPipelinedRequestsInOrder) {
  Start();
  HttpClient client(port());
  std::string all;
  for (int i = 0; i < 50; ++i) {
    const std::string body = R"({"payload":")" + std::to_string(i) + R"("})";
    all += Post("Content-Length: " + std::to_string(body.size()) + "\r\n", body);
    all += "GET /page HTTP/1.1\r\nHost: x\r\n\r\n";
  }
  client.Send(all);
  for (int i = 0; i < 50; ++i) {
    const auto stored = client.Read().Json();
    EXPECT_EQ(stored.at("results").at(0).at("offset").to_number<int>(), i);
    EXPECT_EQ(client.Read().body, "a page");
  }
}

TEST_F(WireTest, AnswersHeadWithoutABody) {
  Start();
  HttpClient client(port());
  const HttpReply head = client.Ask("HEAD", "/page");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.at("content-length"), "6");
  EXPECT_EQ(client.Ask("GET", "/page").body, "a page");
  const HttpReply stream = client.Ask("HEAD", "/v1/events?topic=t&format=sse");
  EXPECT_EQ(stream.headers.at("content-type"), "text/event-stream");
  EXPECT_EQ(client.Ask("GET", "/page").body, "a page");
}

TEST_F(WireTest, SpeaksHttp10) {
  Start();
  HttpClient client(port());
  client.Send("GET /page HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.Read().body, "a page");
  EXPECT_TRUE(client.Closed());
}

TEST_F(WireTest, NamesTheMethodsOfAPath) {
  Start();
  EXPECT_EQ(Ask("PUT", "/v1/events").headers.at("allow"), "POST, GET, HEAD");
  EXPECT_EQ(Ask("PUT", "/v1/events").status, 405);
  EXPECT_EQ(Ask("DELETE", "/page").status, 405);
  EXPECT_EQ(Ask("OPTIONS", "/v1/topics").headers.at("allow"), "GET, HEAD");
}

TEST_F(WireTest, RefusesWhatIsNoHttp) {
  Start();
  ExpectRefused("what?\r\n\r\n", 400, "MALFORMED_REQUEST");
  ExpectRefused("GET / HTTP/3.7\r\nHost: x\r\n\r\n", 400, "MALFORMED_REQUEST");
  ExpectRefused("GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400, "BAD_TARGET");
  ExpectRefused("GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400, "BAD_TARGET");
  ExpectRefused("GET /page HTTP/1.1\r\nA: " + std::string(100'000, 'a') + "\r\n\r\n", 431,
                "HEADER_TOO_LARGE");
}

TEST_F(WireTest, RefusesRequestsOfTwoLengths) {
  Start();
  ExpectRefused(Post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + hidden_),
                400, "MALFORMED_REQUEST");
  ExpectRefused(Post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "0\r\n\r\n" + hidden_),
                400, "MALFORMED_REQUEST");
  ExpectRefused(Post("Content-Length: 0\r\nContent-Length: 44\r\n", hidden_), 400,
                "MALFORMED_REQUEST");
  ExpectRefused(Post("Content-Length: 0\r\nContent-Length: 0\r\n", hidden_), 400,
                "MALFORMED_REQUEST");
  ExpectRefused(Post("Content-Length: 0, 0\r\n", hidden_), 400, "MALFORMED_REQUEST");
  ExpectRefused(Post("Content-Length: +0\r\n", hidden_), 400, "MALFORMED_REQUEST");
  ExpectRefused(Post("Content-Length: 0x10\r\n", hidden_), 400, "MALFORMED_REQUEST");
  EXPECT_EQ(Posted(), 0u);
}

TEST_F(WireTest, RefusesTransferEncodingsThatOthersReadDifferently) {
  Start();
  for (const char* encoding : {"xchunked", "chunked, identity", "identity, chunked",
                               "gzip, chunked", "identity", "\"chunked\"", "chunked, chunked"}) {
    ExpectRefused(
        Post("Transfer-Encoding: " + std::string(encoding) + "\r\n", "0\r\n\r\n" + hidden_), 400,
        "MALFORMED_REQUEST");
  }
  ExpectRefused(
      Post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n" + hidden_),
      400, "MALFORMED_REQUEST");
  ExpectRefused(Post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n" + hidden_), 400,
                "MALFORMED_REQUEST");
  ExpectRefused(
      "POST /v1/events?topic=t HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden_,
      400, "MALFORMED_REQUEST");
  EXPECT_EQ(Posted(), 0u);
}

TEST_F(WireTest, NeedsOneHost) {
  Start();
  ExpectRefused("GET /page HTTP/1.1\r\n\r\n", 400, "MALFORMED_REQUEST");
  ExpectRefused("GET /page HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "MALFORMED_REQUEST");
}

TEST_F(WireTest, RefusesBadChunks) {
  Start();
  for (const char* body : {"zz\r\n{}\r\n0\r\n\r\n", "2\r\n{}x\r\n0\r\n\r\n",
                           "-2\r\n{}\r\n0\r\n\r\n", "fffffffffffffffff\r\n{}\r\n0\r\n\r\n"}) {
    ExpectRefused(Post("Transfer-Encoding: chunked\r\n", body), 400, "MALFORMED_BODY");
  }
  EXPECT_EQ(Posted(), 0u);
}

// Beast throws at a field of 64 KiB, and has no limit of its own for what stands around chunks.
TEST_F(WireTest, WhatStandsAroundChunksIsLimited) {
  Start();
  for (const std::string& body : {"2\r\n{}\r\n0\r\nA: " + std::string(70'000, 'x') + "\r\n\r\n",
                                  "2;a=" + std::string(1 << 20, 'x') + "\r\n{}\r\n0\r\n\r\n"}) {
    ExpectRefused(Post("Transfer-Encoding: chunked\r\n", body), 400, "MALFORMED_BODY");
  }
  EXPECT_EQ(Ask("GET", "/page").body, "a page");
}

TEST_F(WireTest, HeadersAreLimitedAlsoWhereTheLimitIsHigh) {
  options.max_header_bytes = gateway::kMaxHeaderBytes;
  Start();
  ExpectRefused("GET /page HTTP/1.1\r\nHost: x\r\nA: " + std::string(70'000, 'x') + "\r\n\r\n", 431,
                "HEADER_TOO_LARGE");
  EXPECT_EQ(Ask("GET", "/page").body, "a page");
}

TEST_F(WireTest, TakesChunkedBodies) {
  Start();
  HttpClient client(port());
  client.Send(Post("Transfer-Encoding: chunked\r\n",
                   "8\r\n{\"payloa\r\n6;a=b\r\nd\":\"1\"\r\n1\r\n}\r\n0\r\nTrailer: x\r\n\r\n"));
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_EQ(client.Ask("GET", "/page").body, "a page");
  EXPECT_EQ(Payloads("t"), R"("1")");
}

TEST_F(WireTest, StoresNothingOfABodyThatIsCutOff) {
  Start();
  HttpClient client(port());
  client.Send(Post("Content-Length: 100\r\n", R"([{"payload":"1"})"));
  client.FinishSending();
  EXPECT_EQ(client.Read().Reason(), "MALFORMED_BODY");
  HttpClient chunked(port());
  chunked.Send(Post("Transfer-Encoding: chunked\r\n", "f\r\n{\"payload\":\"1\"}\r\n"));
  chunked.FinishSending();
  EXPECT_EQ(chunked.Read().Reason(), "MALFORMED_BODY");
  EXPECT_EQ(Posted(), 0u);
}

TEST_F(WireTest, RefusesBodiesThatAreTooLarge) {
  options.max_body_bytes = 1000;
  Start();
  // Before they are sent, where their length is said.
  ExpectRefused(Post("Content-Length: 1001\r\nExpect: 100-continue\r\n", ""), 413,
                "BODY_TOO_LARGE");
  ExpectRefused(Post("Transfer-Encoding: chunked\r\n", "ffff\r\n" + std::string(20'000, 'x')), 413,
                "BODY_TOO_LARGE");
}

TEST_F(WireTest, AsksForABodyThatWaitsToBeAskedFor) {
  Start();
  HttpClient client(port());
  client.Send(Post("Content-Length: 15\r\nExpect: 100-continue\r\n", ""));
  EXPECT_EQ(client.Read().status, 100);
  client.Send(R"({"payload":"1"})");
  EXPECT_EQ(client.Read().status, 200);
}

TEST_F(WireTest, SlowHeadersEnd) {
  options.header_timeout = milliseconds(20);
  Start();
  HttpClient client(port());
  client.Send("GET /page HTTP/1.1\r\nHost: x\r\nA");
  const HttpReply reply = client.Read();
  EXPECT_EQ(reply.status, 408);
  EXPECT_EQ(reply.Reason(), "HEADER_TIMEOUT");
  EXPECT_TRUE(client.Closed());
  EXPECT_EQ(Counted("postroad_http_connections_closed_total", {{"reason", "header_timeout"}}), 1);
}

TEST_F(WireTest, HeadersThatComeByteByByteEndAllTheSame) {
  options.header_timeout = milliseconds(50);
  Start();
  HttpClient client(port());
  std::atomic<bool> over = false;
  std::thread dripping([&] {
    client.Send("GET /page HTTP/1.1\r\nHost: x\r\nA: ");
    while (!over) {
      client.Send("a");
      std::this_thread::sleep_for(milliseconds(1));
    }
  });
  EXPECT_EQ(client.Read().status, 408);
  over = true;
  dripping.join();
}

TEST_F(WireTest, SlowBodiesEnd) {
  options.body_timeout = milliseconds(20);
  Start();
  HttpClient client(port());
  client.Send(Post("Content-Length: 100\r\n", "{"));
  const HttpReply reply = client.Read();
  EXPECT_EQ(reply.status, 408);
  EXPECT_EQ(reply.Reason(), "BODY_TIMEOUT");
  EXPECT_TRUE(client.Closed());
}

TEST_F(WireTest, ClosesConnectionsThatSayNothing) {
  options.idle_timeout = milliseconds(1);
  Start();
  HttpClient client(port());
  EXPECT_TRUE(client.Closed());
}

TEST_F(WireTest, TakesNoMoreConnectionsThanAllowed) {
  options.max_connections = 1;
  Start();
  HttpClient first(port());
  EXPECT_EQ(first.Ask("GET", "/page").body, "a page");
  HttpClient second(port());
  const HttpReply full = second.Read();
  EXPECT_EQ(full.status, 503);
  EXPECT_EQ(full.Reason(), "TOO_MANY_CONNECTIONS");
  EXPECT_TRUE(second.Closed());
  EXPECT_TRUE(Eventually([&] { return Counted("postroad_http_connections_refused_total") == 1; }));
  first.Close();
  EXPECT_TRUE(Eventually([&] { return Ask("GET", "/page").body == "a page"; }));
}

TEST_F(WireTest, HandsOverWebSocketHandshakes) {
  std::promise<gateway::Upgrade> handed;
  options.upgrades["/rsocket"] = [&](gateway::Upgrade&& upgrade) {
    handed.set_value(std::move(upgrade));
  };
  Start();
  HttpClient client(port());
  const std::string fields = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n";
  EXPECT_EQ(client.Ask("GET", "/page", "", fields).body, "a page");  // nobody takes it
  client.Send("GET /rsocket?a=b HTTP/1.1\r\nHost: x\r\n" + fields + "X-Test: yes\r\n\r\nearly");
  gateway::Upgrade upgrade = handed.get_future().get();
  EXPECT_EQ(upgrade.request.target(), "/rsocket?a=b");
  EXPECT_EQ(upgrade.request["x-test"], "yes");
  EXPECT_EQ(upgrade.rest, "early");
  EXPECT_THAT(upgrade.peer, HasSubstr("127.0.0.1:"));
  server->Stop({});  // which concerns it no more
  boost::asio::write(upgrade.socket.tcp(), boost::asio::buffer("hello\r\n\r\n", 9));
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "hello\r\n\r\n");
}

TEST_F(WireTest, StopEndsWhatIsOpen) {
  Start();
  HttpClient client(port());
  EXPECT_EQ(client.Ask("GET", "/page").body, "a page");
  server->Stop({});
  EXPECT_TRUE(client.Closed());
  server->Stop({});
}

TEST_F(WireTest, AnAddressInUseIsNamed) {
  Start();
  const auto second =
      gateway::HttpServer::Start({.host = "127.0.0.1", .port = port()},
                                 {*broker, *authenticator, cores, SystemClock(), metrics});
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(second.error().message, HasSubstr("127.0.0.1:" + std::to_string(port())));
}

}  // namespace
}  // namespace postroad::testing
