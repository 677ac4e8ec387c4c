// CloudEvents in their three modes.
#include "tests/http/http_house.h"

namespace postroad::testing {
namespace {

class CloudEventsTest : public HttpHouse {
 protected:
  boost::json::value First(const std::string& topic) {
    return Ask("GET", "/v1/events?from=beginning&topic=" + topic).Json().at("events").at(0);
  }
  static std::string Type(const std::string& type) { return "Content-Type: " + type + "\r\n"; }
};

TEST_F(CloudEventsTest, Structured) {
  Start();
  const std::string event = R"({"specversion":"1.0","id":"c1","source":"/t","type":"a.b",
      "time":"2026-01-02T03:04:05Z","subject":"s","partitionkey":"k","traceparent":"tp",
      "datacontenttype":"application/json","data":{"n":1}})";
  EXPECT_EQ(Ask("POST", "/v1/events", event, Type("application/cloudevents+json")).status, 200);
  const auto read = First("t");
  EXPECT_EQ(read.at("id"), "c1");
  EXPECT_EQ(read.at("key"), "k");
  EXPECT_EQ(read.at("type"), "a.b");
  EXPECT_EQ(read.at("time"), "2026-01-02T03:04:05Z");
  EXPECT_EQ(read.at("payload").at("n"), 1);
  EXPECT_EQ(read.at("headers").at("subject"), "s");
  EXPECT_EQ(read.at("headers").at("traceparent"), "tp");
}

TEST_F(CloudEventsTest, InBatches) {
  Start();
  const std::string batch = R"([
      {"specversion":"1.0","id":"1","source":"s","type":"a","datacontenttype":"text/plain","data":"text"},
      {"specversion":"1.0","id":"2","source":"s","type":"a","data_base64":"/wAB"}])";
  const std::string type = Type("application/cloudevents-batch+json; charset=utf-8");
  EXPECT_EQ(Ask("POST", "/v1/events?topic=u", batch, type).status, 200);
  const auto events = Ask("GET", "/v1/events?from=beginning&topic=u").Json().at("events");
  EXPECT_EQ(events.at(0).at("payload"), "text");
  EXPECT_EQ(events.at(0).at("headers").at("source"), "s");
  EXPECT_EQ(events.at(1).at("payload_base64"), "/wAB");
  const HttpReply bad = Ask("POST", "/v1/events",
                            R"([{"specversion":"0.3","id":"1","source":"s","type":"a"}])", type);
  EXPECT_EQ(bad.Json().at("field"), "events[0].specversion");
  EXPECT_EQ(bad.Json().at("value"), "0.3");
}

TEST_F(CloudEventsTest, Binary) {
  Start();
  const std::string headers =
      "ce-specversion: 1.0\r\nce-id: b%2D1\r\nce-source: t\r\nCE-Type: a.b\r\nce-subject: \r\n"
      "ce-myextension: v\r\n" +
      Type("application/octet-stream");
  EXPECT_EQ(Ask("POST", "/v1/events", std::string("\xff\0\1", 3), headers).status, 200);
  const auto read = First("t");
  EXPECT_EQ(read.at("id"), "b-1");
  EXPECT_EQ(read.at("content_type"), "application/octet-stream");
  EXPECT_EQ(read.at("payload_base64"), "/wAB");
  EXPECT_EQ(read.at("headers").at("myextension"), "v");
  EXPECT_EQ(
      Ask("POST", "/v1/events", "x", "ce-specversion: 1.0\r\nce-id: 1\r\n").Json().at("field"),
      "events[0].type");
}

// "If the media type begins with application/cloudevents" it is structured, whatever stands beside.
TEST_F(CloudEventsTest, TheContentTypeGoesBeforeHeaders) {
  Start();
  const std::string event = R"({"specversion":"1.0","id":"in","source":"t","type":"a","data":1})";
  const std::string stray = "ce-specversion: 1.0\r\nce-id: out\r\nce-source: t\r\nce-type: b\r\n";
  EXPECT_EQ(Ask("POST", "/v1/events", event, stray + Type("Application/CloudEvents+json")).status,
            200);
  EXPECT_EQ(First("t").at("id"), "in");
  EXPECT_EQ(Ask("POST", "/v1/events", "<a/>", stray + Type("application/cloudevents+xml")).status,
            415);
}

TEST_F(CloudEventsTest, HeadersMayBeQuotedAndStandOnce) {
  Start();
  const std::string rest = "ce-specversion: 1.0\r\nce-source: t\r\nce-type: a\r\n";
  EXPECT_EQ(Ask("POST", "/v1/events", "x", rest + "ce-id: \"q \\\"1%22\"\r\n").status, 200);
  EXPECT_EQ(First("t").at("id"), "q \"1\"");
  const HttpReply twice = Ask("POST", "/v1/events", "x", rest + "ce-id: 1\r\nCe-Id: 2\r\n");
  EXPECT_EQ(twice.status, 400);
  EXPECT_EQ(twice.Json().at("field"), "ce-id");
  EXPECT_EQ(Ask("POST", "/v1/events", "x", rest + "ce-id: \"1\r\n").status, 400);
}

}  // namespace
}  // namespace postroad::testing
