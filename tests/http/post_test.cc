// Posting: JSON, NDJSON, CloudEvents, gzip; what is refused, and how that is told.
#include "gateway/http/gzip.h"
#include "tests/http/http_house.h"

namespace postroad::testing {
namespace {

using ::testing::HasSubstr;

class PostTest : public HttpHouse {
 protected:
  boost::json::value First(const std::string& topic) {
    return Ask("GET", "/v1/events?from=beginning&topic=" + topic).Json().at("events").at(0);
  }
  static std::string Type(const std::string& type) { return "Content-Type: " + type + "\r\n"; }
};

TEST_F(PostTest, OneEventAnArrayAndAList) {
  Start();
  const auto one = Ask("POST", "/v1/events", R"({"topic":"t","id":"a","payload":"1"})").Json();
  EXPECT_EQ(boost::json::serialize(one),
            R"({"results":[{"id":"a","topic":"t","offset":0}],"durability":"disk"})");
  const auto many =
      Ask("POST", "/v1/events?topic=t", R"([{"payload":2},{"topic":"u","payload":[3]}])").Json();
  EXPECT_EQ(many.at("results").at(0).at("offset"), 1);
  EXPECT_EQ(many.at("results").at(1).at("topic"), "u");
  EXPECT_EQ(Ask("POST", "/v1/events?topic=t", R"({"events":[{"payload":{"n":4}}]})").status, 200);
  EXPECT_EQ(Payloads("t"), R"("1" 2 {"n":4})");
}

TEST_F(PostTest, WhatWasReadCanBePosted) {
  Start();
  Post("t", R"({"id":"a","key":"k","type":"x.y","content_type":"text/plain","payload":"zażółć",
                "headers":{"h":"1"},"time":"2026-01-02T03:04:05Z"})");
  const std::string event = boost::json::serialize(First("t"));
  EXPECT_EQ(Ask("POST", "/v1/events", event).Json().at("results").at(0).at("duplicate"), true);
  Post("u", R"({"payload_base64":"/wAB"})");
  EXPECT_EQ(First("u").at("payload_base64"), "/wAB");
}

TEST_F(PostTest, JsonPayloadsKeepTheirText) {
  Start();
  Post(
      "t",
      R"({"content_type":"application/json","payload":"{\"n\": 12345678901234567890123,\n\"e\":1.0}"})");
  const HttpReply reply = Ask("GET", "/v1/events?from=beginning&topic=t");
  EXPECT_THAT(reply.body, HasSubstr(R"("payload":{"n": 12345678901234567890123, "e":1.0})"));
  Post("t", R"({"content_type":"application/json","payload":"no json"})");
  Post("t", R"({"content_type":"application/json","payload":"\"text\""})");
  EXPECT_EQ(Payloads("t").substr(Payloads("t").find("\"no")), R"("no json" "\"text\"")");
}

TEST_F(PostTest, TheSameKeyAgainStoresNothingNew) {
  Start();
  const std::string key = "Idempotency-Key: k1\r\n";
  const std::string body = R"([{"payload":"1"},{"payload":"2"}])";
  EXPECT_EQ(Ask("POST", "/v1/events?topic=t", body, key).status, 200);
  const auto again = Ask("POST", "/v1/events?topic=t", body, key).Json().at("results");
  EXPECT_EQ(again.at(1).at("duplicate"), true);
  EXPECT_EQ(again.at(1).at("offset"), 1);
  EXPECT_EQ(again.at(0).at("id"), "k1/0");
  EXPECT_EQ(Payloads("t"), R"("1" "2")");
}

TEST_F(PostTest, WhatIsWrongIsNamedWithItsValue) {
  Start();
  const auto problem = [&](const std::string& body, const std::string& query = "?topic=t") {
    const HttpReply reply = Ask("POST", "/v1/events" + query, body);
    EXPECT_EQ(reply.status, 400) << body;
    const auto json = reply.Json();
    const auto& object = json.as_object();
    return (object.contains("field") ? std::string(object.at("field").as_string()) : "") + "=" +
           (object.contains("value") ? std::string(object.at("value").as_string()) : "");
  };
  EXPECT_EQ(problem(R"([{},{"topic":"a b"}])"), "events[1].topic=a b");
  EXPECT_EQ(problem(R"({"tpoic":"t"})"), "events[0].tpoic=t");
  EXPECT_EQ(problem(R"({"headers":{"a.b":7}})"), "events[0].headers.a.b=7");
  EXPECT_EQ(problem(R"({"search_keys":["a",2]})"), "events[0].search_keys[1]=2");
  EXPECT_EQ(problem(R"({"deliver_at":"soon"})"), "events[0].deliver_at=soon");
  EXPECT_EQ(problem("[]"), "events=");
  EXPECT_EQ(problem("{", "?topic=t"), "=");
  EXPECT_EQ(problem("{}", "?topc=t"), "topc=t");
  EXPECT_EQ(problem("{}", "?wait=read"), "wait=read");
  const std::string large = std::string(1000, 'x');
  EXPECT_LT(problem(R"({"type":")" + large + "\"}").size(), 300u);
}

TEST_F(PostTest, OtherMediaTypesAreRefused) {
  Start();
  EXPECT_EQ(Ask("POST", "/v1/events?topic=t", "<a/>", Type("text/xml")).status, 415);
  EXPECT_EQ(Ask("POST", "/v1/events?topic=t", "x", "Content-Encoding: br\r\n").status, 415);
}

TEST_F(PostTest, PackedBodiesAreUnpacked) {
  options.max_body_bytes = 100'000;
  Start();
  const std::string coding = "Content-Encoding: gzip\r\n";
  EXPECT_EQ(Ask("POST", "/v1/events?topic=t", gateway::Gzip(R"({"payload":"1"})"), coding).status,
            200);
  EXPECT_EQ(Payloads("t"), R"("1")");
  const std::string bomb = gateway::Gzip(std::string(10'000'000, ' '));
  ASSERT_LT(bomb.size(), 60'000u);
  EXPECT_EQ(Ask("POST", "/v1/events?topic=t", bomb, coding).status, 413);
  EXPECT_EQ(Ask("POST", "/v1/events?topic=t", "no gzip", coding).status, 400);
  const std::string whole = gateway::Gzip(R"({"payload":"2"})");
  EXPECT_EQ(Ask("POST", "/v1/events?topic=t", whole.substr(0, whole.size() - 4), coding).status,
            400);
  EXPECT_EQ(Ask("POST", "/v1/events?topic=t", whole + "x", coding).status, 400);
  EXPECT_EQ(Ask("POST", "/v1/events?topic=t", whole + "what follows is no gzip", coding).status,
            400);
  // One behind another, as `cat a.gz b.gz` makes them.
  const std::string two = gateway::Gzip(R"({"payload":)") + gateway::Gzip(R"("3"})");
  EXPECT_EQ(Ask("POST", "/v1/events?topic=t", two, coding).status, 200);
  EXPECT_EQ(Payloads("t"), R"("1" "3")");
}

TEST_F(PostTest, LinesAreStoredAsTheyCome) {
  Start();
  HttpClient client(port());
  client.Send("POST /v1/events?topic=t HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" +
              Type("application/x-ndjson") + "\r\n");
  client.Send("11\r\n{\"payload\":\"1\"}\r\n\r\n8\r\n{\"payloa\r\n");
  EXPECT_TRUE(Eventually([&] { return Payloads("t") == R"("1")"; }));
  client.Send("8\r\nd\":\"2\"}\n\r\n10\r\n\n{\"payload\":\"3\"}\r\n0\r\n\r\n");
  EXPECT_EQ(boost::json::serialize(client.Read().Json()),
            R"({"stored":3,"duplicates":0,"scheduled":0,"durability":"disk"})");
  EXPECT_EQ(Payloads("t"), R"("1" "2" "3")");
}

TEST_F(PostTest, ManyLinesInManyBatches) {
  Start();
  std::string lines;
  for (int i = 0; i < 12'000; ++i) lines += "{\"payload\":" + std::to_string(i) + "}\n";
  const HttpReply reply = Ask("POST", "/v1/events?topic=t", lines, Type("application/x-ndjson"));
  EXPECT_EQ(reply.Json().at("stored"), 12'000);
  const auto last = Ask("GET", "/v1/events?topic=t&last=1").Json().at("events").at(0);
  EXPECT_EQ(last.at("payload"), 11'999);
  EXPECT_EQ(last.at("offset"), 11'999);
}

// What is read stays a batch, however fast short lines come.
TEST_F(PostTest, ShortLinesMayTogetherBeLongerThanALineMayBe) {
  options.max_body_bytes = 1 << 20;
  Start();
  std::string lines;
  for (int i = 0; i < 200'000; ++i) lines += "{\"payload\":\"x\"}\n";
  const HttpReply reply = Ask("POST", "/v1/events?topic=t", lines, Type("application/x-ndjson"));
  EXPECT_EQ(reply.Json().at("stored"), 200'000) << reply.body;
}

TEST_F(PostTest, TheFirstBadLineEndsThePost) {
  Start();
  const HttpReply reply =
      Ask("POST", "/v1/events?topic=t", "{\"payload\":1}\n{\"payload\":2}\n{\"key\":3}\n{}\n",
          Type("application/x-ndjson"));
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.Json().at("field"), "key");
  EXPECT_EQ(reply.Json().at("metadata").at("line"), "3");
  EXPECT_EQ(reply.Json().at("metadata").at("stored"), "2");
  EXPECT_EQ(Payloads("t"), "1 2");
}

TEST_F(PostTest, AnOverloadedServerSaysWhenToComeBack) {
  journal_options.max_pending_bytes = 100;
  Start();
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(std::make_unique<HttpClient>(port()));
  const std::string body = R"({"payload":")" + std::string(1000, 'x') + "\"}";
  const std::string request = "POST /v1/events?topic=t HTTP/1.1\r\nHost: x\r\nContent-Length: " +
                              std::to_string(body.size()) + "\r\n\r\n" + body;
  HttpReply refused;
  EXPECT_TRUE(Eventually([&] {
    for (auto& client : clients) client->Send(request);
    for (auto& client : clients) {
      HttpReply reply = client->Read();
      if (reply.status != 200) refused = std::move(reply);
    }
    return refused.status != 0;
  }));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.Reason(), "OVERLOADED");
  EXPECT_EQ(refused.headers.at("retry-after"), "1");
}

}  // namespace
}  // namespace postroad::testing
