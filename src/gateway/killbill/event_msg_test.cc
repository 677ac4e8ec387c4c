#include "gateway/killbill/event_msg.h"

#include <gtest/gtest.h>

namespace postroad::killbill {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kNow{1'769'846'400s};

queue::EventMsg Posted() {
  queue::EventMsg message;
  message.set_client_id("billing-1");
  message.set_event_json(R"({"n":1})");
  message.set_user_token("7d1c1d5c-7a5f-4b52-8f06-0d2b5a2d9a34");
  message.set_future_user_token("later");
  message.mutable_effective_date()->set_seconds(1'769'846'399);
  message.mutable_effective_date()->set_nanos(123'456'789);
  message.set_search_key1(-1);
  message.set_search_key2(42);
  return message;
}

TEST(EventMsgTest, BecomesAnEvent) {
  const auto event = ToEvent(Posted(), kNow);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->id, "7d1c1d5c-7a5f-4b52-8f06-0d2b5a2d9a34");
  EXPECT_EQ(event->topic, "killbill/42");
  EXPECT_EQ(event->payload, R"({"n":1})");
  EXPECT_EQ(event->content_type, "application/json");
  EXPECT_EQ(event->time, kNow - 1s + 123'456'789ns);
  EXPECT_EQ(event->deliver_at, std::nullopt);
  EXPECT_EQ(event->search_keys, (std::vector<std::string>{"search_key1=-1", "search_key2=42"}));
}

TEST(EventMsgTest, ComesBackAsItWasPosted) {
  const auto event = ToEvent(Posted(), kNow);
  const auto message = ToEventMsg(EncodeRecord(ViewOf(*event)), 42);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->DebugString(), Posted().DebugString());
}

TEST(EventMsgTest, WaitsForAnEffectiveDateToCome) {
  auto message = Posted();
  message.mutable_effective_date()->set_seconds(1'769'846'401);
  const auto event = ToEvent(message, kNow);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->deliver_at, kNow + 1s + 123'456'789ns);
  EXPECT_EQ(event->time, event->deliver_at);
}

TEST(EventMsgTest, RefusesDatesThatAreNone) {
  for (const auto& [seconds, nanos] : {std::pair<int64_t, int32_t>{-1, 0},
                                       {INT64_MAX, 0},
                                       {INT64_MIN, 0},
                                       {7'258'118'400, 0},
                                       {0, -1},
                                       {0, 1'000'000'000}}) {
    auto message = Posted();
    message.mutable_effective_date()->set_seconds(seconds);
    message.mutable_effective_date()->set_nanos(nanos);
    const auto event = ToEvent(message, kNow);
    ASSERT_FALSE(event) << seconds << " " << nanos;
    EXPECT_EQ(event.error().field, "effective_date");
  }
}

TEST(EventMsgTest, EventsOfOtherProducersAreDeliveredToo) {
  const Event event{.id = "x", .payload = "text", .search_keys = {"search_key1=12x", "other"}};
  const auto message = ToEventMsg(EncodeRecord(ViewOf(event)), 7);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->user_token(), "x");
  EXPECT_EQ(message->event_json(), "text");
  EXPECT_EQ(message->search_key1(), 0);
  EXPECT_EQ(message->search_key2(), 7);
  EXPECT_FALSE(message->has_effective_date());
  const Event binary{.payload = "\xff"};
  EXPECT_EQ(ToEventMsg(EncodeRecord(ViewOf(binary)), 7).error().field, "event_json");
}

TEST(EventMsgTest, ErrorsNameTheFieldsOfEventMsg) {
  const auto renamed = [](std::string field) {
    return InWordsOfEventMsg({ErrorCode::kInvalidArgument, "m", std::move(field)}).field;
  };
  EXPECT_EQ(renamed("event[0].id"), "user_token");
  EXPECT_EQ(renamed("event[0].headers[\"killbill-client-id\"]"), "client_id");
  EXPECT_EQ(renamed("event[0].deliver_at"), "effective_date");
  EXPECT_EQ(renamed("event[0]"), "event_json");
  EXPECT_EQ(renamed("effective_date"), "effective_date");
  EXPECT_EQ(renamed(""), "");
}

TEST(EventMsgTest, NamesAndSettings) {
  EXPECT_EQ(TopicOf(-5), "killbill/-5");
  EXPECT_EQ(SubscriptionOf(5), "killbill-5");
  const auto settings = SettingsOf(5);
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->topics.SingleTopic(), "killbill/5");
  EXPECT_EQ(settings->start, delivery::Start::kBeginning);
  EXPECT_EQ(settings->retry_schedule.size(), 7u);
}

}  // namespace
}  // namespace postroad::killbill
