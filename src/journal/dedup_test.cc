// Events posted again: recognised within the window, over restarts, in memory and on disk.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "core/bytes.h"
#include "journal/dedup_index.h"
#include "journal/fingerprint_filter.h"
#include "journal/fingerprint_table.h"
#include "journal/testing.h"

namespace postroad::journal {
namespace {

TEST(Dedup, RecognisesAnEventPostedAgain) {
  JournalHouse house;
  house.MustPost("orders", {{"a"}, {"b"}, {"c"}});
  const ChunkResult again = house.MustPost("orders", {{"x"}, {"b"}, {"y"}, {"a"}});
  EXPECT_EQ(again.first, Offset(3));
  EXPECT_EQ(again.stored, 2u);
  ASSERT_EQ(again.duplicates.size(), 2u);
  EXPECT_EQ(again.duplicates[0].index, 1u);
  EXPECT_EQ(again.duplicates[0].first, Offset(1));
  EXPECT_EQ(again.duplicates[1].index, 3u);
  EXPECT_EQ(again.duplicates[1].first, Offset(0));
  EXPECT_EQ(house.Ids("orders"), (std::vector<std::string>{"a", "b", "c", "x", "y"}));
  EXPECT_EQ(house.MustPost("other", {{"a"}}).stored, 1u) << "ids are each topic's own";
}

TEST(Dedup, RecognisesTwinsInOneGroup) {
  JournalHouse house;
  Batch batch;
  batch.chunks.push_back(MakeChunk("orders", {{"a"}, {"b"}, {"a"}, {"c"}, {"b"}, {"c"}}));
  batch.chunks.push_back(MakeChunk("other", {{"a"}}));
  batch.chunks.push_back(MakeChunk("orders", {{"c"}, {"d"}, {"d"}}));
  const auto result = PostAndWait(*house.journal, std::move(batch));
  ASSERT_TRUE(result);
  const ChunkResult& first = result->chunks[0];
  ASSERT_EQ(first.duplicates.size(), 3u);
  EXPECT_EQ(first.duplicates[0].first, Offset(0));
  EXPECT_EQ(first.duplicates[1].first, Offset(1));
  EXPECT_EQ(first.duplicates[2].first, Offset(2));
  const ChunkResult& last = result->chunks[2];
  EXPECT_EQ(last.first, Offset(3));
  ASSERT_EQ(last.duplicates.size(), 2u);
  EXPECT_EQ(last.duplicates[0].first, Offset(2));
  EXPECT_EQ(last.duplicates[1].first, Offset(3));
  EXPECT_EQ(house.Ids("orders"), (std::vector<std::string>{"a", "b", "c", "d"}));
}

// In one batch, so many that looking at each must not cost more the further back it is.
TEST(Dedup, TakesALargeBatchOfTwins) {
  JournalHouse house;
  std::vector<TestEvent> events;
  for (int i = 0; i < 20'000; ++i) events.push_back({std::to_string(i % 10'000), ""});
  const ChunkResult first = house.MustPost("orders", events);
  EXPECT_EQ(first.stored, 10'000u);
  ASSERT_EQ(first.duplicates.size(), 10'000u);
  for (uint32_t i = 0; i < 10'000; ++i) {
    ASSERT_EQ(first.duplicates[i].index, i + 10'000);
    ASSERT_EQ(first.duplicates[i].first, Offset(i));
  }
  house.Reopen();
  EXPECT_EQ(house.MustPost("orders", events).stored, 0u);
}

TEST(Dedup, AnswersABatchOfDuplicatesAlone) {
  JournalHouse house;
  const ChunkResult first = house.MustPost("orders", {{"a"}, {"b"}});
  const ChunkResult again = house.MustPost("orders", {{"a"}, {"b"}});
  EXPECT_EQ(again.stored, 0u);
  EXPECT_EQ(again.topic, first.topic);
  EXPECT_EQ(again.duplicates.size(), 2u);
  EXPECT_EQ(house.journal->feed_end(), FeedPosition(2));
}

// Two events of one fingerprint are not the same unless their ids are.
TEST(Dedup, NeverTakesANewEventForAnother) {
  JournalHouse house;
  const auto collide = [&](const std::string& id) {
    Batch batch;
    batch.chunks.push_back(MakeChunk("orders", {{id}}));
    batch.chunks[0].fingerprints = {42};
    return PostAndWait(*house.journal, std::move(batch))->chunks[0];
  };
  EXPECT_EQ(collide("a").stored, 1u);
  EXPECT_EQ(collide("b").stored, 1u);
  EXPECT_EQ(collide("b").duplicates.at(0).first, Offset(1));
  EXPECT_EQ(collide("a").duplicates.at(0).first, Offset(0));
  house.Reopen();
  EXPECT_EQ(collide("c").stored, 1u);
  EXPECT_EQ(collide("b").stored, 0u);
}

TEST(Dedup, ForgetsAfterTheTopicsWindow) {
  JournalOptions options;
  TopicRule brief{.pattern = *TopicPattern::Parse("brief/*", "")};
  brief.dedup_window = std::chrono::seconds(5);
  TopicRule never{.pattern = *TopicPattern::Parse("never/*", "")};
  never.dedup_window = Duration::zero();
  options.rules = TopicRules({brief, never});
  JournalHouse house(options);
  const auto stored = [&](const std::string& topic) {
    return house.MustPost(topic, {{"a"}}).stored;
  };
  for (const char* topic : {"brief/1", "never/1", "orders"}) EXPECT_EQ(stored(topic), 1u);
  EXPECT_EQ(stored("never/1"), 1u);
  house.clock.Advance(std::chrono::seconds(4));
  EXPECT_EQ(stored("brief/1"), 0u);
  EXPECT_EQ(stored("orders"), 0u);
  house.clock.Advance(std::chrono::seconds(2));
  EXPECT_EQ(stored("brief/1"), 1u);
  EXPECT_EQ(stored("brief/1"), 0u) << "the newer one is known now";
  house.clock.Advance(std::chrono::minutes(9));
  EXPECT_EQ(stored("orders"), 0u);
  house.clock.Advance(std::chrono::minutes(2));
  EXPECT_EQ(stored("orders"), 1u);
}

TEST(Dedup, RecognisesEventsThatRetentionTook) {
  JournalOptions options;
  TopicRule rule{.pattern = *TopicPattern::Parse("*", "")};
  rule.retention_count = 1;
  options.rules = TopicRules({rule});
  JournalHouse house(options);
  for (const char* id : {"a", "b", "c"}) house.MustPost("orders", {{id}});
  ASSERT_TRUE(house.journal->ApplyRetention());
  ASSERT_EQ(house.journal->FindTopic("orders")->first, Offset(2));
  EXPECT_EQ(house.MustPost("orders", {{"a"}}).stored, 0u);
  house.Reopen();
  EXPECT_EQ(house.MustPost("orders", {{"b"}}).stored, 0u);
}

// Small tables, so that most of what is posted is sealed onto disk.
TEST(Dedup, RecognisesSealedEventsAlsoAfterRestarts) {
  JournalOptions options;
  options.dedup_memory_bytes = 8192;  // two tables of 191 entries
  options.hot_tail_bytes = 10'000;
  JournalHouse house(options);
  constexpr int kEvents = 3000;
  std::vector<TestEvent> events;
  for (int i = 0; i < kEvents; ++i) {
    events.push_back({"id-" + std::to_string(i)});
    if (events.size() < 100) continue;
    EXPECT_EQ(house.MustPost("orders", events).stored, 100u);
    events.clear();
  }
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < kEvents; i += 7) {
      const ChunkResult again = house.MustPost("orders", {{"id-" + std::to_string(i)}});
      ASSERT_EQ(again.duplicates.size(), 1u) << i;
      EXPECT_EQ(again.duplicates[0].first, Offset(static_cast<uint64_t>(i)));
    }
    house.Reopen();
  }
  const auto generations = house.store->Scan(store::Table::kDedup, "h", "i", 1000);
  EXPECT_GT(generations->size(), 5u);
  house.clock.Advance(std::chrono::minutes(20));
  ASSERT_TRUE(house.journal->ApplyRetention());
  EXPECT_TRUE(house.store->Scan(store::Table::kDedup, "c", "i", 1000)->empty());
  EXPECT_EQ(house.MustPost("orders", {{"id-1"}}).stored, 1u);
}

TEST(Dedup, ClearsAwayAHalfWrittenGeneration) {
  JournalHouse house;
  const std::string number = std::string(7, '\0') + "\x05";
  const std::vector<store::Mutation> half = {{store::Mutation::Kind::kPut, store::Table::kDedup,
                                              "c" + number + std::string(4, '\0'), "x"}};
  ASSERT_TRUE(house.store->Write(half, true));
  house.Reopen();
  EXPECT_TRUE(house.store->Scan(store::Table::kDedup, "c", "d", 10)->empty());
  EXPECT_EQ(house.MustPost("orders", {{"a"}}).stored, 1u);
}

// docs/formats/tables.md.
TEST(Dedup, WritesGroupsAsDocumented) {
  JournalHouse house;
  house.MustPost("orders", {{"", "x"}, {"a"}, {"b"}, {"", "x"}, {"c"}});
  const auto groups = house.store->Scan(store::Table::kDedup, "j", "k", 10);
  ASSERT_EQ(groups->size(), 1u);
  EXPECT_EQ(groups->at(0).key, "j" + std::string(8, '\0'));
  std::string expected = "\1\2";
  PutBig64(expected, EventFingerprint("orders", "a"));
  PutBig64(expected, EventFingerprint("orders", "b"));
  expected += "\4\1";
  PutBig64(expected, EventFingerprint("orders", "c"));
  EXPECT_EQ(groups->at(0).value, expected);
}

TEST(FingerprintTable, FindsAllEntriesOfAFingerprint) {
  FingerprintTable table(100, FeedPosition());
  for (uint64_t i = 1; i <= 100; ++i) table.Insert(i % 10 + 1, i);
  std::vector<uint64_t> places;
  table.Find(3, [&](uint64_t place) {
    places.push_back(place);
    return false;
  });
  std::ranges::sort(places);
  EXPECT_EQ(places, (std::vector<uint64_t>{2, 12, 22, 32, 42, 52, 62, 72, 82, 92}));
  EXPECT_FALSE(table.Find(77, [](uint64_t) { return true; }));
  EXPECT_EQ(table.Entries().size(), 100u);
}

TEST(FingerprintFilter, FindsEverythingAndLittleElse) {
  std::mt19937_64 random(1);
  std::vector<uint64_t> sorted(100'000);
  for (uint64_t& fingerprint : sorted) fingerprint = random();
  std::ranges::sort(sorted);
  const auto filter = FingerprintFilter::Decode(FingerprintFilter(sorted).Encode());
  ASSERT_TRUE(filter);
  for (uint32_t i = 0; i < sorted.size(); ++i) {
    ASSERT_TRUE(filter->Find(sorted[i], [&](uint32_t index) { return index == i; }));
  }
  int in_vain = 0;
  for (int i = 0; i < 100'000; ++i) {
    filter->Find(random(), [&](uint32_t) {
      ++in_vain;
      return false;
    });
  }
  EXPECT_LT(in_vain, 50);
  EXPECT_LT(filter->bytes() * 8, sorted.size() * 24);
  EXPECT_FALSE(FingerprintFilter::Decode("nonsense"));
  EXPECT_FALSE(FingerprintFilter(std::vector<uint64_t>()).Find(7, [](uint32_t) { return true; }));
}

}  // namespace
}  // namespace postroad::journal
