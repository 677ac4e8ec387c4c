// A full disk: posts are refused, reads go on, posts resume without a restart. On a small tmpfs.
#include <gmock/gmock.h>
#include <sys/mount.h>

#include <cstring>
#include <fstream>

#include "store/rocks/rocks_store.h"
#include "store/rocks/testing.h"

namespace postroad::store {
namespace {

class DiskFull : public testing::Test {
 protected:
  void SetUp() override {
    mounted_ = mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, "size=96m") == 0;
    if (!mounted_) GTEST_SKIP() << "needs to mount a tmpfs: " << std::strerror(errno);
  }
  void TearDown() override {
    store_.reset();
    if (mounted_) umount(folder_.path().c_str());
  }

  void Open(uint64_t reserve_bytes) {
    auto store = OpenRocksStore({.directory = folder_ / "data",
                                 .write_buffer_bytes = 8 << 20,
                                 .disk_reserve_bytes = reserve_bytes});
    ASSERT_TRUE(store) << store.error().ToString();
    store_ = *std::move(store);
  }
  // Leaves `bytes` free.
  void FillDisk(uint64_t bytes) {
    const auto space = std::filesystem::space(folder_.path());
    if (space.available <= bytes) return;
    std::ofstream file(folder_ / "filler", std::ios::binary | std::ios::app);
    const std::string piece(4096, 'f');
    for (uint64_t left = space.available - bytes; left > 0 && file;) {
      const auto n = static_cast<std::streamsize>(std::min<uint64_t>(left, piece.size()));
      file.write(piece.data(), n).flush();
      left -= static_cast<uint64_t>(n);
    }
  }
  void EmptyDisk() { std::filesystem::remove(folder_ / "filler"); }

  // Appends 16 KiB events until one is refused, and expects the right reason; how many were taken.
  uint64_t AppendUntilFull() {
    for (uint64_t taken = 0; taken < 10'000; ++taken) {
      const auto placed = AppendOne(*store_, "a", 16 << 10);
      if (placed) continue;
      EXPECT_EQ(placed.error().code, ErrorCode::kResourceExhausted) << placed.error().ToString();
      EXPECT_EQ(placed.error().reason, "DISK_FULL");
      return taken;
    }
    ADD_FAILURE() << "the disk never filled";
    return 0;
  }
  void ExpectReads(uint64_t events) {
    const auto info = store_->FindTopic("a");
    ASSERT_TRUE(info) << info.error().ToString();
    EXPECT_EQ(info->next, Offset(events));
    EXPECT_TRUE(store_->ReadRuns(info->id, Offset(events / 2), 1 << 20));
    EXPECT_TRUE(store_->ReadFeed(FeedPosition(events / 2), 10));
  }

  TemporaryFolder folder_;
  bool mounted_ = false;
  std::unique_ptr<Store> store_;
};

TEST_F(DiskFull, PostsAreRefusedUnderTheReserveAndResume) {
  Open(16 << 20);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(AppendOne(*store_, "a"));
  FillDisk(15 << 20);
  EXPECT_EQ(AppendOne(*store_, "a").error().reason, "DISK_FULL");
  const std::vector<Mutation> ack = {{.key = "k", .value = "v"}};
  EXPECT_TRUE(store_->Write(ack, true)) << "the reserve is for what is no post";
  EXPECT_TRUE(store_->TrimTopic(store_->FindTopic("a")->id, Offset(5)));
  ExpectReads(10);
  EmptyDisk();
  EXPECT_EQ(AppendOne(*store_, "a")->first, Offset(10));
}

// With no reserve, flushes and compactions meet the full disk.
TEST_F(DiskFull, TheEngineComesBackFromAFullDisk) {
  Open(0);
  uint64_t events = 0;
  for (const uint64_t free : {40ull << 20, 10ull << 20, 100ull << 10, 5000ull}) {
    for (int i = 0; i < 3; ++i, ++events) ASSERT_TRUE(AppendOne(*store_, "a", 16 << 10));
    FillDisk(free);
    events += AppendUntilFull();
    ExpectReads(events);
    EmptyDisk();
    const auto placed = AppendOne(*store_, "a", 16 << 10);
    ASSERT_TRUE(placed) << placed.error().ToString();
    EXPECT_EQ(placed->first, Offset(events++));
    ASSERT_TRUE(store_->TrimTopic(placed->topic, Offset(events - 1)));
  }
  store_.reset();
  Open(0);
  EXPECT_TRUE(store_->clean_start());
  ExpectReads(events);
  store_.reset();
  EXPECT_EQ(ExpectSound(folder_ / "data").events, 1u);
}

// A flush that fails stops RocksDB's writing until it is resumed.
TEST_F(DiskFull, AFlushThatMeetsTheFullDiskIsMadeUpFor) {
  Open(0);
  uint64_t events = 0;
  for (; events < 200; ++events) ASSERT_TRUE(AppendOne(*store_, "a", 16 << 10));
  FillDisk(1200 << 10);
  const auto backup = store_->Backup(folder_ / "backup");  // flushes
  ASSERT_FALSE(backup);
  EXPECT_EQ(backup.error().reason, "DISK_FULL");
  EXPECT_EQ(AppendOne(*store_, "a").error().reason, "DISK_FULL");
  ExpectReads(events);
  EmptyDisk();
  EXPECT_EQ(AppendOne(*store_, "a")->first, Offset(events));
  ASSERT_TRUE(store_->Backup(folder_ / "backup"));
  ExpectReads(events + 1);
  store_.reset();
  EXPECT_EQ(ExpectSound(folder_ / "data").events, events + 1);
}

TEST_F(DiskFull, ARefusedWriteIsToldAndTakenLater) {
  Open(0);
  ASSERT_TRUE(AppendOne(*store_, "a"));
  FillDisk(0);
  const std::vector<Mutation> big = {{.key = "k", .value = std::string(8 << 20, 'v')}};
  const auto refused = store_->Write(big, true);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "DISK_FULL");
  EXPECT_FALSE(store_->Get(Table::kMeta, "k")->has_value());
  EmptyDisk();
  EXPECT_TRUE(store_->Write(big, true));
}

}  // namespace
}  // namespace postroad::store
