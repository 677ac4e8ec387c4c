// Crashes: kill -9 under load, a torn tail, a damage within, a second process.
#include <gmock/gmock.h>

#include <fstream>
#include <map>

#include "store/rocks/child_process.h"
#include "store/rocks/rocks_store.h"
#include "store/rocks/testing.h"

namespace postroad::store {
namespace {

using testing::HasSubstr;

// Appends until it is killed: each group a run to a busy topic, one to a topic of its own, and a
// mutation that holds the group's number. Tells the number after each group.
TEST(CrashChild, DISABLED_AppendForever) {
  const auto store = OpenStore(ChildProcess::Folder());
  const std::string body(700, 'b');
  for (uint64_t n = store->ReadFeedBounds()->next.value() / 4;; ++n) {
    const std::string own = "own/" + std::to_string(n);
    const std::vector<RunToAppend> runs = {{"busy", 3, body, At(0)}, {own, 1, body, At(0)}};
    const std::vector<Mutation> count = {{.key = "count", .value = std::to_string(n + 1)}};
    if (!store->Append({.runs = runs, .mutations = count})) std::abort();
    ChildProcess::Tell(n + 1);
  }
}

TEST(Crash, NothingAcknowledgedIsLostByKills) {
  TemporaryFolder folder;
  const std::string data = folder / "data";
  uint64_t acknowledged = 0;
  for (int kill = 0; kill < 8; ++kill) {
    {
      ChildProcess child("CrashChild.DISABLED_AppendForever", data);
      for (int i = 0; i < 20 + 40 * kill; ++i) ASSERT_TRUE(child.Hear(acknowledged));
      child.Kill();
      while (child.Hear(acknowledged)) continue;
    }
    const CheckReport report = ExpectSound(data);
    const auto store = OpenStore(data);
    EXPECT_FALSE(store->clean_start());
    // The group in flight when it was killed may be there too, whole.
    const uint64_t groups = store->ReadFeedBounds()->next.value() / 4;
    EXPECT_GE(groups, acknowledged);
    EXPECT_LE(groups, acknowledged + 1);
    EXPECT_EQ(store->ReadFeedBounds()->next, FeedPosition(groups * 4));
    EXPECT_EQ(store->FindTopic("busy")->next, Offset(groups * 3));
    EXPECT_EQ(store->Get(Table::kMeta, "count")->value(), std::to_string(groups));
    EXPECT_EQ(report.runs, groups * 2);
    EXPECT_EQ(report.topics, groups + 1);
  }
}

TEST(CrashChild, DISABLED_HoldTheStore) {
  const auto store = OpenStore(ChildProcess::Folder());
  ChildProcess::Tell(1);
  for (;;) pause();
}

TEST(Crash, ASecondProcessIsRefusedAndToldTheFirst) {
  TemporaryFolder folder;
  ChildProcess child("CrashChild.DISABLED_HoldTheStore", folder.path());
  uint64_t ready = 0;
  ASSERT_TRUE(child.Hear(ready));
  const auto second = OpenRocksStore({.directory = folder.path()});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_EQ(second.error().reason, "STORE_LOCKED");
  EXPECT_THAT(second.error().message, HasSubstr("process id " + std::to_string(child.pid())));
  EXPECT_EQ(CheckRocksStore(folder.path()).error().reason, "STORE_LOCKED");
  child.Kill();
  EXPECT_NE(OpenStore(folder.path()), nullptr) << "the lock dies with its process";
}

TEST(Crash, ASecondOpeningInOneProcessIsRefusedToo) {
  TemporaryFolder folder;
  auto store = OpenStore(folder.path());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(OpenRocksStore({.directory = folder.path()}).error().reason, "STORE_LOCKED");
  }
  EXPECT_TRUE(AppendOne(*store, "a"));
}

// The last file of the write-ahead log that has anything in it.
std::string LogFile(const std::string& directory) {
  std::map<std::string, uintmax_t> logs;
  for (const auto& file : std::filesystem::directory_iterator(directory)) {
    if (file.path().extension() == ".log" && file.file_size() > 0) {
      logs[file.path()] = file.file_size();
    }
  }
  EXPECT_FALSE(logs.empty());
  return logs.empty() ? "" : logs.rbegin()->first;
}

void FlipByte(const std::string& path, uint64_t at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(at));
  const char c = static_cast<char>(file.get() ^ 0x40);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(c);
}

void AddGarbage(const std::string& path, size_t bytes) {
  std::ofstream file(path, std::ios::app | std::ios::binary);
  uint64_t state = 88172645463325252ull;
  for (size_t i = 0; i < bytes; ++i) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    file.put(static_cast<char>(state));
  }
}

// A store of `kEvents` appended events that "crashed": a folder and its log file.
class CrashedStore {
 public:
  static constexpr uint64_t kEvents = 200;

  explicit CrashedStore(bool sync = true) {
    const auto store = OpenStore(folder_ / "running");
    for (uint64_t i = 0; i < kEvents; ++i) EXPECT_TRUE(AppendOne(*store, "a", 2000, sync));
    CopyFolder(folder_ / "running", data());
    log_ = LogFile(data());
  }
  std::string data() const { return folder_ / "crashed"; }
  const std::string& log() const { return log_; }
  uint64_t log_bytes() const { return std::filesystem::file_size(log_); }

  // Opens and expects `events` to be there and a notice if `noticed`.
  void ExpectEvents(uint64_t events, bool noticed) const {
    std::vector<std::string> notices;
    const auto store = OpenStore(data(), &notices);
    ASSERT_NE(store, nullptr);
    EXPECT_EQ(store->FindTopic("a")->next, Offset(events));
    EXPECT_EQ(store->ReadFeedBounds()->next, FeedPosition(events));
    EXPECT_EQ(notices.size(), noticed ? 1 : 0);
    if (noticed) EXPECT_THAT(notices.at(0), HasSubstr("torn tail"));
    EXPECT_EQ(AppendOne(*store, "a")->first, Offset(events));
  }
  void ExpectRefused() const {
    const auto store = OpenRocksStore({.directory = data()});
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, ErrorCode::kDataLoss);
    EXPECT_EQ(store.error().reason, "STORE_CORRUPT");
    EXPECT_THAT(store.error().message, HasSubstr("`postroad store check " + data() + "`"));
    const auto report = CheckRocksStore(data());
    ASSERT_TRUE(report);
    EXPECT_FALSE(report->problems.empty());
    EXPECT_FALSE(OpenRocksStore({.directory = data()})) << "and stays so";
  }

 private:
  TemporaryFolder folder_;
  std::string log_;
};

TEST(Crash, AWholeLogIsReplayedWithoutANotice) {
  CrashedStore crashed;
  crashed.ExpectEvents(CrashedStore::kEvents, false);
}

TEST(Crash, ATruncatedTailIsCutAtTheLastWholeCommit) {
  for (const uint64_t cut : {1, 100, 1900}) {  // all within the last commit
    CrashedStore crashed;
    std::filesystem::resize_file(crashed.log(), crashed.log_bytes() - cut);
    EXPECT_EQ(ExpectSound(crashed.data()).events, CrashedStore::kEvents - 1);
    crashed.ExpectEvents(CrashedStore::kEvents - 1, true);
    crashed.ExpectEvents(CrashedStore::kEvents, false);  // which appended one
  }
}

TEST(Crash, GarbageAtTheTailIsCut) {
  for (const size_t bytes : {1, 6, 7, 100, 70'000}) {
    CrashedStore crashed;
    AddGarbage(crashed.log(), bytes);
    crashed.ExpectEvents(CrashedStore::kEvents, true);
  }
}

TEST(Crash, ADamagedLastCommitIsATornTail) {
  CrashedStore crashed;
  FlipByte(crashed.log(), crashed.log_bytes() - 500);
  crashed.ExpectEvents(CrashedStore::kEvents - 1, true);
}

TEST(Crash, ZerosAtTheTailAreNoDamage) {
  CrashedStore crashed;
  std::filesystem::resize_file(crashed.log(), crashed.log_bytes() + 100'000);
  crashed.ExpectEvents(CrashedStore::kEvents, false);
}

TEST(Crash, AFlippedByteWithinTheLogRefusesToStart) {
  for (const uint64_t part : {2, 3, 10}) {
    CrashedStore crashed;
    FlipByte(crashed.log(), crashed.log_bytes() / part);
    crashed.ExpectRefused();
  }
}

TEST(Crash, AHoleWithinTheLogRefusesToStart) {
  CrashedStore crashed;
  std::fstream file(crashed.log(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(crashed.log_bytes() / 2));
  file.write(std::string(40'000, '\0').data(), 40'000);
  file.close();
  crashed.ExpectRefused();
}

// Commits that were never synced may be damaged in any order by a power failure.
TEST(Crash, ADamageFollowedByUnsyncedCommitsIsATornTail) {
  CrashedStore crashed(/*sync=*/false);
  FlipByte(crashed.log(), crashed.log_bytes() / 2);
  std::vector<std::string> notices;
  const auto store = OpenStore(crashed.data(), &notices);
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(notices.size(), 1u);
  const uint64_t left = store->FindTopic("a")->next.value();
  EXPECT_GT(left, 50u);
  EXPECT_LT(left, 150u);
}

std::string LargestFile(const std::string& directory, const std::string& prefix,
                        const std::string& extension) {
  std::string largest;
  uintmax_t bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator(directory)) {
    if (file.path().extension() != extension) continue;
    if (!file.path().filename().string().starts_with(prefix) || file.file_size() <= bytes) continue;
    largest = file.path();
    bytes = file.file_size();
  }
  return largest;
}

// A closed store of 1,000 events of 2,000 bytes, all in table files.
void MakeFlushedStore(const std::string& directory) {
  const auto store = OpenStore(directory);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(AppendOne(*store, "a", 2000, false));
  ASSERT_TRUE(store->Backup(directory + ".flush"));  // which flushes
}

TEST(Crash, AFlippedByteInATableFileIsToldWithTopicAndOffset) {
  TemporaryFolder folder;
  MakeFlushedStore(folder / "data");
  const std::string table = LargestFile(folder / "data", "", ".sst");
  FlipByte(table, std::filesystem::file_size(table) / 2);
  std::vector<std::string> notices;
  {
    const auto store = OpenStore(folder / "data", &notices);
    const TopicId id = store->FindTopic("a")->id;
    const auto before = store->ReadRuns(id, Offset(0), 10 << 20);
    ASSERT_TRUE(before) << "what comes before the damage can be read";
    const Offset damaged = before->back()->end();
    EXPECT_GT(damaged, Offset(300));
    EXPECT_LT(damaged, Offset(700));
    const auto runs = store->ReadRuns(id, damaged, 10 << 20);
    ASSERT_FALSE(runs);
    EXPECT_EQ(runs.error().code, ErrorCode::kDataLoss);
    EXPECT_THAT(runs.error().message, HasSubstr("topic a"));
    EXPECT_THAT(runs.error().message, HasSubstr("postroad store check"));
    EXPECT_EQ(runs.error().metadata.at("offset"), std::to_string(damaged.value()));
    EXPECT_TRUE(store->ReadRuns(id, Offset(990), 10'000)) << "and what comes behind it";
    EXPECT_FALSE(store->ReadRuns(id, damaged, 10 << 20));
  }
  ASSERT_EQ(notices.size(), 1u) << "the log is told, though not each time";
  EXPECT_THAT(notices[0], HasSubstr("postroad store check"));
  const auto report = CheckRocksStore(folder / "data");
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->problems.empty());
}

// What is wrong with a topic's first run is told like any other: its name comes from the runs
// behind it, or from the list of topics where there are none.
TEST(Crash, ADamageInTheFirstRunIsToldWithTopicAndOffset) {
  TemporaryFolder folder;
  MakeFlushedStore(folder / "data");
  {
    const auto store = OpenStore(folder / "data");
    ASSERT_TRUE(AppendOne(*store, "whole", 2000, false));
    ASSERT_TRUE(store->Backup(folder / "second"));  // which flushes
  }
  FlipByte(LargestFile(folder / "data", "", ".sst"), 100);
  const auto store = OpenStore(folder / "data");
  const auto topic = store->FindTopic("a");
  const auto expect_told = [](const Error& error) {
    EXPECT_EQ(error.code, ErrorCode::kDataLoss);
    EXPECT_THAT(error.message, HasSubstr("topic a: the run at offset 0 "));
    EXPECT_THAT(error.message, HasSubstr("postroad store check"));
  };
  ASSERT_FALSE(topic);
  expect_told(topic.error());
  const auto listed = store->ListTopics("", "", 10, false);
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 2u);
  const auto runs = store->ReadRuns(listed->front().id, Offset(0), 10 << 20);
  ASSERT_FALSE(runs);
  expect_told(runs.error());
  EXPECT_TRUE(store->ReadRuns(listed->front().id, Offset(100), 10'000)) << "what comes behind it";
  EXPECT_TRUE(AppendOne(*store, "whole")) << "other topics go on";
  const auto appended = AppendOne(*store, "a");
  ASSERT_TRUE(appended) << "and so does this one, whose end can be read";
  EXPECT_EQ(appended->first, Offset(1000));
}

TEST(Crash, ATruncatedTableFileRefusesToStart) {
  TemporaryFolder folder;
  MakeFlushedStore(folder / "data");
  const std::string table = LargestFile(folder / "data", "", ".sst");
  std::filesystem::resize_file(table, std::filesystem::file_size(table) / 2);
  const auto store = OpenRocksStore({.directory = folder / "data"});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().reason, "STORE_CORRUPT");
}

TEST(Crash, ADamagedManifestRefusesToStart) {
  TemporaryFolder folder;
  MakeFlushedStore(folder / "data");
  const std::string manifest = LargestFile(folder / "data", "MANIFEST", "");
  FlipByte(manifest, std::filesystem::file_size(manifest) / 2);
  const auto store = OpenRocksStore({.directory = folder / "data"});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(store.error().reason, "STORE_CORRUPT");
}

TEST(Crash, ALostCurrentFileIsNotTakenForANewStore) {
  TemporaryFolder folder;
  MakeFlushedStore(folder / "data");
  for (const char* name : {"CURRENT", "FORMAT"}) {
    CopyFolder(folder / "data", folder / name);
    std::filesystem::remove(folder / name + "/" + name);
    const auto store = OpenRocksStore({.directory = folder / name});
    ASSERT_FALSE(store) << name;
    EXPECT_EQ(store.error().reason, "STORE_CORRUPT");
  }
}

TEST(Crash, ALaterFormatIsRefused) {
  TemporaryFolder folder;
  OpenStore(folder / "data");
  std::ofstream(folder / "data/FORMAT") << "postroad-store 2\n";
  const auto store = OpenRocksStore({.directory = folder / "data"});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_EQ(store.error().reason, "NEWER_FORMAT");
}

}  // namespace
}  // namespace postroad::store
