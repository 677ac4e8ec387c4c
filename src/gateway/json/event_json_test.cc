#include "gateway/json/event_json.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace postroad::gateway {
namespace {

std::string Serialized(const Event& event) {
  boost::json::object object;
  object["topic"] = event.topic;
  AddEvent(object, ViewOf(event));
  return boost::json::serialize(object);
}

TEST(EventJson, WhatWasPrintedCanBePosted) {
  const Event event{.id = "e-1",
                    .topic = "orders",
                    .key = "k",
                    .type = "order.paid",
                    .content_type = "text/plain",
                    .payload = "zażółć \"quoted\"",
                    .headers = {{"a", "1"}, {"b", "2"}},
                    .time = FromNanos(1'700'000'000'123'000'000),
                    .deliver_at = FromNanos(1'800'000'000'000'000'000),
                    .search_keys = {"s1", "s2"}};
  const auto back = ParseEventJson(Serialized(event));
  ASSERT_TRUE(back) << back.error().ToString();
  EXPECT_EQ(*back, event);
}

TEST(EventJson, BytesThatAreNotTextAreMarked) {
  const Event event{.topic = "t", .payload = std::string("\xFF\x00\x01", 3)};
  EXPECT_EQ(Serialized(event), R"({"topic":"t","payload_base64":"/wAB"})");
  const auto back = ParseEventJson(Serialized(event));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->payload, event.payload);
}

TEST(EventJson, AnObjectAsPayloadIsJson) {
  const auto event = ParseEventJson(R"({"topic":"t","payload":{"n":1},"offset":4})");
  ASSERT_TRUE(event);
  EXPECT_EQ(event->payload, R"({"n":1})");
  EXPECT_EQ(event->content_type, "application/json");
}

TEST(EventJson, WhatIsWrongIsNamed) {
  const auto message = [](std::string_view text) {
    const auto event = ParseEventJson(text);
    return event ? std::string("taken") : event.error().field + ": " + event.error().message;
  };
  EXPECT_EQ(message(R"({"tpoic":"t"})"), "tpoic: is no field of an event, did you mean 'topic'?");
  EXPECT_EQ(message(R"({"key":7})"), "key: must be a string");
  EXPECT_EQ(message(R"({"payload_base64":"???"})"), "payload_base64: is not base64");
  EXPECT_EQ(message("[]"), ": is not a JSON object");
  EXPECT_TRUE(message("{").starts_with(": is not JSON"));
  EXPECT_TRUE(message(R"({"deliver_at":"tomorrow"})").starts_with("deliver_at: "));
}

std::string WithPayload(const std::string& content_type, const std::string& payload) {
  std::string text;
  const Event event{.content_type = content_type, .payload = payload};
  AppendWithPayload({{"a", 1}}, ViewOf(event), text);
  return text;
}

TEST(EventJson, AJsonPayloadGoesInAsItIs) {
  EXPECT_EQ(WithPayload("application/json", R"({"n": 123456789012345678901})"),
            R"({"a":1,"payload":{"n": 123456789012345678901}})");
  EXPECT_EQ(WithPayload("application/problem+json; charset=utf-8", " [1,\n2]\n"),
            R"({"a":1,"payload": [1, 2] })");
}

TEST(EventJson, WhatIsNoJsonGoesInAsText) {
  EXPECT_EQ(WithPayload("text/plain", "1"), R"({"a":1,"payload":"1"})");
  for (const char* payload : {"{", "1}", "1,\"b\":2", "", "nul", "[1] 2"}) {
    const auto text = WithPayload("application/json", payload);
    const auto value = boost::json::parse(text);
    EXPECT_EQ(value.at("payload"), payload);
    EXPECT_EQ(value.as_object().size(), 2u);
  }
  // A string stands for its bytes, so that what was read can be posted.
  EXPECT_EQ(WithPayload("application/json", R"("x")"), R"({"a":1,"payload":"\"x\""})");
  EXPECT_EQ(WithPayload("application/json", "\xff"), R"({"a":1,"payload_base64":"/w=="})");
}

TEST(EventJson, ErrorsBeginWithTheEventsPath) {
  const auto event = ReadEvent(boost::json::parse(R"({"headers":{"a":1}})"), "events[3]");
  EXPECT_EQ(event.error().field, "events[3].headers.a");
}

}  // namespace
}  // namespace postroad::gateway
