// Backups beside a store that is appending, what retention frees, and what opening refuses.
#include <gmock/gmock.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "store/rocks/engine.h"
#include "store/rocks/rocks_store.h"
#include "store/rocks/store_keys.h"
#include "store/rocks/testing.h"

namespace postroad::store {
namespace {

// Backups made while another thread appends hold a whole prefix of the log each.
TEST(Backup, IsConsistentWhileAppending) {
  TemporaryFolder folder;
  const auto store = OpenStore(folder / "data");
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> appended = 0;
  std::thread appender([&] {
    const std::string body(3000, 'b');
    for (uint64_t n = 0; !stop; appended = ++n) {
      const std::string own = "own/" + std::to_string(n);
      const std::vector<RunToAppend> runs = {{"busy", 3, body, At(0)}, {own, 1, body, At(0)}};
      const std::vector<Mutation> count = {{.key = "count", .value = std::to_string(n + 1)}};
      ASSERT_TRUE(store->Append({.runs = runs, .mutations = count, .sync = n % 2 == 0}));
    }
  });
  for (int i = 0; i < 3; ++i) {
    while (appended < 100u * static_cast<unsigned>(i + 1)) std::this_thread::yield();
    const uint64_t before = appended;
    const std::string backup = folder / ("backup" + std::to_string(i));
    ASSERT_TRUE(store->Backup(backup));
    const uint64_t after = appended + 1;
    const std::string restored = folder / ("restored" + std::to_string(i));
    ASSERT_TRUE(RestoreRocksStore(backup, restored));
    const CheckReport report = ExpectSound(restored);
    const auto copy = OpenStore(restored);
    ASSERT_NE(copy, nullptr);
    EXPECT_TRUE(copy->clean_start());
    EXPECT_NE(copy->epoch(), store->epoch());
    const uint64_t groups = copy->ReadFeedBounds()->next.value() / 4;
    EXPECT_GE(groups, before);
    EXPECT_LE(groups, after);
    EXPECT_EQ(report.runs, groups * 2);
    EXPECT_EQ(copy->Get(Table::kMeta, "count")->value(), std::to_string(groups));
  }
  stop = true;
  appender.join();
}

TEST(Backup, IsNotOpenedAsAStore) {
  TemporaryFolder folder;
  ASSERT_TRUE(OpenStore(folder / "data")->Backup(folder / "backup"));
  const auto store = OpenRocksStore({.directory = folder / "backup"});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_EQ(store.error().reason, "IS_BACKUP");
}

TEST(Backup, IsRestoredToAnEmptyFolderOnly) {
  TemporaryFolder folder;
  ASSERT_TRUE(OpenStore(folder / "data")->Backup(folder / "backup"));
  EXPECT_EQ(RestoreRocksStore(folder / "backup", folder / "data").error().code,
            ErrorCode::kAlreadyExists);
  EXPECT_EQ(RestoreRocksStore(folder / "data", folder / "new").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(RestoreRocksStore(folder / "nothing", folder / "new").error().code,
            ErrorCode::kNotFound);
  std::filesystem::create_directory(folder / "empty");
  EXPECT_TRUE(RestoreRocksStore(folder / "backup", folder / "empty"));
  EXPECT_TRUE(RestoreRocksStore(folder / "backup", folder / "deeper/than/that/"));
  EXPECT_NE(OpenStore(folder / "deeper/than/that"), nullptr);
}

TEST(Backup, ThatIsDamagedIsNotRestored) {
  TemporaryFolder folder;
  ASSERT_TRUE(OpenStore(folder / "data")->Backup(folder / "backup"));
  std::ofstream(folder / "backup/CURRENT") << "nonsense\n";
  const auto status = RestoreRocksStore(folder / "backup", folder / "new");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kDataLoss) << status.error().ToString();
  EXPECT_FALSE(std::filesystem::exists(folder / "new"));
}

// Waits, to a deadline, until the store takes less than `bytes`.
bool ShrinksTo(Store& store, uint64_t bytes) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (std::chrono::steady_clock::now() < deadline) {
    if (store.Stats()->disk_bytes < bytes) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

TEST(Retention, FreesTheSpaceOfALargeTopicSoon) {
  TemporaryFolder folder;
  const auto store = OpenStore(folder / "data");
  TopicId id;
  for (int i = 0; i < 1500; ++i) {  // 96 MB, and small topics among them
    id = AppendOne(*store, "large", 64'000, false)->topic;
    ASSERT_TRUE(AppendOne(*store, "small/" + std::to_string(i), 100, false));
  }
  EXPECT_GT(store->Stats()->disk_bytes, 90u << 20);
  EXPECT_EQ(*store->TrimTopic(id, Offset(1490)), Offset(1490));
  EXPECT_TRUE(ShrinksTo(*store, 40 << 20)) << store->Stats()->disk_bytes;
  EXPECT_EQ(store->ReadRuns(id, Offset(0), 1 << 20)->front()->first, Offset(1490));
  EXPECT_EQ(store->FindTopic("small/700")->next, Offset(1));
  ASSERT_TRUE(store->TrimFeed(FeedPosition(2990)));
  EXPECT_EQ(store->ReadFeed(FeedPosition(0), 10)->front().position, FeedPosition(2990));
}

TEST(Retention, FreesTheSpaceOfADeletedTopicSoon) {
  TemporaryFolder folder;
  const auto store = OpenStore(folder / "data");
  for (int i = 0; i < 1500; ++i) ASSERT_TRUE(AppendOne(*store, "large", 64'000, false));
  ASSERT_TRUE(store->DeleteTopic("large"));
  EXPECT_TRUE(ShrinksTo(*store, 40 << 20)) << store->Stats()->disk_bytes;
}

// Each topic loses its oldest runs, a few at a time, again and again.
TEST(Retention, FreesTheSpaceOfManySmallTrimsInTheEnd) {
  TemporaryFolder folder;
  const auto store = OpenStore(folder / "data");
  constexpr int kTopics = 20;
  for (int round = 0; round < 300; ++round) {
    for (int t = 0; t < kTopics; ++t) {
      const auto placed = AppendOne(*store, "topic/" + std::to_string(t), 16'000, false);
      ASSERT_TRUE(placed);
      if (placed->first.value() > 3) {
        ASSERT_TRUE(store->TrimTopic(placed->topic, placed->first - 3));
      }
    }
  }
  EXPECT_TRUE(ShrinksTo(*store, 45 << 20)) << "of 96 MB: " << store->Stats()->disk_bytes;
}

// Before it was counted, nothing told how many topics had been deleted.
TEST(Open, TopicsOfAStoreThatDidNotCountThemAreCounted) {
  TemporaryFolder folder;
  {
    const auto store = OpenStore(folder / "data");
    for (const char* topic : {"a", "b", "c"}) ASSERT_TRUE(AppendOne(*store, topic));
    ASSERT_TRUE(store->DeleteTopic("b"));
  }
  {
    const auto engine = Engine::Open({.directory = folder / "data"}, Engine::Mode::kOpen);
    ASSERT_TRUE(engine);
    rocksdb::WriteBatch batch = Engine::NewBatch(true);
    (void)batch.Delete(kDeletedTopicsKey);
    ASSERT_TRUE((*engine)->Commit(batch, true));
  }
  for (uint64_t expected = 2; expected < 4; ++expected) {
    const auto store = OpenStore(folder / "data");
    EXPECT_EQ(store->Stats()->topics, expected);
    ASSERT_TRUE(AppendOne(*store, "new/" + std::to_string(expected)));
  }
}

}  // namespace
}  // namespace postroad::store
