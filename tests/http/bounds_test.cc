// What bounds the server over all of its connections, and that nothing taken is left behind.
#include "tests/http/http_house.h"

namespace postroad::testing {
namespace {

using BoundsTest = HttpHouse;

constexpr size_t kBody = 200'000;

std::string BeginPost(size_t length) {
  return "POST /v1/events?topic=t HTTP/1.1\r\nHost: x\r\nContent-Length: " +
         std::to_string(length) + "\r\n\r\n";
}

TEST_F(BoundsTest, BodiesAreGatheredWithinABudget) {
  options.body_memory_bytes = 500'000;
  Start();
  Gauge& held = metrics.GetGauge("postroad_http_body_bytes", "");
  std::vector<std::unique_ptr<HttpClient>> slow;
  for (size_t i = 1; i <= 2; ++i) {
    slow.push_back(std::make_unique<HttpClient>(port()));
    slow.back()->Send(BeginPost(kBody) + std::string(kBody - 10, ' '));
    ASSERT_TRUE(Eventually([&] { return held.Value() >= static_cast<double>(i * 12 * 16'384); }));
  }
  const std::string body = R"({"payload":")" + std::string(kBody, 'x') + "\"}";
  const HttpReply refused = Ask("POST", "/v1/events?topic=t", body);
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.Reason(), "OVERLOADED");
  EXPECT_EQ(refused.headers.at("retry-after"), "1");
  EXPECT_EQ(Counted("postroad_http_bodies_refused_total"), 1);
  // Short ones still pass.
  EXPECT_EQ(Ask("POST", "/v1/events?topic=t", R"({"payload":1})").status, 200);
  // So do lines, as only what is not taken yet counts; but a long one does not.
  const std::string lines = "Content-Type: application/x-ndjson\r\n";
  std::string many;
  for (int i = 0; i < 50'000; ++i) many += "{\"payload\":\"x\"}\n";
  EXPECT_EQ(Ask("POST", "/v1/events?topic=t", "{\"payload\":1}\n{\"payload\":2}\n", lines).status,
            200);
  EXPECT_EQ(Ask("POST", "/v1/events?topic=t", body, lines).Reason(), "OVERLOADED");
  // What they held is there again, however they end.
  slow.clear();
  ASSERT_TRUE(Eventually([&] { return held.Value() == 0; }));
  EXPECT_EQ(Ask("POST", "/v1/events?topic=t", body).status, 200);
  EXPECT_EQ(Ask("POST", "/v1/events?topic=t", many, lines).Json().at("stored"), 50'000);
  EXPECT_TRUE(Eventually([&] { return held.Value() == 0; }));
}

// A bug in what serves a connection ends that connection and costs no place.
TEST_F(BoundsTest, AConnectionThatEndsByABugGivesItsPlaceBack) {
  options.max_connections = 1;
  options.pages["/bug"] = []() -> gateway::HttpPage { throw std::runtime_error("a bug"); };
  Start();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(Eventually([&] { return Ask("GET", "/page").body == "a page"; }));
    Gauge& open = metrics.GetGauge("postroad_http_connections_open", "");
    ASSERT_TRUE(Eventually([&] { return open.Value() == 0; }));
    EXPECT_EQ(Ask("GET", "/bug").status, 0);
    EXPECT_TRUE(Eventually([&] { return open.Value() == 0; }));
  }
}

// Not when the time for its next request is over: a reader that left asks nothing more.
TEST_F(BoundsTest, AReaderThatLeavesGivesItsPlaceBackAtOnce) {
  options.idle_timeout = std::chrono::hours(1);
  Start();
  Gauge& open = metrics.GetGauge("postroad_http_connections_open", "");
  const std::string target = "GET /v1/events?topic=t&format=sse HTTP/1.1\r\nHost: x\r\n\r\n";
  {
    HttpClient before(port());  // it leaves before its stream begins
    before.Send(target);
    before.FinishSending();
    before.ReadToEnd();
    EXPECT_TRUE(Eventually([&] { return open.Value() == 0; }));
  }
  {
    HttpClient amid(port());
    amid.Send(target);
    EXPECT_EQ(amid.ReadHead().status, 200);
    // All there is: a close with bytes unread would be a reset.
    while (amid.ReadEvent().find("caught_up") == std::string::npos) {
    }
    EXPECT_EQ(open.Value(), 1);
    amid.FinishSending();
    EXPECT_TRUE(Eventually([&] { return open.Value() == 0; }));
  }
}

// Also behind more further requests than are read ahead.
TEST_F(BoundsTest, AReaderThatSendsOnAndLeavesIsMissed) {
  options.idle_timeout = std::chrono::hours(1);
  Start();
  Gauge& open = metrics.GetGauge("postroad_http_connections_open", "");
  HttpClient client(port());
  std::string requests = "GET /v1/events?topic=t&wait=5m HTTP/1.1\r\nHost: x\r\n\r\n";
  while (requests.size() < 10'000) requests += "GET /page HTTP/1.1\r\nHost: x\r\n\r\n";
  client.Send(requests);
  ASSERT_TRUE(Eventually([&] { return broker->Stats(auth::Principal::Anyone())->streams == 1; }));
  client.FinishSending();
  EXPECT_TRUE(Eventually([&] { return open.Value() == 0; }));
}

// Questions that nobody reads are not kept without end: further ones fail at once.
TEST_F(BoundsTest, QuestionsToWhoDoesNotReadAreBounded) {
  Start();
  HttpClient reader(port(), 4096);
  reader.Send("GET /v1/events?topic=user/q&format=sse HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(Eventually([&] {
    return Ask("GET", "/v1/presence?user=q").Json().at("connections").as_array().size() == 1;
  }));
  const std::string text(60'000, 'x');
  std::string state = "timed_out";
  // The sockets' buffers take some megabytes first.
  for (int i = 0; i < 2'000 && state == "timed_out"; ++i) {
    const auto answer = Ask("POST", "/v1/questions?user=q&timeout=1ms", text).Json();
    state = std::string(answer.at("answers").at(0).at("state").as_string());
  }
  EXPECT_EQ(state, "failed");
}

}  // namespace
}  // namespace postroad::testing
