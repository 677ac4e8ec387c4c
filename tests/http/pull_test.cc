// Subscriptions by request: pulling, settling, what lies between two requests.
#include "tests/http/http_house.h"

namespace postroad::testing {
namespace {

class PullTest : public HttpHouse {
 protected:
  void Create(const std::string& more = "") {
    const HttpReply reply = Ask("PUT", "/v1/subscriptions/s", R"({"topics":["t"])" + more + "}");
    ASSERT_EQ(reply.status, 201) << reply.body;
  }
  boost::json::array Pull(const std::string& query = "") {
    const HttpReply reply = Ask("POST", "/v1/subscriptions/s/pull?" + query);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return reply.Json().at("deliveries").as_array();
  }
  boost::json::value Settle(const std::string& body, const std::string& query = "") {
    const HttpReply reply = Ask("POST", "/v1/subscriptions/s/settle" + query, body);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return reply.Json();
  }
  static std::string Id(const boost::json::value& delivery) {
    return boost::json::serialize(delivery.at("delivery_id"));
  }
  // Pulls whose peer left.
  double Left() {
    return Counted("postroad_http_requests_total", {{"operation", "pull"}, {"status", "0"}});
  }
  delivery::SubscriptionInfo Info() {
    return *broker->GetSubscription(auth::Principal::Anyone(), "s");
  }
};

TEST_F(PullTest, AckOneManyAndUpTo) {
  Start();
  Create();
  Post("t", R"([{"payload":0},{"payload":1},{"payload":2},{"payload":3},{"payload":4}])");
  const auto first = Pull("max=2&wait=10s");
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[0].at("payload"), 0);
  EXPECT_EQ(first[0].at("attempt"), 1);
  EXPECT_EQ(Settle(R"({"acks":[)" + Id(first[0]) + "]}").at("settled"), 1);
  const auto rest = Pull("max=10&wait=10s");
  ASSERT_EQ(rest.size(), 3u);
  EXPECT_EQ(Settle(R"({"acks":[)" + Id(first[1]) + "," + Id(rest[0]) + "]}").at("settled"), 2);
  Settle(R"({"ack_up_to":)" + Id(rest[2]) + "}");
  EXPECT_EQ(Info().floor, 5u);
  const auto unknown = Settle(R"({"acks":[)" + Id(rest[0]) + "]}");
  EXPECT_EQ(unknown.at("settled"), 0);
  EXPECT_EQ(unknown.at("failures").at(0).at("error").at("reason"), "UNKNOWN_DELIVERY");
}

TEST_F(PullTest, WhatIsThereComesAlsoToWhoDoesNotWait) {
  Start();
  Create();
  Post("t", R"([{"payload":0},{"payload":1}])");
  EXPECT_EQ(Pull("max=1").size(), 1u);
  EXPECT_EQ(Pull().size(), 1u);
  EXPECT_EQ(Pull().size(), 0u);
}

TEST_F(PullTest, NackExtendTerminate) {
  Start();
  Create();
  Post("t", R"([{"payload":0},{"payload":1},{"payload":2}])");
  const auto first = Pull("wait=10s");
  ASSERT_EQ(first.size(), 3u);
  Settle(R"({"nacks":[{"delivery_id":)" + Id(first[0]) + R"(,"delay":"0s","reason":"not now"}],
             "extends":[{"delivery_id":)" +
         Id(first[1]) + R"(,"by":"1h"}],
             "terminates":[{"delivery_id":)" +
         Id(first[2]) + R"(,"reason":"never"}]})");
  const auto again = Pull("wait=10s");
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].at("payload"), 0);
  EXPECT_EQ(again[0].at("attempt"), 2);
  EXPECT_TRUE(Eventually([&] { return Info().dead_letters == 1; }));
  const auto dead = Ask("GET", "/v1/subscriptions/s/dead-letters").Json().at("dead_letters").at(0);
  EXPECT_EQ(dead.at("reason"), "never");
  EXPECT_EQ(dead.at("event").at("payload"), "2");
  EXPECT_EQ(Info().in_flight, 2u);
}

TEST_F(PullTest, DeadLettersSentAgainHaveIdsThatSurviveJavaScript) {
  Start();
  Create();
  Post("t", R"({"payload":0})");
  const auto first = Pull("wait=10s");
  Settle(R"({"terminates":[{"delivery_id":)" + Id(first[0]) + "}]}");
  ASSERT_TRUE(Eventually([&] { return Info().dead_letters == 1; }));
  EXPECT_EQ(Ask("POST", "/v1/subscriptions/s/dead-letters/resend").Json().at("resent"), 1);
  const auto again = Pull("wait=10s");
  ASSERT_EQ(again.size(), 1u);
  EXPECT_GT(std::stoull(std::string(again[0].at("delivery_id").as_string())), 1ull << 63);
  EXPECT_EQ(Settle(R"({"acks":[)" + Id(again[0]) + "]}").at("settled"), 1);
  EXPECT_TRUE(Eventually([&] { return Info().dead_letters == 0; }));
}

TEST_F(PullTest, WaitsForTheFirst) {
  Start();
  Create();
  HttpClient client(port());
  client.Send("POST /v1/subscriptions/s/pull?wait=1m HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(Eventually([&] { return Info().members.size() == 1; }));
  Post("t", R"({"payload":7})");
  EXPECT_EQ(client.Read().Json().at("deliveries").at(0).at("payload"), 7);
}

// Its credit is taken back: what comes when nobody waits stays with the subscription, its attempt
// uncounted and its deadline not running.
TEST_F(PullTest, NothingIsDeliveredToNobody) {
  Start();
  Create();
  EXPECT_TRUE(Pull("wait=1ms").empty());
  Post("t", R"([{"payload":0},{"payload":1}])");
  EXPECT_EQ(Pull("max=1&wait=10s").size(), 1u);
  EXPECT_EQ(Info().in_flight, 1u);
  const auto second = Pull("max=1&wait=10s");
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].at("attempt"), 1);
}

TEST_F(PullTest, WhoLeavesWhileWaitingTakesNothingWithIt) {
  Start();
  Create();
  {
    HttpClient client(port());
    client.Send("POST /v1/subscriptions/s/pull?wait=5m HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(Eventually([&] { return Info().members.size() == 1; }));
  }
  HttpClient other(port());
  other.Send("POST /v1/subscriptions/s/pull?wait=1m HTTP/1.1\r\nHost: x\r\n\r\n");
  Post("t", R"({"payload":1})");
  EXPECT_EQ(other.Read().Json().at("deliveries").as_array().size(), 1u);
}

// Who has sent its next request already is noticed all the same, and what came for it is given back
// at once: not when its ack deadline is over, nor with its attempt counted.
TEST_F(PullTest, WhoLeavesAfterPipeliningTakesNothingWithIt) {
  Start();
  Create();
  {
    HttpClient client(port());
    client.Send("POST /v1/subscriptions/s/pull?wait=5m HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(Eventually([&] { return Info().members.size() == 1; }));
    client.Send("GET /page HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  ASSERT_TRUE(Eventually([&] { return Left() == 1; }));
  Post("t", R"({"payload":1})");
  const auto mine = Pull("wait=10s&consumer=other");
  ASSERT_EQ(mine.size(), 1u);
  EXPECT_EQ(mine[0].at("attempt"), 1);
}

TEST_F(PullTest, ConsumersOfDifferentNamesAreMembersOfTheirOwn) {
  Start();
  Create();
  Post("t", R"([{"payload":0},{"payload":1}])");
  const auto one = Pull("max=1&wait=10s&consumer=a"), two = Pull("max=1&wait=10s&consumer=b");
  ASSERT_EQ(one.size() + two.size(), 2u);
  EXPECT_EQ(Info().members.size(), 2u);
  EXPECT_EQ(Settle(R"({"acks":[)" + Id(two[0]) + "]}", "?consumer=a").at("settled"), 0);
  EXPECT_EQ(Settle(R"({"acks":[)" + Id(two[0]) + "]}", "?consumer=b").at("settled"), 1);
}

TEST_F(PullTest, ADeletedSubscriptionEndsItsConsumers) {
  Start();
  Create();
  HttpClient client(port());
  client.Send("POST /v1/subscriptions/s/pull?wait=1m HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(Eventually([&] { return Info().members.size() == 1; }));
  EXPECT_EQ(Ask("DELETE", "/v1/subscriptions/s").status, 204);
  EXPECT_EQ(client.Read().status, 404);
  EXPECT_EQ(Ask("POST", "/v1/subscriptions/s/pull").status, 404);
  Create();
  EXPECT_TRUE(Pull().empty());
}

TEST_F(PullTest, WhatIsWrongIsNamed) {
  Start();
  Create();
  const auto problem = [&](const std::string& body) {
    const HttpReply reply = Ask("POST", "/v1/subscriptions/s/settle", body);
    EXPECT_EQ(reply.status, 400) << reply.body;
    const auto json = reply.Json();
    const auto& object = json.as_object();
    return (object.contains("field") ? std::string(object.at("field").as_string()) : "") + "=" +
           (object.contains("value") ? std::string(object.at("value").as_string()) : "");
  };
  EXPECT_EQ(problem("{}"), "acks=");
  EXPECT_EQ(problem(R"({"acks":["x"]})"), "acks[0]=x");
  EXPECT_EQ(problem(R"({"nacks":[{"delivery_id":1,"delay":"999d"}]})"), "nacks[0].delay=999d");
  EXPECT_EQ(problem(R"({"extends":[{"delivery_id":1}]})"), "extends[0].by=");
  EXPECT_EQ(problem(R"({"ackz":[1]})"), "ackz=");
  EXPECT_EQ(Ask("POST", "/v1/subscriptions/s/pull?max=0").Json().at("field"), "max");
  EXPECT_EQ(Ask("PUT", "/v1/subscriptions/s", R"({"topics":["u"]})").status, 409);
  EXPECT_EQ(
      Ask("PUT", "/v1/subscriptions/x", R"({"topics":["t"],"start":"now"})").Json().at("value"),
      "now");
}

}  // namespace
}  // namespace postroad::testing
