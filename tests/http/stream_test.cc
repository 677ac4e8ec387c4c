// Server-sent events: resuming, notices, heartbeats, ends, and peers that never read.
#include "core/event.h"
#include "tests/http/http_house.h"

namespace postroad::testing {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class StreamTest : public HttpHouse {
 protected:
  // Opens a stream and reads its head and opening.
  void Open(HttpClient& client, const std::string& query, const std::string& headers = "") {
    client.Send("GET /v1/events?" + query +
                " HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n" + headers + "\r\n");
    const HttpReply head = client.ReadHead();
    ASSERT_EQ(head.status, 200) << client.ReadToEnd();
    EXPECT_EQ(head.headers.at("content-type"), "text/event-stream");
    EXPECT_EQ(head.headers.at("cache-control"), "no-store");
    EXPECT_THAT(client.ReadEvent(), StartsWith("retry: 1000\nid: "));
  }
  static std::string IdOf(const std::string& event) {
    EXPECT_THAT(event, StartsWith("id: "));
    return event.substr(4, event.find('\n') - 4);
  }
  static std::string PayloadOf(const std::string& event) {
    const size_t at = event.find("data: ");
    if (at == std::string::npos) return "none: " + event;
    return boost::json::serialize(boost::json::parse(event.substr(at + 6)).at("payload"));
  }
  uint64_t Streams() { return broker->Stats(auth::Principal::Anyone())->streams; }
};

TEST_F(StreamTest, GivesWhatIsPostedAndResumes) {
  Start();
  Post("t", R"({"payload":0})");
  HttpClient client(port());
  Open(client, "topic=t&from=beginning");
  const std::string first = client.ReadEvent();
  EXPECT_EQ(PayloadOf(first), "0");
  EXPECT_THAT(client.ReadEvent(), HasSubstr("event: caught_up\n"));
  Post("t", R"({"payload":1})");
  EXPECT_EQ(PayloadOf(client.ReadEvent()), "1");
  client.Close();
  Post("t", R"({"payload":2})");
  HttpClient again(port());
  // The address is the first one's, as with EventSource.
  Open(again, "topic=t&from=beginning", "Last-Event-ID: " + IdOf(first) + "\r\n");
  EXPECT_EQ(PayloadOf(again.ReadEvent()), "1");
  EXPECT_EQ(PayloadOf(again.ReadEvent()), "2");
}

TEST_F(StreamTest, ResumesFromBeforeItsFirstEvent) {
  Start();
  HttpClient client(port());
  client.Send("GET /v1/events?topic=t HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
  client.ReadHead();
  const std::string opening = client.ReadEvent();
  client.Close();
  Post("t", R"({"payload":1})");
  HttpClient again(port());
  Open(again, "topic=t", "Last-Event-ID: " + opening.substr(opening.find("id: ") + 4) + "\r\n");
  EXPECT_EQ(PayloadOf(again.ReadEvent()), "1");
}

TEST_F(StreamTest, ManyReadersSeeTheSame) {
  Start();
  std::vector<std::unique_ptr<HttpClient>> one_topic, pattern;
  for (int i = 0; i < 10; ++i) {
    one_topic.push_back(std::make_unique<HttpClient>(port()));
    Open(*one_topic.back(), "topic=t/1");
    pattern.push_back(std::make_unique<HttpClient>(port()));
    Open(*pattern.back(), "topic=t/*");
  }
  Post("t/1", R"([{"payload":1},{"payload":2}])");
  std::set<std::string> of_topic, of_pattern;
  for (auto& client : one_topic) {
    EXPECT_THAT(client->ReadEvent(), HasSubstr("event: caught_up"));
    of_topic.insert(client->ReadEvent() + "|" + client->ReadEvent());
  }
  for (auto& client : pattern) {
    EXPECT_THAT(client->ReadEvent(), HasSubstr("event: caught_up"));
    of_pattern.insert(client->ReadEvent() + "|" + client->ReadEvent());
  }
  ASSERT_EQ(of_topic.size(), 1u);
  ASSERT_EQ(of_pattern.size(), 1u);
  EXPECT_NE(*of_topic.begin(), *of_pattern.begin());  // other cursors
  EXPECT_THAT(*of_pattern.begin(), HasSubstr("\"position\":0"));
}

TEST_F(StreamTest, NoticesAreNamedEvents) {
  journal_options.rules =
      journal::TopicRules({{.pattern = *TopicPattern::Parse("t", ""), .retention_count = 1}});
  journal_options.retention_interval = std::chrono::hours(1);
  Start();
  Post("t", R"({"payload":0})");
  const std::string cursor(
      Ask("GET", "/v1/events?topic=t&from=beginning").Json().at("cursor").as_string());
  Post("t", R"({"payload":1})");
  Post("t", R"({"payload":2})");
  ASSERT_TRUE(stack->journal().ApplyRetention());
  HttpClient gap(port());
  Open(gap, "topic=t", "Last-Event-ID: " + cursor + "\r\n");
  EXPECT_EQ(gap.ReadEvent(), "event: gap\ndata: {\"topic\":\"t\",\"first\":1,\"end\":2}");
  EXPECT_EQ(PayloadOf(gap.ReadEvent()), "2");
  EXPECT_EQ(Ask("DELETE", "/v1/topics/t").status, 204);
  EXPECT_THAT(gap.ReadEvent(), HasSubstr("event: caught_up"));
  EXPECT_THAT(gap.ReadEvent(), HasSubstr("TOPIC_DELETED"));
  EXPECT_EQ(gap.ReadEvent(), "");
  HttpClient epoch(port());
  Open(epoch, "topic=t", "Last-Event-ID: " + cursor + "\r\n");
  EXPECT_THAT(epoch.ReadEvent(), StartsWith("event: epoch_changed\ndata: {\"old_epoch\":"));
}

TEST_F(StreamTest, HeartbeatsMoveTheCursorOn) {
  options.heartbeat = std::chrono::milliseconds(10);
  Start();
  HttpClient client(port());
  Open(client, "topic=t&type=wanted");
  EXPECT_THAT(client.ReadEvent(), HasSubstr("event: caught_up"));
  const std::string first = IdOf(client.ReadEvent() + "\n");
  Post("t", R"({"payload":1,"type":"other"})");
  std::string later;
  do {
    later = client.ReadEvent();
    ASSERT_THAT(later, Not(HasSubstr("data")));
  } while (IdOf(later + "\n") == first);
}

TEST_F(StreamTest, EndsAfterAsMuchAsIsAskedFor) {
  Start();
  for (int i = 0; i < 5; ++i) Post("t", R"([{"payload":1},{"payload":2}])");
  HttpClient client(port());
  Open(client, "topic=t&from=beginning&max=3");
  for (int i = 0; i < 3; ++i) EXPECT_THAT(client.ReadEvent(), HasSubstr("data: "));
  EXPECT_EQ(client.ReadEvent(), "");
  EXPECT_FALSE(client.cut_off());
  EXPECT_EQ(client.Ask("GET", "/page").body, "a page");  // the connection goes on
  HttpClient quiet(port());
  Open(quiet, "topic=t&wait=10ms");
  EXPECT_THAT(quiet.ReadEvent(), HasSubstr("caught_up"));
  EXPECT_EQ(quiet.ReadEvent(), "");
}

TEST_F(StreamTest, WhatComesWhileItWaitsCountsTooAndSoDoesItsEnd) {
  Start();
  HttpClient client(port());
  Open(client, "topic=t&max=3");
  EXPECT_THAT(client.ReadEvent(), HasSubstr("caught_up"));
  for (int i = 0; i < 4; ++i) Post("t", R"({"payload":)" + std::to_string(i) + "}");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(PayloadOf(client.ReadEvent()), std::to_string(i));
  EXPECT_EQ(client.ReadEvent(), "");
  EXPECT_FALSE(client.cut_off());
}

// So that a reader that goes on from where it stopped misses nothing that may be mended.
TEST_F(StreamTest, AMalformedEventEndsTheStreamBeforeIt) {
  Start();
  Post("t", R"({"payload":1})");
  HttpClient client(port());
  Open(client, "topic=t&from=beginning");
  const std::string first = client.ReadEvent();
  EXPECT_THAT(client.ReadEvent(), HasSubstr("event: caught_up"));
  journal::Chunk chunk{.topic = "t", .count = 1, .fingerprints = {0}};
  EventView event;
  event.payload = "payload";
  AppendToBody(event, chunk.body);
  chunk.body[2] = '\xff';  // the record's first byte
  journal::Batch batch;
  batch.chunks.push_back(std::move(chunk));
  stack->journal().Post(std::move(batch), [](const auto& stored) { EXPECT_TRUE(stored); });
  const std::string end = client.ReadEvent();
  EXPECT_THAT(end, HasSubstr("event: end\n"));
  EXPECT_THAT(end, HasSubstr("DATA_LOSS"));
  EXPECT_EQ(IdOf(end), IdOf(first));
  EXPECT_EQ(client.ReadEvent(), "");
  EXPECT_FALSE(client.cut_off());
}

TEST_F(StreamTest, ANewerReaderOfTheSameClientEndsTheOlder) {
  Start();
  HttpClient older(port());
  Open(older, "topic=t&client_id=me");
  EXPECT_THAT(older.ReadEvent(), HasSubstr("caught_up"));
  HttpClient newer(port());
  Open(newer, "topic=t&client_id=me");
  const std::string end = older.ReadEvent();
  EXPECT_THAT(end, HasSubstr("event: end\n"));
  EXPECT_THAT(end, HasSubstr("\"reason\":\"REPLACED\""));
  EXPECT_THAT(end, StartsWith("retry: 60000\n"));  // not to take turns
  EXPECT_EQ(older.ReadEvent(), "");
}

TEST_F(StreamTest, ADrainIsTold) {
  Start();
  HttpClient stream(port()), page(port()), idle(port());
  Open(stream, "topic=t");
  page.Send("GET /v1/events?topic=t&wait=5m HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(idle.Ask("GET", "/page").body, "a page");
  ASSERT_TRUE(Eventually([&] { return Streams() == 2; }));
  server->StartDrain();
  EXPECT_TRUE(idle.Closed());
  broker->Drain(std::chrono::seconds(1));
  EXPECT_THAT(stream.ReadEvent(), HasSubstr("caught_up"));
  EXPECT_THAT(stream.ReadEvent(), HasSubstr("\"reason\":\"DRAINING\""));
  EXPECT_EQ(stream.ReadEvent(), "");
  EXPECT_FALSE(stream.cut_off());
  const HttpReply reply = page.Read();
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.Reason(), "DRAINING");
  EXPECT_EQ(reply.headers.at("retry-after"), "1");
  server->Stop(std::chrono::seconds(30));
}

TEST_F(StreamTest, WhoWaitsForAReceiptIsToldOfTheStop) {
  Start();
  EXPECT_EQ(Ask("PUT", "/v1/subscriptions/s", R"({"topics":["t"]})").status, 201);
  Post("t", R"({"payload":1})");
  HttpClient client(port());
  client.Send("GET /v1/receipts?topic=t&offset=0&timeout=1h HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(Ask("GET", "/v1/receipts?topic=t&offset=0").status, 200);
  server->Stop(std::chrono::seconds(30));
  const HttpReply reply = client.Read();
  if (reply.status != 0) EXPECT_EQ(reply.Reason(), "DRAINING");
}

// The stream pulls only what the socket takes: what waits for such a peer stays in the log.
TEST_F(StreamTest, APeerThatNeverReadsCostsLittleAndIsClosed) {
  options.write_timeout = std::chrono::milliseconds(200);
  Start();
  HttpClient silent(port(), 4096);
  silent.Send("GET /v1/events?topic=t HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
  ASSERT_TRUE(Eventually([&] { return Streams() == 1; }));
  const std::string event = R"({"payload":")" + std::string(100'000, 'x') + "\"}";
  for (int i = 0; i < 200; ++i) Post("t", event);
  EXPECT_TRUE(Eventually([&] { return Streams() == 0; }));
  EXPECT_EQ(Counted("postroad_http_connections_closed_total", {{"reason", "write_timeout"}}), 1);
  // 20 MB were posted; the peer was given no more than sockets hold.
  EXPECT_LT(Counted("postroad_http_streamed_events_total"), 100);
}

TEST_F(StreamTest, AReaderThatIsSlowGetsEverything) {
  Start();
  HttpClient slow(port(), 4096);
  Open(slow, "topic=t");
  EXPECT_THAT(slow.ReadEvent(), HasSubstr("caught_up"));
  const std::string filler(20'000, 'x');
  for (int i = 0; i < 200; ++i) {
    Post("t", R"({"payload":)" + std::to_string(i) + R"(,"key":"k","headers":{"f":"8"},"type":")" +
                  std::to_string(i) + R"("})");
    Post("t", R"({"payload":")" + filler + "\"}");
  }
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(PayloadOf(slow.ReadEvent()), std::to_string(i));
    EXPECT_EQ(PayloadOf(slow.ReadEvent()), "\"" + filler + "\"");
  }
}

TEST_F(StreamTest, PlainHttp10StreamsUntilTheClose) {
  Start();
  Post("t", R"({"payload":1})");
  HttpClient client(port());
  client.Send("GET /v1/events?topic=t&from=beginning&format=sse&max=1 HTTP/1.0\r\n\r\n");
  const std::string all = client.ReadToEnd();
  EXPECT_THAT(all, Not(HasSubstr("chunked")));
  EXPECT_THAT(all, EndsWith("\"payload\":1}\n\n"));
}

}  // namespace
}  // namespace postroad::testing
