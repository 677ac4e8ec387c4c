// Settings by rules, the building of runs, the memory epoch, finding events.
#include <gtest/gtest.h>

#include "core/bytes.h"
#include "core/uuid.h"
#include "journal/group_builder.h"
#include "journal/memory_epoch.h"
#include "journal/schedule_format.h"
#include "journal/testing.h"

namespace postroad::journal {
namespace {

TEST(TopicRules, LaterRulesWinSettingBySetting) {
  TopicRule all{.pattern = *TopicPattern::Parse("*", "")};
  all.retention_count = 10;
  all.durability = Durability::kMemory;
  TopicRule users{.pattern = *TopicPattern::Parse("user/*", "")};
  users.durability = Durability::kDisk;
  users.max_event_bytes = 5;
  const TopicRules rules({all, users});
  EXPECT_EQ(rules.For("orders").durability, Durability::kMemory);
  EXPECT_EQ(rules.For("user/1").durability, Durability::kDisk);
  EXPECT_EQ(rules.For("user/1").retention_count, 10u);
  EXPECT_EQ(rules.For("user/1").max_event_bytes, 5u);
  EXPECT_EQ(rules.For("_dead/x"), TopicSettings()) << "'*' does not match system topics";
}

TEST(GroupBuilder, SharesRunsWithinATopic) {
  GroupBuilder builder;
  const Chunk chunk = MakeChunk("t", {{"", std::string(20'000, 'x')}});
  std::vector<ChunkPlace> places;
  for (int i = 0; i < 5; ++i) {
    places.push_back(*builder.Add("a", 1, chunk.body));
    builder.Add("b" + std::to_string(i % 2), 1, chunk.body).value();
  }
  EXPECT_EQ(places[2].run, places[0].run);
  EXPECT_EQ(places[2].index, 2u);
  EXPECT_NE(places[3].run, places[0].run) << "three of 20 KB fit a run";
  const auto runs = builder.Finish(Timestamp());
  EXPECT_EQ(runs.size(), 4u);
  EXPECT_EQ(runs[0].count, 3u);
  EXPECT_EQ(builder.events_before(1), 3u);
}

TEST(GroupBuilder, RefusesABodyThatIsNotWhatItSays) {
  GroupBuilder builder;
  const Chunk chunk = MakeChunk("t", {{"", std::string(100'000, 'x')}});
  EXPECT_FALSE(builder.Add("a", 2, chunk.body));
  EXPECT_FALSE(builder.Add("a", 1, std::string(100'000, '\xff')));
}

TEST(MemoryEpoch, ChangesOnceTheMachineLostWhatWasNotSynced) {
  JournalHouse house;
  house.journal.reset();
  const auto open = [&](const std::string& boot) {
    auto epoch = std::make_unique<MemoryEpoch>(*house.store);
    EXPECT_TRUE(epoch->Open(boot));
    return epoch;
  };
  EXPECT_EQ(open("boot1")->value(), house.store->epoch());
  auto first = open("boot1");
  ASSERT_TRUE(first->BeforeUnsynced());
  EXPECT_EQ(open("boot1")->value(), first->value()) << "the process alone was killed";
  const Epoch second = open("boot2")->value();
  EXPECT_NE(second, first->value()) << "the machine went down";
  EXPECT_EQ(open("boot3")->value(), second) << "with nothing unsynced behind";
  auto third = open("boot3");
  ASSERT_TRUE(third->BeforeUnsynced());
  ASSERT_TRUE(third->Close());
  EXPECT_EQ(open("boot4")->value(), second) << "after a clean stop";
}

TEST(MemoryEpoch, IsThatOfMemoryTopicsAndOfTheFeed) {
  JournalOptions options;
  TopicRule memory{.pattern = *TopicPattern::Parse("memory/*", "")};
  memory.durability = Durability::kMemory;
  options.rules = TopicRules({memory});
  JournalHouse house(options);
  EXPECT_EQ(house.MustPost("memory/1", {{"a"}}).durability, Durability::kMemory);
  house.Close();
  house.OpenStore();
  // As if the machine had gone down before the clean stop.
  std::string value;
  PutBig64(value, house.store->epoch().value());
  PutBig64(value, house.store->epoch().value());
  value += "\1another boot";
  const std::vector<store::Mutation> put = {
      {store::Mutation::Kind::kPut, store::Table::kMeta, "journal/memory_epoch", value}};
  ASSERT_TRUE(house.store->Write(put, true));
  house.Reopen();
  EXPECT_EQ(house.journal->TopicEpoch("orders"), house.journal->epoch());
  EXPECT_NE(house.journal->TopicEpoch("memory/1"), house.journal->epoch());
  EXPECT_EQ(house.journal->FeedEpoch(), house.journal->TopicEpoch("memory/1"));
}

TEST(FindEvent, ByDedupByTimeAndAmongTheLast) {
  JournalHouse house;
  const std::string made = NewUuidV7(house.clock.Now());
  const std::string known = "order-1";
  house.MustPost("orders", {{known}, {"order-2"}});
  Batch batch;  // ids made here are not recognised, so not in dedup
  batch.chunks.push_back(MakeChunk("orders", {{"x"}, {made}}));
  batch.chunks[0].fingerprints.clear();
  ASSERT_TRUE(PostAndWait(*house.journal, std::move(batch)));
  EXPECT_EQ(*house.journal->FindEvent("orders", known), Offset(0));
  EXPECT_EQ(*house.journal->FindEvent("orders", made), Offset(3));
  EXPECT_EQ(*house.journal->FindEvent("orders", "x"), Offset(2)) << "among the last";
  house.clock.Advance(std::chrono::hours(1));
  for (int i = 0; i < 20; ++i) {
    house.MustPost("orders", std::vector<TestEvent>(100, {"", "later"}));
  }
  house.Reopen();
  EXPECT_EQ(*house.journal->FindEvent("orders", made), Offset(3));
  EXPECT_EQ(house.journal->FindEvent("orders", "x").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(house.journal->FindEvent("orders", "none").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(house.journal->FindEvent("none", known).error().code, ErrorCode::kNotFound);
}

// Golden bytes of docs/formats/tables.md.
TEST(ScheduleFormat, IsAsDocumented) {
  const ScheduledItem item{
      .event = {.topic = "t", .id = "i", .due = FromNanos(258), .sequence = 3, .record = "R"},
      .search_keys = {"k"}};
  const std::string place = SchedulePlace(item.event.due, item.event.sequence);
  EXPECT_EQ(PageToken(place), "00000000000001020000000000000003");
  EXPECT_EQ(ParsePageToken(PageToken(place)), place);
  EXPECT_EQ(EncodeScheduled(item), "\1t\1i\1\1kR");
  EXPECT_EQ(ScheduleIdKey("t", "i"), "i\1it");
  EXPECT_EQ(ScheduleTopicPrefix("t"), "t\1t");
  EXPECT_EQ(ScheduleSearchPrefix("k"), "s\1k");
  const auto decoded = DecodeScheduled(place, EncodeScheduled(item));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->event.record, "R");
  EXPECT_EQ(decoded->search_keys, item.search_keys);
  EXPECT_FALSE(DecodeScheduled(place, "\7t"));
}

}  // namespace
}  // namespace postroad::journal
