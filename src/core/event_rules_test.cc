// CheckEvent: every limit at its edge, and the field that the error names.
#include "core/event_rules.h"

#include <gtest/gtest.h>

#include <functional>

#include "core/event.h"

namespace postroad {
namespace {

using namespace std::chrono_literals;

Status Check(const std::function<void(Event&)>& change) {
  Event event{.id = "1", .headers = {{"a", "1"}}, .search_keys = {"s"}};
  change(event);
  return CheckEvent(ViewOf(event), "events[3]");
}

void ExpectRefused(std::string_view field, std::string_view reason,
                   const std::function<void(Event&)>& change) {
  const auto status = Check(change);
  ASSERT_FALSE(status) << field << " " << reason;
  EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(status.error().field, field);
  EXPECT_EQ(status.error().reason, reason);
}

TEST(CheckEventTest, TextFieldsHaveLimitsAndAreUtf8) {
  const std::tuple<std::string_view, std::string Event::*, size_t> kFields[] = {
      {"events[3].id", &Event::id, kMaxIdBytes},
      {"events[3].key", &Event::key, kMaxKeyBytes},
      {"events[3].type", &Event::type, kMaxTypeBytes},
      {"events[3].content_type", &Event::content_type, kMaxContentTypeBytes},
  };
  for (const auto& [name, field, most] : kFields) {
    EXPECT_TRUE(Check([&](Event& e) { e.*field = std::string(most, 'x'); })) << name;
    EXPECT_TRUE(Check([&](Event& e) { (e.*field).clear(); })) << name;
    ExpectRefused(name, "TOO_LONG", [&](Event& e) { e.*field = std::string(most + 1, 'x'); });
    ExpectRefused(name, "BAD_UTF8", [&](Event& e) { e.*field = "a\xff"; });
  }
}

TEST(CheckEventTest, PayloadAndTopicAreNotLookedAt) {
  EXPECT_TRUE(Check([](Event& e) { e.payload = std::string(1 << 20, '\xff'); }));
  EXPECT_TRUE(Check([](Event& e) { e.topic = "no topic *"; }));
}

TEST(CheckEventTest, Headers) {
  const auto many = [](size_t n) {
    return [n](Event& e) {
      e.headers.clear();
      for (size_t i = 0; i < n; ++i) e.headers.emplace_back("h" + std::to_string(i), "");
    };
  };
  EXPECT_TRUE(Check(many(kMaxHeaders)));
  ExpectRefused("events[3].headers", "TOO_MANY_ENTRIES", many(kMaxHeaders + 1));
  EXPECT_TRUE(Check([](Event& e) { e.headers = {{"!~", "ü\n"}}; }));
  for (const std::string name : {"", "a b", "a\t", "ü", "\x7f", "\x01"}) {
    ExpectRefused("events[3].headers", "BAD_HEADER_NAME",
                  [&](Event& e) { e.headers = {{name, ""}}; });
  }
  EXPECT_TRUE(Check([](Event& e) { e.headers = {{std::string(255, 'n'), ""}}; }));
  ExpectRefused("events[3].headers", "TOO_LONG",
                [](Event& e) { e.headers = {{std::string(256, 'n'), ""}}; });
  EXPECT_TRUE(Check([](Event& e) { e.headers = {{"a", std::string(8192, 'v')}}; }));
  ExpectRefused("events[3].headers[\"a\"]", "TOO_LONG",
                [](Event& e) { e.headers = {{"a", std::string(8193, 'v')}}; });
  ExpectRefused("events[3].headers[\"a\"]", "BAD_UTF8",
                [](Event& e) { e.headers = {{"a", "\xff"}}; });
  ExpectRefused("events[3].headers[\"a\"]", "DUPLICATE_HEADER",
                [](Event& e) { e.headers = {{"a", "1"}, {"b", "2"}, {"a", "1"}}; });
}

TEST(CheckEventTest, Times) {
  for (auto field : {&Event::time, &Event::deliver_at}) {
    const auto* name = field == &Event::time ? "events[3].time" : "events[3].deliver_at";
    EXPECT_TRUE(Check([&](Event& e) { e.*field = kEarliestTime; }));
    EXPECT_TRUE(Check([&](Event& e) { e.*field = kLatestTime - 1ns; }));
    for (const Timestamp bad :
         {kEarliestTime - 1ns, kLatestTime, Timestamp::min(), Timestamp::max()}) {
      ExpectRefused(name, "BAD_TIME", [&](Event& e) { e.*field = bad; });
    }
  }
}

TEST(CheckEventTest, SearchKeys) {
  EXPECT_TRUE(Check([](Event& e) { e.search_keys.assign(16, std::string(255, 'x')); }));
  ExpectRefused("events[3].search_keys", "TOO_MANY_ENTRIES",
                [](Event& e) { e.search_keys.assign(17, "x"); });
  ExpectRefused("events[3].search_keys[1]", "EMPTY", [](Event& e) { e.search_keys = {"a", ""}; });
  ExpectRefused("events[3].search_keys[0]", "TOO_LONG",
                [](Event& e) { e.search_keys = {std::string(256, 'x')}; });
  ExpectRefused("events[3].search_keys[0]", "BAD_UTF8", [](Event& e) { e.search_keys = {"\xc0"}; });
}

TEST(CheckEventTest, WithoutAParentTheFieldStandsAlone) {
  Event event{.id = "\xff"};
  EXPECT_EQ(CheckEvent(ViewOf(event), "").error().field, "id");
}

TEST(EventRules, Traceparents) {
  EXPECT_TRUE(IsTraceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
  EXPECT_FALSE(IsTraceparent("00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
  EXPECT_FALSE(IsTraceparent("00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01"));
  EXPECT_FALSE(IsTraceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0"));
}

}  // namespace
}  // namespace postroad
