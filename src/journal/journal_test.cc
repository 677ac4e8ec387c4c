// The journal as a whole, on the real store: posting, reading, waiting.
#include "journal/journal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "journal/testing.h"

namespace postroad::journal {
namespace {

TopicSelector Select(const std::string& pattern) {
  return *TopicSelector::Parse({pattern}, "topics");
}

TEST(Journal, GivesOffsetsThatGoOn) {
  JournalHouse house;
  const ChunkResult first = house.MustPost("orders", {{"a"}, {"b"}});
  const ChunkResult second = house.MustPost("orders", {{"c"}});
  EXPECT_EQ(first.first, Offset(0));
  EXPECT_EQ(first.stored, 2u);
  EXPECT_EQ(second.first, Offset(2));
  EXPECT_EQ(second.topic, first.topic);
  EXPECT_EQ(house.Ids("orders"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(house.Ids("orders", Offset(2)), (std::vector<std::string>{"c"}));
}

TEST(Journal, KeepsEventsOverARestart) {
  JournalHouse house;
  house.MustPost("orders", {{"a"}, {"b"}});
  house.Reopen();
  EXPECT_EQ(house.MustPost("orders", {{"c"}}).first, Offset(2));
  EXPECT_EQ(house.Ids("orders"), (std::vector<std::string>{"a", "b", "c"}));
}

TEST(Journal, SplitsLargeBodiesIntoRuns) {
  JournalHouse house;
  std::vector<TestEvent> events;
  for (int i = 0; i < 300; ++i) events.push_back({"e" + std::to_string(i), std::string(1000, 'x')});
  events.push_back({"large", std::string(200'000, 'y')});
  const ChunkResult result = house.MustPost("orders", events);
  EXPECT_EQ(result.stored, 301u);
  EXPECT_EQ(house.Ids("orders").size(), 301u);
  EXPECT_EQ(house.Ids("orders").back(), "large");
  const auto runs = house.store->ReadRuns(result.topic, Offset(0), 10 << 20);
  ASSERT_TRUE(runs);
  for (const RunPtr& run : *runs) EXPECT_TRUE(run->body.size() <= 65536 || run->count == 1);
}

TEST(Journal, ReadsTheFeedOnFromWithinALargeCommit) {
  JournalOptions options;
  options.hot_tail_bytes = 1;  // everything out of the store
  JournalHouse house(options);
  std::vector<TestEvent> events;
  for (int i = 0; i < 400; ++i) events.push_back({"e" + std::to_string(i), std::string(1000, 'x')});
  house.MustPost("orders", events);
  house.MustPost("orders", {{"last"}});
  FeedPosition at;
  for (int reads = 0; at < house.journal->feed_end(); ++reads) {
    ASSERT_LT(reads, 100);
    const auto read = house.journal->ReadFeed(at, Select("*"), 4096);
    ASSERT_TRUE(read);
    ASSERT_FALSE(read->runs.empty());
    EXPECT_LE(read->runs.front().position, at);
    EXPECT_GT(read->runs.front().position + read->runs.front().count, at);
    ASSERT_GT(read->next, at);
    at = read->next;
  }
}

TEST(Journal, ReadsTheSameFromMemoryAndFromTheStore) {
  JournalOptions options;
  options.hot_tail_bytes = 20'000;  // a few of the runs below
  JournalHouse house(options);
  std::vector<std::string> expected;
  for (int i = 0; i < 50; ++i) {
    const std::string id = std::to_string(i);
    house.MustPost("orders", {{id, std::string(2000, 'x')}});
    house.MustPost("other/" + id, {{id}});
    expected.push_back(id);
  }
  for (uint64_t from = 0; from <= 50; ++from) {
    EXPECT_EQ(
        house.Ids("orders", Offset(from)),
        std::vector<std::string>(expected.begin() + static_cast<ptrdiff_t>(from), expected.end()));
  }
  const auto info = house.journal->FindTopic("orders");
  const auto beyond = house.journal->ReadTopic(info->id, Offset(51), 1000);
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().code, ErrorCode::kOutOfRange);
}

TEST(Journal, ReadsTheFeedOfAPattern) {
  JournalOptions options;
  options.hot_tail_bytes = 5'000;
  JournalHouse house(options);
  for (int i = 0; i < 200; ++i) {
    house.MustPost("user/" + std::to_string(i % 7), {{"u" + std::to_string(i)}});
    house.MustPost("orders", {{"o" + std::to_string(i)}, {"p" + std::to_string(i)}});
  }
  int users = 0;
  FeedPosition from;
  for (bool at_end = false; !at_end;) {
    const auto read = house.journal->ReadFeed(from, Select("user/*"), 500);
    ASSERT_TRUE(read);
    EXPECT_FALSE(read->gap);
    for (const FeedRun& run : read->runs) {
      ASSERT_TRUE(run.run);
      EXPECT_EQ(*run.topic_name, "user/" + std::to_string(users % 7));
      EXPECT_EQ(run.position, FeedPosition(static_cast<uint64_t>(users) * 3));
      EXPECT_EQ(run.run->first, run.first);
      ++users;
    }
    from = read->next;
    at_end = read->at_end;
  }
  EXPECT_EQ(users, 200);
  EXPECT_EQ(from, house.journal->feed_end());
  EXPECT_FALSE(house.journal->ReadFeed(from + 1, Select("user/*"), 500));
}

TEST(Journal, StoresABatchOfManyTopicsWhole) {
  JournalHouse house;
  Batch batch;
  batch.chunks.push_back(MakeChunk("a", {{"1"}, {"2"}}));
  batch.chunks.push_back(MakeChunk("b", {{"1"}}));
  batch.chunks.push_back(MakeChunk("a", {{"3"}}));
  batch.mutations.push_back({store::Mutation::Kind::kPut, store::Table::kReceipts, "key", "value"});
  const auto result = PostAndWait(*house.journal, std::move(batch));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->chunks[2].first, Offset(2));
  EXPECT_EQ(house.Ids("a"), (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_EQ(house.store->Get(store::Table::kReceipts, "key")->value(), "value");
}

TEST(Journal, WakesWaitsOnceTheTopicGrew) {
  JournalHouse house;
  std::atomic<int> fired = 0;
  Executor& executor = house.pool.at(0);
  const WaitPtr early =
      house.journal->WaitForTopic("new", TopicId(), Offset(1), executor, [&] { ++fired; });
  WaitPtr cancelled =
      house.journal->WaitForTopic("new", TopicId(), Offset(0), executor, [&] { fired += 10; });
  cancelled.reset();
  const WaitPtr feed = house.journal->WaitForFeed(FeedPosition(0), executor, [&] { fired += 100; });
  house.MustPost("new", {{"a"}});
  EXPECT_TRUE(Eventually([&] { return fired == 100; })) << fired;
  house.MustPost("new", {{"b"}});
  EXPECT_TRUE(Eventually([&] { return fired == 101; })) << fired;
  const WaitPtr late =
      house.journal->WaitForTopic("new", TopicId(), Offset(1), executor, [&] { ++fired; });
  EXPECT_TRUE(Eventually([&] { return fired == 102; })) << fired;
}

TEST(Journal, WaitsAgainWithTheTaskThatItHas) {
  JournalHouse house;
  Executor& executor = house.pool.at(0);
  Journal& journal = *house.journal;
  std::atomic<int> topic = 0, feed = 0;
  const WaitPtr one = journal.WaitForTopic("new", TopicId(), Offset(0), executor, [&] { ++topic; });
  const WaitPtr all = journal.WaitForFeed(FeedPosition(0), executor, [&] { ++feed; });
  house.MustPost("new", {{"a"}});
  EXPECT_TRUE(Eventually([&] { return topic == 1 && feed == 1; })) << topic << feed;
  house.MustPost("new", {{"b"}});
  house.MustPost("other", {{"x"}});
  // What is there already fires at once; what is not, when it comes; each once.
  const TopicId id = journal.FindTopic("new")->id;
  journal.WaitAgain(*one, "new", id, Offset(1));
  journal.WaitAgain(*all, FeedPosition(3));
  EXPECT_TRUE(Eventually([&] { return topic == 2; })) << topic;
  journal.WaitAgain(*one, "new", id, Offset(1));
  EXPECT_TRUE(Eventually([&] { return topic == 3; })) << topic;
  journal.WaitAgain(*one, "new", id, Offset(2));
  journal.WaitAgain(*one, "new", id, Offset(3));  // of one that has not fired
  house.MustPost("new", {{"c"}});
  EXPECT_TRUE(Eventually([&] { return feed == 2; })) << feed;
  EXPECT_EQ(topic, 3);
  house.MustPost("new", {{"d"}});
  EXPECT_TRUE(Eventually([&] { return topic == 4; })) << topic;
  EXPECT_EQ(feed, 2);
}

// Readers that wait and read, while others post: each must see every event, in order.
TEST(Journal, LosesNoWakeUpsUnderLoad) {
  JournalOptions options;
  options.hot_tail_bytes = 30'000;  // so that readers fall into the store now and then
  JournalHouse house(options);
  constexpr uint64_t kEvents = 2000;
  struct Reader {
    Journal& journal;
    Executor& executor;
    uint64_t seen = 0;
    WaitPtr wait;
    std::atomic<bool> done = false;
    void Step() {
      while (const auto info = journal.FindTopic("busy")) {
        const auto read = journal.ReadTopic(info->id, Offset(seen), 5000);
        ASSERT_TRUE(read) << read.error().ToString();
        if (read->runs.empty()) break;
        ASSERT_LE(read->runs.front()->first, Offset(seen));
        seen = read->next.value();
      }
      if (seen == kEvents) {
        done = true;
      } else if (wait && seen % 2 == 0) {
        journal.WaitAgain(*wait, "busy", TopicId(), Offset(seen));
      } else {
        wait = journal.WaitForTopic("busy", TopicId(), Offset(seen), executor, [this] { Step(); });
      }
    }
  };
  CorePool readers_pool(2);
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < 20; ++i) {
    readers.push_back(std::make_unique<Reader>(*house.journal, readers_pool.Next()));
    readers.back()->executor.Post([reader = readers.back().get()] { reader->Step(); });
  }
  std::vector<std::thread> posters;
  for (int t = 0; t < 4; ++t) {
    posters.emplace_back([&] {
      for (uint64_t i = 0; i < kEvents / 4; ++i) house.MustPost("busy", {{"", "x"}});
    });
  }
  for (std::thread& poster : posters) poster.join();
  EXPECT_TRUE(Eventually([&] {
    return std::ranges::all_of(readers, [](const auto& reader) { return reader->done.load(); });
  }));
  readers_pool.Stop();
}

TEST(Journal, RefusesWhatIsTooMuchAndWhileDraining) {
  JournalOptions options;
  options.max_pending_bytes = 100'000;
  JournalHouse house(options);
  std::atomic<int> answered = 0;
  std::atomic<int> overloaded = 0;
  for (int i = 0; i < 500; ++i) {
    Batch batch;
    batch.chunks.push_back(MakeChunk("orders", {{"", std::string(20'000, 'x')}}));
    house.journal->Post(std::move(batch), [&](Result<BatchResult> result) {
      if (!result && result.error().reason == "OVERLOADED") ++overloaded;
      ++answered;
    });
  }
  EXPECT_TRUE(Eventually([&] { return answered == 500; }));
  EXPECT_GT(overloaded, 0);
  EXPECT_EQ(house.Ids("orders").size(), static_cast<size_t>(500 - overloaded));
  house.journal->Drain();
  EXPECT_EQ(house.Post("orders", {{"late"}}).error().reason, "DRAINING");
  Batch internal{.internal = true};
  internal.chunks.push_back(MakeChunk("_dead/x", {{"1"}}));
  EXPECT_TRUE(PostAndWait(*house.journal, std::move(internal)));
}

TEST(Journal, DeletesATopicAndMakesItAnew) {
  JournalHouse house;
  const ChunkResult old = house.MustPost("orders", {{"a"}, {"b"}});
  ASSERT_TRUE(house.journal->DeleteTopic("orders"));
  EXPECT_EQ(house.journal->FindTopic("orders").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(house.journal->ReadTopic(old.topic, Offset(0), 100).error().code, ErrorCode::kNotFound);
  const ChunkResult anew = house.MustPost("orders", {{"a"}});
  EXPECT_NE(anew.topic, old.topic);
  EXPECT_EQ(anew.first, Offset(0));
  EXPECT_EQ(anew.stored, 1u) << "an event of the deleted topic is none of the new one's";
  const auto feed = house.journal->ReadFeed(FeedPosition(0), Select("orders"), 1000);
  ASSERT_TRUE(feed);
  ASSERT_EQ(feed->runs.size(), 2u);
  EXPECT_EQ(feed->runs[0].run, nullptr);
  EXPECT_NE(feed->runs[1].run, nullptr);
}

TEST(Journal, KeepsStoredTimesInOrderWhenTheClockJumpsBack) {
  JournalHouse house;
  const ChunkResult first = house.MustPost("orders", {{"a"}});
  house.clock.JumpWall(-std::chrono::hours(1));
  house.MustPost("orders", {{"b"}});
  house.Reopen();
  house.MustPost("orders", {{"c"}});
  const auto runs = house.store->ReadRuns(first.topic, Offset(0), 10'000);
  ASSERT_TRUE(runs);
  ASSERT_EQ(runs->size(), 3u);
  EXPECT_EQ((*runs)[1]->stored_at, (*runs)[0]->stored_at);
  EXPECT_EQ((*runs)[2]->stored_at, (*runs)[0]->stored_at);
}

}  // namespace
}  // namespace postroad::journal
