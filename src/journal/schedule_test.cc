// Future-dated events: never early, once, over restarts; listed, changed, cancelled.
#include <gtest/gtest.h>

#include <algorithm>

#include "journal/testing.h"

namespace postroad::journal {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

Result<BatchResult> PostFuture(JournalHouse& house, const std::string& topic, const std::string& id,
                               Duration in, std::vector<std::string> search_keys = {}) {
  Event event{.id = id, .payload = "later", .search_keys = search_keys};
  Batch batch;
  batch.future.push_back(
      {topic, house.clock.Now() + in, EncodeRecord(ViewOf(event)), id, std::move(search_keys)});
  return PostAndWait(*house.journal, std::move(batch));
}

std::vector<std::string> ListedIds(JournalHouse& house, ScheduledQuery query) {
  std::vector<std::string> ids;
  do {
    const auto page = house.journal->ListScheduled(query);
    EXPECT_TRUE(page);
    if (!page) return ids;
    for (const Scheduled& event : page->events) ids.push_back(event.id);
    query.after = page->next;
  } while (!query.after.empty());
  return ids;
}

bool Arrives(JournalHouse& house, const std::string& topic, const std::vector<std::string>& ids) {
  return Eventually([&] { return house.Ids(topic) == ids; });
}

// That nothing came, once the committing thread has looked at its clock after this call.
void ExpectNothing(JournalHouse& house, const std::string& topic) {
  house.MustPost("marker", {{""}});
  house.MustPost("marker", {{""}});
  EXPECT_TRUE(house.Ids(topic).empty());
}

TEST(Schedule, AppendsWhenDueAndNotBefore) {
  JournalHouse house;
  ASSERT_TRUE(PostFuture(house, "later", "b", minutes(10)));
  ASSERT_TRUE(PostFuture(house, "later", "a", minutes(5)));
  ASSERT_TRUE(PostFuture(house, "later", "c", minutes(10)));
  house.clock.Advance(minutes(5) - Duration(1));
  ExpectNothing(house, "later");
  house.clock.Advance(Duration(1));
  EXPECT_TRUE(Arrives(house, "later", {"a"}));
  house.clock.JumpWall(-hours(1));
  house.clock.Advance(minutes(20));
  house.MustPost("marker", {{""}});
  house.MustPost("marker", {{""}});
  EXPECT_EQ(house.Ids("later"), (std::vector<std::string>{"a"})) << "never early";
  house.clock.JumpWall(hours(2));
  EXPECT_TRUE(Arrives(house, "later", {"a", "b", "c"}));
  EXPECT_TRUE(ListedIds(house, {}).empty());
}

TEST(Schedule, SurvivesRestarts) {
  JournalHouse house;
  ASSERT_TRUE(PostFuture(house, "later", "a", minutes(5)));
  ASSERT_TRUE(PostFuture(house, "later", "b", minutes(50)));
  house.Reopen();
  house.clock.Advance(minutes(5));
  EXPECT_TRUE(Arrives(house, "later", {"a"}));
  house.Close();
  house.clock.Advance(minutes(60));
  house.Open();
  EXPECT_TRUE(Arrives(house, "later", {"a", "b"})) << "what came due while down";
  house.Reopen();
  ExpectNothing(house, "none");
  EXPECT_EQ(house.Ids("later"), (std::vector<std::string>{"a", "b"})) << "never twice";
}

TEST(Schedule, TakesTheSameIdOnce) {
  JournalHouse house;
  EXPECT_FALSE(PostFuture(house, "later", "a", minutes(5))->future[0].duplicate);
  const auto waits = PostFuture(house, "later", "a", minutes(9));
  EXPECT_TRUE(waits->future[0].duplicate && !waits->future[0].first);
  EXPECT_FALSE(PostFuture(house, "other", "a", minutes(9))->future[0].duplicate);
  house.clock.Advance(minutes(5));
  ASSERT_TRUE(Arrives(house, "later", {"a"}));
  const auto delivered = PostFuture(house, "later", "a", minutes(5));
  EXPECT_TRUE(delivered->future[0].duplicate);
  EXPECT_EQ(delivered->future[0].first, Offset(0));
  EXPECT_EQ(house.MustPost("later", {{"a"}}).stored, 0u);
  ASSERT_FALSE(PostFuture(house, "later", "b", minutes(5))->future[0].duplicate);
  house.clock.Advance(minutes(5));
  EXPECT_TRUE(Arrives(house, "later", {"a", "b"}));
}

TEST(Schedule, AnEventThatWaitsIsKnownWhenPostedForNow) {
  JournalHouse house;
  ASSERT_TRUE(PostFuture(house, "later", "w", minutes(60)));
  const ChunkResult alone = house.MustPost("later", {{"w"}});
  EXPECT_EQ(alone.stored, 0u);
  ASSERT_EQ(alone.duplicates.size(), 1u);
  EXPECT_TRUE(alone.duplicates[0].waits);
  EXPECT_FALSE(house.journal->FindTopic("later")) << "nothing was stored";
  ASSERT_EQ(house.MustPost("later", {{"x"}}).stored, 1u);
  const ChunkResult among = house.MustPost("later", {{"a"}, {"w"}, {"x"}, {"b"}, {"w"}, {"a"}});
  EXPECT_EQ(among.stored, 2u);
  const auto at = [&](size_t i) { return among.duplicates[i]; };
  ASSERT_EQ(among.duplicates.size(), 4u);
  EXPECT_TRUE(at(0).index == 1 && at(0).waits);
  EXPECT_TRUE(at(1).index == 2 && !at(1).waits && at(1).first == Offset(0));
  EXPECT_TRUE(at(2).index == 4 && at(2).waits);
  EXPECT_TRUE(at(3).index == 5 && !at(3).waits && at(3).first == Offset(1));
  EXPECT_EQ(house.MustPost("other", {{"w"}}).stored, 1u) << "another topic's";
  house.Reopen();
  EXPECT_EQ(house.MustPost("later", {{"w"}}).stored, 0u) << "also after a restart";
  house.clock.Advance(minutes(60));
  EXPECT_TRUE(Arrives(house, "later", {"x", "a", "b", "w"}));
  EXPECT_FALSE(house.MustPost("later", {{"w"}}).duplicates[0].waits) << "it came";
  ASSERT_TRUE(PostFuture(house, "later", "c", minutes(60)));
  ASSERT_EQ(*house.journal->CancelScheduled({.id = "c"}), 1u);
  EXPECT_EQ(house.MustPost("later", {{"c"}}).stored, 1u) << "cancelled";
}

TEST(Schedule, AnEventThatWaitsIsKnownWithoutADedupWindow) {
  JournalOptions options;
  options.rules = TopicRules(
      {{.pattern = *TopicPattern::Parse("later", "pattern"), .dedup_window = Duration(0)}});
  JournalHouse house(options);
  ASSERT_TRUE(PostFuture(house, "later", "w", minutes(60)));
  EXPECT_TRUE(PostFuture(house, "later", "w", minutes(60))->future[0].duplicate);
  const ChunkResult result = house.MustPost("later", {{"w"}, {"x"}, {"x"}});
  EXPECT_EQ(result.stored, 2u) << "x is not recognised";
  ASSERT_EQ(result.duplicates.size(), 1u);
  EXPECT_TRUE(result.duplicates[0].waits);
  house.clock.Advance(minutes(60));
  EXPECT_TRUE(Arrives(house, "later", {"x", "x", "w"}));
  EXPECT_EQ(house.MustPost("later", {{"w"}}).stored, 1u) << "it waits no more";
}

TEST(Schedule, KnowsWhatIsPostedForNowInTheSameBatch) {
  JournalHouse house;
  Batch batch;
  batch.chunks.push_back(MakeChunk("t", {{"x"}, {"a"}}));
  const Event event{.id = "a"};
  for (const char* topic : {"t", "other"}) {
    batch.future.push_back(
        {topic, house.clock.Now() + hours(5), EncodeRecord(ViewOf(event)), "a", {}});
  }
  const auto result = PostAndWait(*house.journal, std::move(batch));
  ASSERT_TRUE(result);
  ASSERT_EQ(result->future.size(), 2u);
  EXPECT_TRUE(result->future[0].duplicate);
  EXPECT_EQ(result->future[0].first, Offset(1));
  EXPECT_FALSE(result->future[1].duplicate);
  EXPECT_EQ(ListedIds(house, {}).size(), 1u);
}

TEST(Schedule, GoesWithItsTopic) {
  JournalHouse house;
  ASSERT_TRUE(PostFuture(house, "later", "a", minutes(5)));
  ASSERT_TRUE(PostFuture(house, "other", "a", minutes(5)));
  ASSERT_TRUE(house.journal->DeleteTopic("later")) << "that has none but events that wait";
  EXPECT_EQ(house.journal->DeleteTopic("later").error().code, ErrorCode::kNotFound);
  house.MustPost("later", {{"now"}});
  ASSERT_TRUE(PostFuture(house, "later", "b", minutes(5)));
  ASSERT_TRUE(house.journal->DeleteTopic("later"));
  EXPECT_EQ(ListedIds(house, {}).size(), 1u);
  house.clock.Advance(minutes(5));
  EXPECT_TRUE(Arrives(house, "other", {"a"}));
  EXPECT_FALSE(house.journal->FindTopic("later"));
}

TEST(Schedule, ListsByTopicIdAndSearchKey) {
  JournalHouse house;
  for (int i = 0; i < 200; ++i) {
    const std::string id = "e" + std::to_string(i);
    ASSERT_TRUE(PostFuture(house, i % 2 == 0 ? "even" : "odd", id, minutes(200 - i),
                           {"third" + std::to_string(i % 3), "all"}));
  }
  EXPECT_EQ(ListedIds(house, {.limit = 7}).size(), 200u);
  EXPECT_EQ(ListedIds(house, {.limit = 7}).front(), "e199") << "by due time";
  EXPECT_EQ(ListedIds(house, {.topic = "odd", .limit = 7}).size(), 100u);
  EXPECT_EQ(ListedIds(house, {.search_key = "third0", .limit = 7}).size(), 67u);
  EXPECT_EQ(ListedIds(house, {.topic = "odd", .search_key = "third0"}).size(), 33u);
  EXPECT_EQ(ListedIds(house, {.search_key = "third"}).size(), 0u);
  EXPECT_EQ(ListedIds(house, {.id = "e7"}), (std::vector<std::string>{"e7"}));
  EXPECT_TRUE(ListedIds(house, {.topic = "even", .id = "e7"}).empty());
  EXPECT_EQ(house.journal->ListScheduled({.after = "nonsense"}).error().field, "page_token");
}

TEST(Schedule, ChangesWhatWaits) {
  JournalHouse house;
  ASSERT_TRUE(PostFuture(house, "later", "a", minutes(5), {"old"}));
  ASSERT_TRUE(PostFuture(house, "later", "b", minutes(6)));
  const Event changed{.id = "a", .payload = "changed", .search_keys = {"new"}};
  ASSERT_TRUE(house.journal->ChangeScheduled("later", "a", house.clock.Now() + minutes(30),
                                             EncodeRecord(ViewOf(changed))));
  EXPECT_TRUE(ListedIds(house, {.search_key = "old"}).empty());
  EXPECT_EQ(ListedIds(house, {.search_key = "new"}), (std::vector<std::string>{"a"}));
  house.Reopen();
  house.clock.Advance(minutes(10));
  EXPECT_TRUE(Arrives(house, "later", {"b"}));
  ASSERT_TRUE(house.journal->ChangeScheduled("later", "a", house.clock.Now(), std::nullopt));
  EXPECT_TRUE(Arrives(house, "later", {"b", "a"}));
  EXPECT_EQ(
      house.journal->ChangeScheduled("later", "a", house.clock.Now(), std::nullopt).error().code,
      ErrorCode::kNotFound);
}

TEST(Schedule, ReschedulesWhatMatches) {
  JournalHouse house;
  constexpr int kEvents = 12'000;  // of which a commit changes 10,000
  Batch batch;
  const auto at = [start = house.clock.Now()](Duration in) { return start + in; };
  for (int i = 0; i < kEvents; ++i) {
    const std::string id = "e" + std::to_string(i);
    const std::string key = i % 2 == 0 ? "even" : "odd";
    const Event event{.id = id, .deliver_at = at(minutes(5 + i)), .search_keys = {key}};
    batch.future.push_back({"later", *event.deliver_at, EncodeRecord(ViewOf(event)), id, {key}});
  }
  ASSERT_TRUE(PostAndWait(*house.journal, std::move(batch)));
  // To where it finds them again while it goes on.
  EXPECT_EQ(*house.journal->Reschedule({.topic = "later"}, at(hours(150) + seconds(1))), 12'000u);
  EXPECT_EQ(*house.journal->Reschedule({.topic = "later"}, at(hours(150) + seconds(1))), 0u)
      << "are there";
  EXPECT_EQ(*house.journal->Reschedule({.search_key = "even"}, at(hours(100))), 6'000u);
  EXPECT_EQ(*house.journal->Reschedule({.topic = "other", .search_key = "odd"}, at(hours(1))), 0u);
  EXPECT_EQ(*house.journal->Reschedule({.id = "e0"}, at(hours(1))), 1u);
  EXPECT_EQ(house.journal->Reschedule({}, at(hours(1))).error().field, "query");
  house.Reopen();
  EXPECT_EQ(ListedIds(house, {.search_key = "even", .limit = 1000}).size(), 6'000u);
  const auto first = house.journal->ListScheduled({.limit = 2})->events;
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[0].due, at(hours(1)));
  EventView event;
  ASSERT_TRUE(ParseRecord(first[0].record, event));
  EXPECT_EQ(event.deliver_at, at(hours(1))) << "as who reads it is told";
  EXPECT_EQ(first[1].due, at(hours(100)));
  house.clock.Advance(hours(100));
  EXPECT_TRUE(Eventually([&] { return house.Ids("later").size() == 6'000; }));
  EXPECT_EQ(house.Ids("later").front(), "e0");
}

TEST(Schedule, ListsEveryTopicOfAnId) {
  JournalHouse house;
  constexpr int kTopics = 300;
  for (int i = 0; i < kTopics; ++i) {
    ASSERT_TRUE(PostFuture(house, "user/" + std::to_string(i), "news", minutes(1 + i * 7 % 300)));
  }
  ScheduledQuery query{.id = "news", .limit = 7};
  std::vector<Timestamp> dues;
  do {
    const auto page = house.journal->ListScheduled(query);
    ASSERT_TRUE(page);
    EXPECT_LE(page->events.size(), 7u);
    for (const Scheduled& event : page->events) dues.push_back(event.due);
    query.after = page->next;
  } while (!query.after.empty());
  EXPECT_EQ(dues.size(), size_t{kTopics});
  EXPECT_TRUE(std::ranges::is_sorted(dues));
  EXPECT_EQ(house.journal->ListScheduled({.id = "news", .after = "x"}).error().field, "page_token");
  EXPECT_EQ(*house.journal->CancelScheduled({.id = "news"}), uint64_t{kTopics});
}

TEST(Schedule, CancelsWhatMatches) {
  JournalHouse house;
  Batch batch;
  for (int i = 0; i < 2500; ++i) {
    const std::string id = "e" + std::to_string(i);
    const Event event{.id = id};
    batch.future.push_back({"later",
                            house.clock.Now() + minutes(5),
                            EncodeRecord(ViewOf(event)),
                            id,
                            {i % 2 == 0 ? "even" : "odd"}});
  }
  ASSERT_TRUE(PostAndWait(*house.journal, std::move(batch)));
  EXPECT_EQ(*house.journal->CancelScheduled({.search_key = "even"}), 1250u);
  EXPECT_EQ(*house.journal->CancelScheduled({.id = "e1"}), 1u);
  EXPECT_EQ(*house.journal->CancelScheduled({.id = "e1"}), 0u);
  EXPECT_FALSE(house.journal->CancelScheduled({}));
  house.clock.Advance(minutes(5));
  EXPECT_TRUE(Eventually([&] { return house.Ids("later").size() == 1249; }));
  EXPECT_TRUE(house.store->Scan(store::Table::kSchedule, "a", "m", 10)->empty()) << "no rests";
}

TEST(Schedule, RefusesMoreThanMayWait) {
  JournalOptions options;
  options.max_scheduled = 2;
  JournalHouse house(options);
  ASSERT_TRUE(PostFuture(house, "later", "a", minutes(5)));
  ASSERT_TRUE(PostFuture(house, "later", "b", minutes(5)));
  EXPECT_EQ(PostFuture(house, "later", "c", minutes(5)).error().reason, "SCHEDULE_FULL");
  house.Reopen();
  EXPECT_EQ(PostFuture(house, "later", "c", minutes(5)).error().reason, "SCHEDULE_FULL");
  ASSERT_EQ(*house.journal->CancelScheduled({.id = "a"}), 1u);
  EXPECT_TRUE(PostFuture(house, "later", "c", minutes(5)));
}

TEST(Schedule, AppendsManyThatComeDueAtOnce) {
  JournalHouse house;
  constexpr int kEvents = 20'000;
  Batch batch;
  for (int i = 0; i < kEvents; ++i) {
    const std::string id = "e" + std::to_string(i);
    const Event event{.id = id};
    batch.future.push_back({"later/" + std::to_string(i % 10),
                            house.clock.Now() + minutes(5),
                            EncodeRecord(ViewOf(event)),
                            id,
                            {}});
  }
  ASSERT_TRUE(PostAndWait(*house.journal, std::move(batch)));
  house.clock.Advance(hours(1));
  EXPECT_TRUE(Eventually([&] { return house.journal->feed_end() == FeedPosition(kEvents); }));
  EXPECT_EQ(house.Ids("later/3").front(), "e3");
}

}  // namespace
}  // namespace postroad::journal
