// Future-dated events: never early, once, over restarts; listed, changed, cancelled.
#include <gtest/gtest.h>

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
  EXPECT_FALSE(PostFuture(house, "later", "a", minutes(5))->future_duplicate[0]);
  EXPECT_TRUE(PostFuture(house, "later", "a", minutes(9))->future_duplicate[0]);
  EXPECT_FALSE(PostFuture(house, "other", "a", minutes(9))->future_duplicate[0]);
  house.clock.Advance(minutes(5));
  ASSERT_TRUE(Arrives(house, "later", {"a"}));
  EXPECT_TRUE(PostFuture(house, "later", "a", minutes(5))->future_duplicate[0]) << "delivered";
  EXPECT_EQ(house.MustPost("later", {{"a"}}).stored, 0u);
  ASSERT_FALSE(PostFuture(house, "later", "b", minutes(5))->future_duplicate[0]);
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
  EXPECT_EQ(result->future_duplicate, (std::vector<bool>{true, false}));
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
