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
  batch.future.push_back({topic, house.clock.Now() + in, EncodeRecord(ViewOf(event)), id,
                          std::move(search_keys)});
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
  EXPECT_EQ(house.MustPost("later", {{"b"}}).stored, 1u) << "sent now after all";
  house.clock.Advance(minutes(5));
  EXPECT_TRUE(Eventually([&] { return ListedIds(house, {}).empty(); }));
  EXPECT_EQ(house.Ids("later"), (std::vector<std::string>{"a", "b"})) << "and not again when due";
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
  EXPECT_EQ(house.journal->ChangeScheduled("later", "a", house.clock.Now(), std::nullopt).error().code,
            ErrorCode::kNotFound);
}

TEST(Schedule, CancelsWhatMatches) {
  JournalHouse house;
  Batch batch;
  for (int i = 0; i < 2500; ++i) {
    const std::string id = "e" + std::to_string(i);
    const Event event{.id = id};
    batch.future.push_back({"later", house.clock.Now() + minutes(5), EncodeRecord(ViewOf(event)), id,
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
    batch.future.push_back({"later/" + std::to_string(i % 10), house.clock.Now() + minutes(5),
                            EncodeRecord(ViewOf(event)), id, {}});
  }
  ASSERT_TRUE(PostAndWait(*house.journal, std::move(batch)));
  house.clock.Advance(hours(1));
  EXPECT_TRUE(Eventually([&] { return house.journal->feed_end() == FeedPosition(kEvents); }));
  EXPECT_EQ(house.Ids("later/3").front(), "e3");
}

}  // namespace
}  // namespace postroad::journal
