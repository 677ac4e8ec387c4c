// The record codec by itself; tests/core compares it with protobuf, docs/formats has golden bytes.
#include "core/event.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "core/names.h"

namespace postroad {
namespace {

using namespace std::chrono_literals;

Event Sample() {
  return {.id = "id-1",
          .topic = "orders",
          .key = "k",
          .type = "order.paid",
          .content_type = "text/plain",
          .payload = std::string("\0\xff payload", 10),
          .headers = {{"b", "2"}, {"a", "1"}, {"c", ""}},
          .time = Timestamp(1'769'846'400s + 1ns),
          .deliver_at = Timestamp(1'769'846'401s),
          .search_keys = {"s2", "s1"}};
}

Event WithoutTopic(Event event) {
  event.topic.clear();
  return event;
}

TEST(EventTest, ViewsShowTheEvent) {
  const Event event = Sample();
  EXPECT_EQ(ViewOf(event).ToEvent(), event);
  EXPECT_EQ(ViewOf(event).payload.data(), event.payload.data()) << "a view copies nothing";
  EXPECT_EQ(ViewOf(event).Header("a"), "1");
  EXPECT_EQ(ViewOf(event).Header("c"), "");
  EXPECT_EQ(ViewOf(event).Header("d"), std::nullopt);
}

TEST(EventTest, ClearEmptiesEveryField) {
  const Event event = Sample();
  EventView view = ViewOf(event);
  view.Clear();
  EXPECT_EQ(view.ToEvent(), Event{});
  EXPECT_GE(view.headers.capacity(), 3u) << "the room stays";
}

TEST(EventTest, RecordRoundTripsWithoutTheTopic) {
  const std::string record = EncodeRecord(ViewOf(Sample()));
  EventView view;
  ASSERT_TRUE(ParseRecord(record, view));
  EXPECT_EQ(view.ToEvent(), WithoutTopic(Sample()));
  EXPECT_GE(view.payload.data(), record.data()) << "the view is of the record";
  EXPECT_LT(view.payload.data(), record.data() + record.size());
}

TEST(EventTest, ParsingForgetsWhatTheViewHeld) {
  const Event event = Sample();
  EventView view = ViewOf(event);
  ASSERT_TRUE(ParseRecord("", view));
  EXPECT_EQ(view.ToEvent(), Event{});
}

TEST(EventTest, PostedEventsCarryTheirTopic) {
  EventView view;
  ASSERT_TRUE(ParseRecord("\x12\x06orders", view));
  EXPECT_EQ(view.topic, "orders");
}

TEST(EventTest, MalformedRecordsSayWhere) {
  EventView view;
  const auto status = ParseRecord(
      "\x0a\x01"
      "a\x32\x09short",
      view);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(status.error().reason, "MALFORMED_EVENT");
  EXPECT_EQ(status.error().message,
            "not a well-formed event: a length runs past the end at byte 5");
}

TEST(EventTest, TimesAtTheEnds) {
  for (const Timestamp t : {kEarliestTime, kLatestTime - 1ns, FromNanos(1), FromNanos(999'999'999),
                            FromNanos(-1), FromNanos(-1'000'000'000), Timestamp::min()}) {
    EventView event;
    event.time = t;
    const std::string record = EncodeRecord(event);
    EventView parsed;
    ASSERT_TRUE(ParseRecord(record, parsed));
    EXPECT_EQ(parsed.time, t) << ToNanos(t);
  }
}

TEST(EventTest, TimesThatAreNoneAreRefusedByTheCheck) {
  for (const std::string_view record :
       {std::string_view("\x42\x0b\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),  // nanos -1
        std::string_view("\x42\x06\x10\x80\x94\xeb\xdc\x03"),                      // nanos 1e9
        std::string_view("\x42\x0a\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f")}) {   // far away
    EventView event;
    ASSERT_TRUE(ParseRecord(record, event));
    const auto status = CheckEvent(event, "event");
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().field, "event.time");
  }
}

TEST(BodyTest, GrowsEntryByEntryAndIsReadInOrder) {
  std::string body;
  std::vector<std::string> records;
  size_t sum = 0;
  for (int i = 0; i < 500; ++i) {
    Event event = Sample();
    event.id = std::to_string(i);
    event.payload.assign(static_cast<size_t>(i) * 7, 'x');
    sum += AppendToBody(ViewOf(event), body);
    ASSERT_EQ(body.size(), sum) << i;
    records.push_back(EncodeRecord(ViewOf(event)));
  }
  BodyReader reader(body);
  for (const auto& record : records) ASSERT_EQ(reader.Next(), record);
  EXPECT_EQ(reader.Next(), std::nullopt);
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.rest(), "");
}

TEST(BodyTest, AnEmptyEventIsARecordOfNothing) {
  std::string body;
  EXPECT_EQ(AppendToBody(EventView{}, body), 2u);
  EXPECT_EQ(body, std::string("\x22\x00", 2));
  EXPECT_EQ(BodyReader(body).Next(), "");
}

TEST(BodyTest, StopsAtWhatIsNoRecord) {
  for (const std::string_view tail :
       {std::string_view("\x1a\x00", 2), std::string_view("\x22"),
        std::string_view("\x22\x05"
                         "abc"),
        std::string_view("\x22\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")}) {
    std::string body;
    AppendToBody(ViewOf(Sample()), body);
    body += tail;
    BodyReader reader(body);
    EXPECT_TRUE(reader.Next());
    EXPECT_TRUE(reader.ok());
    EXPECT_EQ(reader.Next(), std::nullopt);
    EXPECT_FALSE(reader.ok());
    EXPECT_EQ(reader.Next(), std::nullopt) << "and stays there";
    EXPECT_EQ(reader.rest(), tail);
  }
}

TEST(BodyTest, SkipsRecords) {
  std::string body;
  const size_t first = AppendToBody(ViewOf(Sample()), body);
  AppendToBody(ViewOf(Sample()), body);
  EXPECT_EQ(SkipRecords(body, 0), body);
  EXPECT_EQ(SkipRecords(body, 1), std::string_view(body).substr(first));
  EXPECT_EQ(SkipRecords(body, 2), "");
  EXPECT_EQ(SkipRecords(body, 3).error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(SkipRecords(body + "x", 3).error().code, ErrorCode::kDataLoss);
}

TEST(FingerprintTest, TellsTopicAndIdApart) {
  const std::set<uint64_t> all = {EventFingerprint("a", "bc"), EventFingerprint("ab", "c"),
                                  EventFingerprint("abc", ""), EventFingerprint("", "abc"),
                                  EventFingerprint("a", "bd")};
  EXPECT_EQ(all.size(), 5u);
  EXPECT_FALSE(all.contains(0));
}

// Longer than any that is accepted takes another way to the same hash function.
TEST(FingerprintTest, LongNamesToo) {
  const std::string topic(kMaxNameBytes, 't');
  EXPECT_NE(EventFingerprint(topic, std::string(kMaxIdBytes, 'i')),
            EventFingerprint(topic, std::string(kMaxIdBytes + 1, 'i')));
  EXPECT_EQ(EventFingerprint(topic, std::string(5'000, 'i')),
            EventFingerprint(topic, std::string(5'000, 'i')));
}

}  // namespace
}  // namespace postroad
