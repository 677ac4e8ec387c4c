// What PostBuilder takes and refuses, and how the journal's results come back.
#include "broker/post.h"

#include <gtest/gtest.h>

#include "broker/post_run.h"
#include "core/uuid.h"
#include "journal/testing.h"

namespace postroad::broker {
namespace {

using auth::Principal;

constexpr char kTrace[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

EventView Make(std::string_view topic, std::string_view id = {}, std::string_view payload = "p") {
  EventView event;
  event.topic = topic;
  event.id = id;
  event.payload = payload;
  return event;
}

class PostTest : public ::testing::Test {
 protected:
  PostBuilder Builder(PostDefaults defaults = {}) {
    return {house.journal->rules(), caller, house.clock.Now(), defaults};
  }
  PostOutcome Store(PostBuilder& builder) {
    auto post = builder.Finish();
    EXPECT_TRUE(post);
    PostRun run(*std::move(post));
    auto stored = journal::PostAndWait(*house.journal, run.TakeBatch());
    EXPECT_TRUE(stored) << (stored ? "" : stored.error().ToString());
    return run.Outcome(*stored);
  }
  // The stored events of a topic.
  std::vector<Event> Read(const std::string& topic) {
    std::vector<Event> events;
    const auto info = house.journal->FindTopic(topic);
    if (!info) return events;
    const auto read = house.journal->ReadTopic(info->id, Offset(), 16 << 20);
    for (const auto& run : read->runs) {
      BodyReader reader(run->body);
      while (const auto record = reader.Next()) {
        EventView event;
        EXPECT_TRUE(ParseRecord(*record, event));
        events.push_back(event.ToEvent());
      }
    }
    return events;
  }

  journal::JournalHouse house;
  Principal caller = Principal::Anyone();
};

TEST_F(PostTest, GivesIdsAndTimesWhereThereAreNone) {
  auto builder = Builder();
  EventView made = Make("orders"), own = Make("orders", "mine");
  own.time = FromNanos(42);
  ASSERT_TRUE(builder.Add(made));
  ASSERT_TRUE(builder.Add(own));
  const PostOutcome outcome = Store(builder);
  ASSERT_EQ(outcome.results.size(), 2u);
  EXPECT_TRUE(outcome.results[0].id_made);
  EXPECT_FALSE(outcome.results[1].id_made);
  const auto events = Read("orders");
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].id, outcome.made_ids);
  EXPECT_EQ(UuidV7Time(events[0].id).has_value(), true);
  EXPECT_EQ(events[0].time, house.clock.Now());
  EXPECT_EQ(events[1].id, "mine");
  EXPECT_EQ(events[1].time, FromNanos(42));
}

TEST_F(PostTest, PlacesEventsOfSeveralTopicsDuplicatesAndScheduledOnes) {
  auto first = Builder();
  EventView known = Make("a", "known");
  ASSERT_TRUE(first.Add(known));
  Store(first);

  auto builder = Builder();
  EventView events[] = {Make("a", "x"), Make("b", "y"), Make("a", "known"), Make("a", "z"),
                        Make("a", "later")};
  events[4].deliver_at = house.clock.Now() + std::chrono::hours(1);
  for (EventView& event : events) ASSERT_TRUE(builder.Add(event));
  const PostOutcome outcome = Store(builder);
  ASSERT_EQ(outcome.results.size(), 5u);
  EXPECT_EQ(outcome.results[0].offset, Offset(1));
  EXPECT_EQ(outcome.results[1].offset, Offset(0));
  EXPECT_TRUE(outcome.results[2].duplicate);
  EXPECT_EQ(outcome.results[2].offset, Offset(0));
  EXPECT_FALSE(outcome.results[3].duplicate);
  EXPECT_EQ(outcome.results[3].offset, Offset(2));
  EXPECT_TRUE(outcome.results[4].scheduled);
  auto again = Builder();
  EventView now = Make("a", "later");
  ASSERT_TRUE(again.Add(now));
  const PostOutcome waits = Store(again);
  EXPECT_TRUE(waits.results[0].scheduled && waits.results[0].duplicate);
  EXPECT_EQ(house.Ids("a"), (std::vector<std::string>{"known", "x", "z"}));
}

TEST_F(PostTest, WhatIsPostedForLaterAndWasStoredBeforeHasItsOffset) {
  auto first = Builder();
  EventView events[] = {Make("a", "x"), Make("a", "known")};
  for (EventView& event : events) ASSERT_TRUE(first.Add(event));
  Store(first);
  auto again = Builder();
  EventView known = Make("a", "known");
  known.deliver_at = house.clock.Now() + std::chrono::hours(1);
  ASSERT_TRUE(again.Add(known));
  const PostOutcome outcome = Store(again);
  EXPECT_TRUE(outcome.results[0].duplicate);
  EXPECT_FALSE(outcome.results[0].scheduled);
  EXPECT_EQ(outcome.results[0].offset, Offset(1));
}

TEST_F(PostTest, DeliversAtOnceWhatIsDueAlready) {
  auto builder = Builder();
  EventView event = Make("orders", "due");
  event.deliver_at = house.clock.Now();
  ASSERT_TRUE(builder.Add(event));
  EXPECT_FALSE(Store(builder).results[0].scheduled);
}

TEST_F(PostTest, GivesTraceContextToEventsWithoutAny) {
  auto builder = Builder({.traceparent = kTrace});
  EventView without = Make("orders", "without"), with = Make("orders", "with");
  with.headers.emplace_back(kTraceparentHeader, "its own");
  ASSERT_TRUE(builder.Add(without));
  ASSERT_TRUE(builder.Add(with));
  Store(builder);
  const auto events = Read("orders");
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(ViewOf(events[0]).Header(kTraceparentHeader), kTrace);
  EXPECT_EQ(ViewOf(events[1]).Header(kTraceparentHeader), "its own");
}

TEST_F(PostTest, ErrorsNameTheEventAndItsField) {
  struct Case {
    const char* what;
    EventView event;
    const char* field;
    const char* reason;
  };
  const std::string long_topic(256, 't'), long_key(1025, 'k'), large((1 << 20) + 1, 'x');
  EventView bad_time = Make("t"), long_key_event = Make("t"), bad_utf8 = Make("t");
  bad_time.deliver_at = Timestamp::min();
  long_key_event.key = long_key;
  bad_utf8.type = "\xff";
  const Case cases[] = {
      {"no topic", Make(""), "events[1].topic", ""},
      {"over-long topic", Make(long_topic), "events[1].topic", ""},
      {"wildcard", Make("user/*"), "events[1].topic", ""},
      {"system topic", Make("_dead/x"), "events[1].topic", "SYSTEM_TOPIC"},
      {"time out of range", bad_time, "events[1].deliver_at", ""},
      {"over-long key", long_key_event, "events[1].key", ""},
      {"not UTF-8", bad_utf8, "events[1].type", ""},
      {"too large", Make("t", "", large), "events[1].payload", "EVENT_TOO_LARGE"},
  };
  for (const Case& c : cases) {
    auto builder = Builder();
    EventView good = Make("t"), bad = c.event;
    ASSERT_TRUE(builder.Add(good));
    const Status added = builder.Add(bad);
    ASSERT_FALSE(added) << c.what;
    EXPECT_EQ(added.error().code, ErrorCode::kInvalidArgument) << c.what;
    EXPECT_EQ(added.error().field, c.field) << c.what;
    if (*c.reason) EXPECT_EQ(added.error().reason, c.reason) << c.what;
  }
}

TEST_F(PostTest, LimitsTheBatch) {
  auto many = Builder();
  for (size_t i = 0; i < kMaxPostEvents; ++i) {
    EventView event = Make("t", "", "");
    ASSERT_TRUE(many.Add(event));
  }
  EventView more = Make("t");
  const Status added = many.Add(more);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().reason, "BATCH_TOO_LARGE");
  EXPECT_EQ(added.error().field, "events");

  auto large = Builder();
  const std::string payload(1'000'000, 'x');
  Status last;
  for (int i = 0; i < 9 && last; ++i) {
    EventView event = Make("t", "", payload);
    last = large.Add(event);
  }
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().reason, "BATCH_TOO_LARGE");
}

TEST_F(PostTest, RefusesAnEmptyBatch) {
  auto builder = Builder();
  const auto post = builder.Finish();
  ASSERT_FALSE(post);
  EXPECT_EQ(post.error().field, "events");
}

TEST_F(PostTest, OneEventMayBeLargerThanABatchWhereItsTopicAllowsIt) {
  journal::TopicRule rule{.pattern = *TopicPattern::Parse("huge", "pattern"),
                          .max_event_bytes = 20 << 20};
  const journal::TopicRules rules({rule});
  PostBuilder builder(rules, caller, house.clock.Now(), {});
  const std::string payload(9 << 20, 'x');
  EventView event = Make("huge", "", payload), second = Make("huge");
  ASSERT_TRUE(builder.Add(event));
  EXPECT_FALSE(builder.Add(second));
}

TEST_F(PostTest, NeedsTheRightToPostToEachTopic) {
  const auto pattern = *TopicPattern::Parse("mine/*", "pattern");
  caller = Principal("ada", {pattern}, {pattern}, {});
  auto builder = Builder();
  EventView allowed = Make("mine/a"), other = Make("yours/a");
  ASSERT_TRUE(builder.Add(allowed));
  const Status added = builder.Add(other);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(added.error().field, "events[1].topic");
}

}  // namespace
}  // namespace postroad::broker
