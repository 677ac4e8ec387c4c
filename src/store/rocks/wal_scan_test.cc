// The scan of the write-ahead log, on logs made here byte by byte.
#include "store/rocks/wal_scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "store/rocks/crc32c.h"

namespace postroad::store {
namespace {

constexpr size_t kBlock = 32 << 10;

// Writes commits as RocksDB lays them out.
class LogMaker {
 public:
  // One commit of `bytes` bytes of data that takes one sequence number; where it begins.
  size_t Commit(size_t bytes, bool synced = true) {
    std::string data(std::max<size_t>(bytes, 13), static_cast<char>('a' + sequence_ % 26));
    const uint64_t sequence = ++sequence_;
    const uint32_t count = 1;
    std::memcpy(data.data(), &sequence, 8);
    std::memcpy(data.data() + 8, &count, 4);
    data[12] = synced ? 3 : 1;
    if (kBlock - log_.size() % kBlock < 7) log_.resize((log_.size() / kBlock + 1) * kBlock);
    const size_t begin = log_.size();
    bool first = true;
    for (std::string_view rest = data; first || !rest.empty(); first = false) {
      if (kBlock - log_.size() % kBlock < 7) log_.resize((log_.size() / kBlock + 1) * kBlock);
      const size_t room = kBlock - log_.size() % kBlock - 7;
      const std::string_view piece = rest.substr(0, room);
      rest.remove_prefix(piece.size());
      Record(static_cast<char>(first ? (rest.empty() ? 1 : 2) : (rest.empty() ? 4 : 3)), piece);
    }
    return begin;
  }
  std::string& log() { return log_; }
  uint64_t sequence() const { return sequence_; }

 private:
  void Record(char type, std::string_view data) {
    const uint32_t crc = ExtendCrc32c(ExtendCrc32c(0, std::string_view(&type, 1)), data);
    const uint32_t masked = ((crc >> 15) | (crc << 17)) + 0xa282ead8;
    const auto bytes = static_cast<uint16_t>(data.size());
    log_.append(reinterpret_cast<const char*>(&masked), 4);
    log_.append(reinterpret_cast<const char*>(&bytes), 2);
    log_.push_back(type);
    log_.append(data);
  }

  std::string log_;
  uint64_t sequence_ = 0;
};

WalScan Scan(const std::string& log) {
  WalScan scan;
  ScanWalFile("1.log", log, scan);
  return scan;
}

TEST(WalScan, AWholeLogHasNoDamage) {
  LogMaker maker;
  for (int i = 0; i < 500; ++i) maker.Commit(static_cast<size_t>(i) * 733 % 100'000);
  const WalScan scan = Scan(maker.log());
  EXPECT_FALSE(scan.damage);
  EXPECT_EQ(scan.commits, 500u);
  EXPECT_FALSE(Scan("").damage);
}

// Wherever the log is cut, what is left is the commits before the cut, and no damage is "within".
TEST(WalScan, ACutAnywhereIsATornTail) {
  LogMaker maker;
  std::vector<size_t> begins;
  for (const size_t bytes : {100, 40'000, 20, 32'000, 50, 70'000}) {
    begins.push_back(maker.Commit(bytes));
  }
  for (size_t cut = 0; cut < maker.log().size(); cut += 37) {
    const WalScan scan = Scan(maker.log().substr(0, cut));
    if (scan.damage) {
      EXPECT_EQ(scan.damage->offset, begins[scan.commits]);
      EXPECT_EQ(scan.damage->last_synced_behind, 0u);
      EXPECT_EQ(scan.damage->bytes, cut - scan.damage->offset);
    }
  }
}

// Whatever byte is flipped, the commits behind it are found.
TEST(WalScan, AFlippedByteAnywhereButInTheLastCommitIsADamageWithin) {
  LogMaker maker;
  std::vector<size_t> begins;
  for (int i = 0; i < 12; ++i) begins.push_back(maker.Commit(i % 3 == 2 ? 45'000 : 900));
  for (size_t at = 0; at < begins.back(); at += 101) {
    std::string log = maker.log();
    log[at] ^= 0x20;
    const WalScan scan = Scan(log);
    if (!scan.damage) {
      // The unused end of a block.
      EXPECT_GE(at % kBlock, kBlock - 7) << at;
      continue;
    }
    EXPECT_LE(scan.damage->offset, at);
    EXPECT_EQ(std::ranges::count(begins, scan.damage->offset), 1) << "at a commit's begin";
    EXPECT_EQ(scan.damage->last_synced_behind, maker.sequence()) << at;
    EXPECT_EQ(scan.commits, begins.size() - 1) << at;
  }
}

TEST(WalScan, TheRestOfATornCommitIsNoCommitBehindIt) {
  LogMaker maker;
  maker.Commit(500);
  const size_t begin = maker.Commit(200'000);  // a first, middles, a last
  std::string log = maker.log();
  log[begin + 50] ^= 1;
  const WalScan scan = Scan(log);
  ASSERT_TRUE(scan.damage);
  EXPECT_EQ(scan.damage->offset, begin);
  EXPECT_EQ(scan.damage->last_synced_behind, 0u);
}

TEST(WalScan, OnlySyncedCommitsCountBehindADamage) {
  LogMaker maker;
  maker.Commit(500);
  const size_t begin = maker.Commit(500, false);
  maker.Commit(500, false);
  std::string log = maker.log();
  log[begin + 50] ^= 1;
  EXPECT_EQ(Scan(log).damage->last_synced_behind, 0u);
  maker.Commit(500, true);
  maker.Commit(500, false);
  log = maker.log();
  log[begin + 50] ^= 1;
  EXPECT_EQ(Scan(log).damage->last_synced_behind, 4u);
}

TEST(WalScan, DamageAndWhatIsBehindItMayBeInDifferentFiles) {
  LogMaker first, second;
  first.Commit(500);
  const size_t begin = first.Commit(500);
  for (int i = 0; i < 9; ++i) second.Commit(500);
  WalScan scan;
  ScanWalFile("1.log", first.log().substr(0, begin + 100), scan);
  ScanWalFile("2.log", second.log(), scan);
  EXPECT_EQ(scan.damage->file, "1.log");
  EXPECT_EQ(scan.damage->offset, begin);
  EXPECT_EQ(scan.damage->bytes, 100 + second.log().size());
  EXPECT_EQ(scan.damage->last_synced_behind, 9u);
}

TEST(WalScan, ReservedSpaceAtTheEndIsNoDamage) {
  LogMaker maker;
  maker.Commit(500);
  maker.log().resize(100'000);
  EXPECT_FALSE(Scan(maker.log()).damage);
}

}  // namespace
}  // namespace postroad::store
