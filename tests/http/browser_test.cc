// What pages in browsers need: CORS, keys in the query; and keys at all.
#include "tests/http/http_house.h"

namespace postroad::testing {
namespace {

class BrowserTest : public HttpHouse {
 protected:
  void UseKeys() {
    authenticator = Must(auth::StaticKeys(
        {{.name = "app", .secret = "0123456789abcdef", .read = {*TopicPattern::Parse("t", "")}}}));
  }
};

TEST_F(BrowserTest, PagesThatMayAreTold) {
  options.cors_origins = {"https://app.example.com"};
  Start();
  const std::string origin = "Origin: https://app.example.com\r\n";
  EXPECT_EQ(Ask("GET", "/v1/topics", "", origin).headers.at("access-control-allow-origin"),
            "https://app.example.com");
  const HttpReply preflight = Ask("OPTIONS", "/v1/events", "",
                                  origin +
                                      "Access-Control-Request-Method: POST\r\n"
                                      "Access-Control-Request-Headers: content-type,x-api-key\r\n");
  EXPECT_EQ(preflight.status, 204);
  EXPECT_EQ(preflight.headers.at("access-control-allow-origin"), "https://app.example.com");
  EXPECT_EQ(preflight.headers.at("access-control-allow-methods"), "POST, GET, HEAD");
  EXPECT_EQ(preflight.headers.at("access-control-allow-headers"), "content-type,x-api-key");
  EXPECT_EQ(preflight.headers.at("vary"), "Origin");
  EXPECT_EQ(Ask("POST", "/v1/events?topic=t", "{}", origin).status, 200);
  // Streams, too, and problems.
  HttpClient client(port());
  client.Send("GET /v1/events?topic=t&format=sse HTTP/1.1\r\nHost: x\r\n" + origin + "\r\n");
  EXPECT_EQ(client.ReadHead().headers.at("access-control-allow-origin"), "https://app.example.com");
  EXPECT_TRUE(Ask("GET", "/v1/none", "", origin).headers.contains("access-control-allow-origin"));
}

TEST_F(BrowserTest, OtherPagesChangeNothing) {
  options.cors_origins = {"https://app.example.com"};
  Start();
  const std::string origin = "Origin: https://evil.example.com\r\n";
  const HttpReply post = Ask("POST", "/v1/events?topic=t", "{}", origin);
  EXPECT_EQ(post.status, 403);
  EXPECT_EQ(post.Reason(), "ORIGIN_NOT_ALLOWED");
  EXPECT_FALSE(
      Ask("GET", "/v1/topics", "", origin).headers.contains("access-control-allow-origin"));
  EXPECT_FALSE(
      Ask("OPTIONS", "/v1/events", "", origin).headers.contains("access-control-allow-methods"));
  EXPECT_EQ(Ask("POST", "/v1/events?topic=t", "{}", "Origin: http://test\r\n").status, 200);
}

TEST_F(BrowserTest, KeysInHeaders) {
  UseKeys();
  Start();
  const HttpReply none = Ask("GET", "/v1/events?topic=t");
  EXPECT_EQ(none.status, 401);
  EXPECT_EQ(none.headers.at("www-authenticate"), "Bearer");
  EXPECT_EQ(Ask("GET", "/v1/events?topic=t", "", "X-API-Key: 0123456789abcdef\r\n").status, 200);
  EXPECT_EQ(
      Ask("GET", "/v1/events?topic=t", "", "Authorization: bearer 0123456789abcdef\r\n").status,
      200);
  EXPECT_EQ(Ask("GET", "/v1/events?topic=u", "", "X-API-Key: 0123456789abcdef\r\n").status, 403);
  EXPECT_EQ(Ask("GET", "/v1/events?topic=t", "", "X-API-Key: 0123456789abcdeX\r\n").status, 401);
  EXPECT_EQ(Ask("GET", "/v1/events?topic=t&access_token=0123456789abcdef").status, 401);
  EXPECT_EQ(Ask("GET", "/page").status, 200);
  EXPECT_EQ(Ask("GET", "/openapi.json").status, 200);
}

TEST_F(BrowserTest, KeysInTheQueryIfItIsConfigured) {
  UseKeys();
  options.query_tokens = true;
  Start();
  EXPECT_EQ(Ask("GET", "/v1/events?topic=t&access_token=0123456789abcdef").status, 200);
  EXPECT_EQ(Ask("GET", "/v1/events?topic=t&access_token=x").status, 401);
}

}  // namespace
}  // namespace postroad::testing
