// Reading pages and NDJSON: where a read begins, what it is told, how it waits.
#include "tests/http/http_house.h"

namespace postroad::testing {
namespace {

class ReadTest : public HttpHouse {
 protected:
  void PostNumbers(const std::string& topic, int from, int to) {
    for (int i = from; i < to; ++i) Post(topic, R"({"payload":)" + std::to_string(i) + "}");
  }
  HttpReply Read(const std::string& query) { return Ask("GET", "/v1/events?" + query); }
  // The payloads of a page.
  std::string Numbers(const std::string& query) {
    const HttpReply reply = Read(query);
    EXPECT_EQ(reply.status, 200) << reply.body;
    std::string all;
    for (const auto& event : reply.Json().at("events").as_array()) {
      all += boost::json::serialize(event.at("payload"));
    }
    return all;
  }
  static std::string CursorOf(const HttpReply& reply) {
    return std::string(reply.Json().at("cursor").as_string());
  }
};

TEST_F(ReadTest, BeginsWhereItIsAskedTo) {
  Start();
  PostNumbers("t", 0, 5);
  EXPECT_EQ(Numbers("topic=t&from=beginning"), "01234");
  EXPECT_EQ(Numbers("topic=t&from=end"), "");
  EXPECT_EQ(Numbers("topic=t"), "");
  EXPECT_EQ(Numbers("topic=t&last=2"), "34");
  EXPECT_EQ(Numbers("topic=t&offset=3"), "34");
  EXPECT_EQ(Numbers("topic=t&time=-1h"), "01234");
  EXPECT_EQ(Numbers("topic=t&time=%2B1h"), "");
}

TEST_F(ReadTest, PagesFollowEachOther) {
  Start();
  PostNumbers("t", 0, 5);
  const HttpReply first = Read("topic=t&from=beginning&max=2");
  EXPECT_EQ(first.Json().at("caught_up"), false);
  EXPECT_EQ(Numbers("topic=t&max=2&cursor=" + CursorOf(first)), "23");
  const HttpReply all = Read("topic=t&from=beginning");
  EXPECT_EQ(all.Json().at("caught_up"), true);
  PostNumbers("t", 5, 6);
  EXPECT_EQ(Numbers("topic=t&cursor=" + CursorOf(all)), "5");
}

TEST_F(ReadTest, PatternsFollowTheFeed) {
  Start();
  Post("user/1", R"({"payload":1})");
  Post("other", R"({"payload":2})");
  Post("user%2F2", R"({"payload":3})");
  EXPECT_EQ(Numbers("topic=user/*&from=beginning"), "13");
  EXPECT_EQ(Numbers("topic=other&topic=user/1&from=beginning"), "12");
  const HttpReply page = Read("topic=user/*&from=beginning&max=1");
  EXPECT_EQ(Numbers("topic=user/*&cursor=" + CursorOf(page)), "3");
}

TEST_F(ReadTest, FiltersLeaveOut) {
  Start();
  Post("t", R"({"payload":1,"type":"a.x","key":"k"})");
  Post("t", R"({"payload":2,"type":"b","headers":{"h":"v w"}})");
  Post("t", R"({"payload":3,"type":"a.y"})");
  EXPECT_EQ(Numbers("topic=t&from=beginning&type=a.*"), "13");
  EXPECT_EQ(Numbers("topic=t&from=beginning&type=b&type=a.y"), "23");
  EXPECT_EQ(Numbers("topic=t&from=beginning&key=k"), "1");
  EXPECT_EQ(Numbers("topic=t&from=beginning&header=h:v+w"), "2");
}

TEST_F(ReadTest, APageWaitsForItsFirstEvent) {
  Start();
  HttpClient client(port());
  client.Send("GET /v1/events?topic=t&wait=1m HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(Eventually([&] { return broker->Stats(auth::Principal::Anyone())->streams == 1; }));
  PostNumbers("t", 7, 8);
  EXPECT_EQ(client.Read().Json().at("events").at(0).at("payload"), 7);
  EXPECT_EQ(Numbers("topic=t&wait=1ms"), "");
}

TEST_F(ReadTest, AReaderThatLeavesIsForgotten) {
  Start();
  {
    HttpClient client(port());
    client.Send("GET /v1/events?topic=t&wait=5m HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(Eventually([&] { return broker->Stats(auth::Principal::Anyone())->streams == 1; }));
  }
  EXPECT_TRUE(Eventually([&] { return broker->Stats(auth::Principal::Anyone())->streams == 0; }));
}

TEST_F(ReadTest, LostEventsAreAGap) {
  journal_options.rules =
      journal::TopicRules({{.pattern = *TopicPattern::Parse("t", ""), .retention_count = 2}});
  journal_options.retention_interval = std::chrono::hours(1);
  Start();
  PostNumbers("t", 0, 5);
  const HttpReply before = Read("topic=t&from=beginning&max=1");
  ASSERT_TRUE(stack->journal().ApplyRetention());
  const auto page = Read("topic=t&cursor=" + CursorOf(before)).Json();
  EXPECT_EQ(boost::json::serialize(page.at("gaps")), R"([{"topic":"t","first":1,"end":3}])");
  EXPECT_EQ(page.at("events").at(0).at("payload"), 3);
}

TEST_F(ReadTest, ACursorOfAnotherEpochIsTold) {
  Start();
  PostNumbers("t", 0, 2);
  const HttpReply before = Read("topic=t&from=beginning");
  EXPECT_EQ(Ask("DELETE", "/v1/topics/t").status, 204);
  PostNumbers("t", 5, 6);
  const auto page = Read("topic=t&cursor=" + CursorOf(before)).Json();
  EXPECT_NE(page.at("epoch_changed").at("old_epoch"), page.at("epoch_changed").at("new_epoch"));
  EXPECT_EQ(page.at("events").at(0).at("payload"), 5);
}

TEST_F(ReadTest, LinesHaveTheirCursors) {
  Start();
  PostNumbers("t", 0, 3);
  const HttpReply reply = Read("topic=t&from=beginning&stop_at_end=true&format=ndjson");
  EXPECT_EQ(reply.headers.at("content-type"), "application/x-ndjson");
  std::vector<boost::json::value> lines;
  for (size_t at = 0; at < reply.body.size();) {
    const size_t end = reply.body.find('\n', at);
    lines.push_back(boost::json::parse(reply.body.substr(at, end - at)));
    at = end + 1;
  }
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[1].at("payload"), 1);
  EXPECT_TRUE(lines[3].as_object().contains("caught_up"));
  EXPECT_EQ(Numbers("topic=t&cursor=" + std::string(lines[1].at("cursor").as_string())), "2");
  EXPECT_EQ(
      Ask("GET", "/v1/events?topic=t&from=beginning&max=2", "", "Accept: application/x-ndjson\r\n")
          .body,
      reply.body.substr(0, reply.body.find(R"({"topic":"t","offset":2)")));
}

TEST_F(ReadTest, LongAnswersArePacked) {
  Start();
  PostNumbers("t", 0, 20);
  const HttpReply reply =
      Ask("GET", "/v1/events?topic=t&from=beginning", "", "Accept-Encoding: br, gzip\r\n");
  EXPECT_EQ(reply.headers.at("content-encoding"), "gzip");
  EXPECT_EQ(reply.body.substr(0, 2), "\x1f\x8b");
  const HttpReply plain =
      Ask("GET", "/v1/events?topic=t&from=beginning", "", "Accept-Encoding: gzip;q=0\r\n");
  EXPECT_FALSE(plain.headers.contains("content-encoding"));
}

TEST_F(ReadTest, WhatIsWrongIsNamed) {
  Start();
  const auto problem = [&](const std::string& query) {
    const HttpReply reply = Read(query);
    const auto json = reply.Json();
    const auto& object = json.as_object();
    return std::to_string(reply.status) + " " +
           (object.contains("field") ? std::string(object.at("field").as_string()) : "");
  };
  EXPECT_EQ(problem(""), "400 topic");
  EXPECT_EQ(problem("topic=a&topic=b**b%20"), "400 topic[1]");
  EXPECT_EQ(problem("topic=t&from=middle"), "400 from");
  EXPECT_EQ(problem("topic=t&from=end&last=2"), "400 from");
  EXPECT_EQ(problem("topic=t&last=many"), "400 last");
  EXPECT_EQ(problem("topic=t&cursor=x"), "400 cursor");
  EXPECT_EQ(problem("topic=t&offset=9"), "400 offset");
  EXPECT_EQ(problem("topic=t&max=0"), "400 max");
  EXPECT_EQ(problem("topic=t&max=1001"), "400 max");
  EXPECT_EQ(problem("topic=t&wait=1h"), "400 wait");
  EXPECT_EQ(problem("topic=t&heartbeat=1ms"), "400 heartbeat");
  EXPECT_EQ(problem("topic=t&header=h"), "400 header");
  EXPECT_EQ(problem("topic=t&format=xml"), "400 format");
  EXPECT_EQ(Ask("GET", "/v1/events?topic=t", "", "Accept: text/html\r\n").status, 406);
}

}  // namespace
}  // namespace postroad::testing
