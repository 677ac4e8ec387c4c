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

}  // namespace
}  // namespace postroad::gateway
