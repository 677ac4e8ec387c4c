// Retention by age, count and bytes; the feed; gaps that readers are told of.
#include <gtest/gtest.h>

#include "journal/testing.h"

namespace postroad::journal {
namespace {

using std::chrono::days;
using std::chrono::hours;

TopicRule RuleFor(const std::string& pattern) {
  return {.pattern = *TopicPattern::Parse(pattern, "")};
}

Offset FirstOf(JournalHouse& house, const std::string& topic) {
  return house.journal->FindTopic(topic)->first;
}

TEST(Retention, ForgetsByEachTopicsAge) {
  JournalOptions options;
  TopicRule brief = RuleFor("brief/*");
  brief.retention_age = hours(1);
  TopicRule ever = RuleFor("ever/*");
  ever.retention_age = Duration::zero();
  options.rules = TopicRules({brief, ever});
  JournalHouse house(options);
  for (int i = 0; i < 3; ++i) {
    for (const char* topic : {"brief/1", "ever/1", "week"}) house.MustPost(topic, {{"", "x"}});
    house.clock.Advance(std::chrono::minutes(40));
  }
  ASSERT_TRUE(house.journal->ApplyRetention());
  EXPECT_EQ(FirstOf(house, "brief/1"), Offset(2));
  EXPECT_EQ(FirstOf(house, "week"), Offset(0));
  house.Reopen();
  house.clock.Advance(days(8));
  ASSERT_TRUE(house.journal->ApplyRetention());
  EXPECT_EQ(FirstOf(house, "brief/1"), Offset(3));
  EXPECT_EQ(FirstOf(house, "week"), Offset(3));
  EXPECT_EQ(FirstOf(house, "ever/1"), Offset(0));
}

TEST(Retention, KeepsTheLastOfACountAndOfBytes) {
  JournalOptions options;
  TopicRule count = RuleFor("count/*");
  count.retention_count = 10;
  TopicRule bytes = RuleFor("bytes/*");
  bytes.retention_bytes = 10'000;
  options.rules = TopicRules({count, bytes});
  JournalHouse house(options);
  for (int i = 0; i < 50; ++i) {
    for (const char* topic : {"count/1", "bytes/1", "week"}) {
      house.MustPost(topic, {{"", std::string(990, 'x')}});
    }
  }
  ASSERT_TRUE(house.journal->ApplyRetention());
  EXPECT_EQ(FirstOf(house, "count/1"), Offset(40));
  EXPECT_EQ(FirstOf(house, "bytes/1"), Offset(39)) << "at least the bytes that may stay";
  EXPECT_EQ(FirstOf(house, "week"), Offset(0));
  house.Reopen();
  house.MustPost("count/1", {{"", "x"}});
  ASSERT_TRUE(house.journal->ApplyRetention());
  EXPECT_EQ(FirstOf(house, "count/1"), Offset(41));
}

TEST(Retention, HoldsTopicsThatDoNotGrowToChangedRules) {
  TopicRule rule = RuleFor("idle/*");
  rule.retention_count = 4;
  JournalOptions options;
  options.rules = TopicRules({rule});
  JournalHouse house(options);
  for (int i = 0; i < 5; ++i) house.MustPost("idle/1", {{"", "x"}});
  ASSERT_TRUE(house.journal->ApplyRetention());
  EXPECT_EQ(FirstOf(house, "idle/1"), Offset(1));
  rule.retention_count = 2;
  house.options.rules = TopicRules({rule});
  house.Reopen();
  ASSERT_TRUE(house.journal->ApplyRetention());
  EXPECT_EQ(FirstOf(house, "idle/1"), Offset(3));
}

TEST(Retention, TellsReadersOfTheGap) {
  JournalOptions options;
  TopicRule count = RuleFor("*");
  count.retention_count = 2;
  options.rules = TopicRules({count});
  JournalHouse house(options);
  const ChunkResult first = house.MustPost("orders", {{"", "x"}});
  for (int i = 0; i < 9; ++i) house.MustPost("orders", {{"", "x"}});
  ASSERT_TRUE(house.journal->ApplyRetention());
  const auto check = [&] {
    const auto read = house.journal->ReadTopic(first.topic, Offset(3), 1000);
    ASSERT_TRUE(read);
    ASSERT_TRUE(read->gap);
    EXPECT_EQ(*read->gap, std::pair(Offset(3), Offset(8)));
    EXPECT_EQ(read->runs.front()->first, Offset(8));
    EXPECT_EQ(read->next, Offset(10));
    const auto feed =
        house.journal->ReadFeed(FeedPosition(3), *TopicSelector::Parse({"orders"}, ""), 1000);
    ASSERT_TRUE(feed);
    ASSERT_EQ(feed->runs.size(), 7u);
    for (const FeedRun& run : feed->runs) EXPECT_EQ(run.run == nullptr, run.first < Offset(8));
  };
  check();
  house.Reopen();  // with nothing in memory
  check();
}

TEST(Retention, TellsOfAGapUpToTheEndWhenAllIsGone) {
  JournalHouse house;
  const ChunkResult first = house.MustPost("orders", {{"", "x"}, {"", "x"}});
  house.clock.Advance(days(8));
  ASSERT_TRUE(house.journal->ApplyRetention());
  const auto read = house.journal->ReadTopic(first.topic, Offset(1), 1000);
  ASSERT_TRUE(read);
  EXPECT_EQ(*read->gap, std::pair(Offset(1), Offset(2)));
  EXPECT_EQ(read->next, Offset(2));
  EXPECT_FALSE(house.journal->ReadTopic(first.topic, Offset(2), 1000)->gap);
  EXPECT_EQ(house.MustPost("orders", {{"", "x"}}).first, Offset(2));
}

TEST(Retention, TrimsTheFeedOnceItsRunsAreGone) {
  JournalHouse house;
  for (int i = 0; i < 5; ++i) house.MustPost("t" + std::to_string(i), {{"", "x"}});
  house.clock.Advance(days(8));
  house.MustPost("t0", {{"", "x"}});
  ASSERT_TRUE(house.journal->ApplyRetention());
  EXPECT_EQ(house.store->ReadFeedBounds()->first, FeedPosition(5));
  house.Reopen();
  const auto feed =
      house.journal->ReadFeed(FeedPosition(2), *TopicSelector::Parse({"*"}, ""), 1000);
  ASSERT_TRUE(feed);
  EXPECT_EQ(*feed->gap, std::pair(FeedPosition(2), FeedPosition(5)));
  ASSERT_EQ(feed->runs.size(), 1u);
  EXPECT_EQ(feed->runs[0].position, FeedPosition(5));
}

TEST(Retention, AClockThatJumpsForwardAgesWhatIsThereAndNothingAfter) {
  JournalOptions options;
  TopicRule brief = RuleFor("t");
  brief.retention_age = hours(1);
  options.rules = TopicRules({brief});
  JournalHouse house(options);
  house.MustPost("t", {{"old"}});
  house.clock.JumpWall(hours(2));
  ASSERT_TRUE(house.journal->ApplyRetention());
  EXPECT_EQ(FirstOf(house, "t"), Offset(1));
  house.MustPost("t", {{"new"}});
  ASSERT_TRUE(house.journal->ApplyRetention());
  EXPECT_EQ(house.Ids("t", Offset(1)), (std::vector<std::string>{"new"}));
  // Back again: times never fall along the log, so that it is kept longer, and never shorter.
  house.clock.JumpWall(-hours(2));
  house.MustPost("t", {{"newer"}});
  house.clock.Advance(hours(1) + std::chrono::minutes(1));
  ASSERT_TRUE(house.journal->ApplyRetention());
  EXPECT_EQ(house.Ids("t", Offset(1)), (std::vector<std::string>{"new", "newer"}));
  house.clock.Advance(hours(2));
  ASSERT_TRUE(house.journal->ApplyRetention());
  EXPECT_EQ(FirstOf(house, "t"), Offset(3));
}

}  // namespace
}  // namespace postroad::journal
