// Posts that wait until it is known what became of their events.
#include "tests/http/http_house.h"

namespace postroad::testing {
namespace {

class AwaitTest : public HttpHouse {
 protected:
  // A post that waits for acks, under way.
  std::unique_ptr<HttpClient> Await(const std::string& topic, const std::string& json) {
    auto client = std::make_unique<HttpClient>(port());
    client->Send("POST /v1/events?wait=acked&timeout=1h&topic=" + topic +
                 " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(json.size()) +
                 "\r\n\r\n" + json);
    return client;
  }
};

TEST_F(AwaitTest, AwaitsReceipts) {
  Start();
  EXPECT_EQ(Ask("PUT", "/v1/subscriptions/s", R"({"topics":["t"]})").status, 201);
  const auto late =
      Ask("POST", "/v1/events?topic=t&wait=acked&timeout=10ms", R"({"payload":"1"})").Json();
  EXPECT_EQ(late.at("wait_timed_out"), true);
  EXPECT_EQ(late.at("receipts").at(0).at("subscriptions").at(0).at("state"), "stored");
  HttpClient poster(port());
  poster.Send(
      "POST /v1/events?topic=t&wait=acked&timeout=1m HTTP/1.1\r\nHost: x\r\n"
      "Content-Length: 15\r\n\r\n{\"payload\":\"2\"}");
  std::string replies;
  EXPECT_TRUE(Eventually([&] {
    const auto pulled = Ask("POST", "/v1/subscriptions/s/pull?wait=1s").Json();
    for (const auto& delivery : pulled.at("deliveries").as_array()) {
      Ask("POST", "/v1/subscriptions/s/settle",
          R"({"replies":[{"delivery_id":)" + boost::json::serialize(delivery.at("delivery_id")) +
              R"(,"payload":"yes"}]})");
      replies += "r";
    }
    return replies.size() == 2;
  }));
  const auto acked = poster.Read().Json();
  EXPECT_EQ(acked.at("wait_timed_out"), false);
  EXPECT_EQ(acked.at("receipts").at(0).at("subscriptions").at(0).at("state"), "acked");
  EXPECT_EQ(acked.at("receipts").at(0).at("subscriptions").at(0).at("reply"), "yes");
}

// What is stored is said to be: a client told 503 would post it again.
TEST_F(AwaitTest, AStopAnswersWithWhatIsKnown) {
  Start();
  EXPECT_EQ(Ask("PUT", "/v1/subscriptions/s", R"({"topics":["t"]})").status, 201);
  const auto poster = Await("t", R"([{"payload":"1"},{"payload":"2"}])");
  ASSERT_TRUE(Eventually([&] { return Payloads("t") == R"("1" "2")"; }));
  const auto pulled = Ask("POST", "/v1/subscriptions/s/pull?max=1&wait=10s").Json();
  Ask("POST", "/v1/subscriptions/s/settle",
      R"({"acks":[)" + boost::json::serialize(pulled.at("deliveries").at(0).at("delivery_id")) +
          "]}");
  server->Stop(std::chrono::seconds(30));
  const HttpReply reply = poster->Read();
  ASSERT_EQ(reply.status, 200) << reply.body;
  const auto answer = reply.Json();
  EXPECT_EQ(answer.at("wait_timed_out"), true);
  EXPECT_EQ(answer.at("results").at(1).at("offset"), 1);
  EXPECT_EQ(answer.at("receipts").at(0).at("subscriptions").at(0).at("state"), "acked");
  EXPECT_EQ(answer.at("receipts").at(1).at("subscriptions").at(0).at("state"), "stored");
}

TEST_F(AwaitTest, WhatIsWrongIsNamed) {
  Start();
  EXPECT_EQ(Ask("POST", "/v1/events?topic=t&wait=seen", "{}").Json().at("value"), "seen");
  EXPECT_EQ(Ask("POST", "/v1/events?topic=t&timeout=1s", "{}").Json().at("field"), "timeout");
  EXPECT_EQ(
      Ask("POST", "/v1/events?topic=t&wait=acked", "{}\n", "Content-Type: application/x-ndjson\r\n")
          .Json()
          .at("field"),
      "wait");
}

}  // namespace
}  // namespace postroad::testing
