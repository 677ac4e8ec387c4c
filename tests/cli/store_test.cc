// `postroad store`.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "cli/shell.h"

namespace postroad::testing {
namespace {

using ::testing::HasSubstr;

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(server_.ready()); }

  TempFolder folder_;
  ServerProcess server_{{.data = folder_ / "data"}};
  Shell shell_{server_.grpc()};
};

TEST_F(StoreTest, ABackupBecomesAServerWithAnotherEpoch) {
  shell_.Out("seq 1000 | $P post kept");
  const std::string cursor = shell_.Out(
      "$P tail kept --from beginning -n 10 --cursors 2>&1 >/dev/null | sed 's/.*cursor://' | tr -d "
      "'\\n'");
  const auto backup = shell_.Json("$P store backup " + (folder_ / "backup"));
  EXPECT_GT(backup.at("bytes").to_number<uint64_t>(), 1000u);
  EXPECT_EQ(shell_("$P store backup " + (folder_ / "backup")).code, 6);
  shell_.Out("$P post kept 'after the backup'");

  shell_.Out("$P store restore " + (folder_ / "backup") + " " + (folder_ / "restored"));
  EXPECT_EQ(shell_("$P store restore " + (folder_ / "backup") + " " + (folder_ / "restored")).code,
            6);
  EXPECT_EQ(shell_("$P store restore " + (folder_ / "none") + " " + (folder_ / "x")).code, 4);
  const auto checked = shell_.Json("$P store check " + (folder_ / "restored"));
  EXPECT_EQ(checked.at("events"), 1000);
  EXPECT_TRUE(checked.at("problems").as_array().empty());

  const ServerProcess restored({.data = folder_ / "restored"});
  ASSERT_TRUE(restored.ready());
  const Shell other(restored.grpc());
  EXPECT_EQ(other.Out("$P tail kept --from beginning --no-follow | sed 's/.*@[0-9]*  //'"),
            other.Out("seq 1000"));
  const std::string notices =
      other.Out("$P tail kept --from cursor:" + cursor + " --no-follow 2>&1 >/dev/null");
  EXPECT_THAT(notices, HasSubstr("postroad: epoch changed from "));
}

TEST_F(StoreTest, StatsOnlineAndOffline) {
  shell_.Out("seq 10 | $P post counted");
  const auto online = shell_.Json("$P store stats");
  EXPECT_EQ(online.at("feed_next"), 10);
  EXPECT_THAT(shell_.Out("$P store stats"), HasSubstr("feed"));
  const std::string data = folder_ / "data";
  const Ended open = shell_("$P store stats " + data);
  EXPECT_EQ(open.code, 6) << "while the server has it open: " << open.output;
  server_.Stop();
  const auto offline = shell_.Json("$P store stats " + data);
  EXPECT_EQ(offline.at("feed_next"), 10);
  EXPECT_EQ(offline.at("epoch"), online.at("epoch"));
  EXPECT_EQ(online.at("topics"), 1);
  EXPECT_EQ(offline.at("topics"), 1);
}

TEST_F(StoreTest, CheckFindsDamage) {
  shell_.Out("seq 100000 | $P post damaged");
  server_.Stop();
  const std::string data = folder_ / "data";
  EXPECT_THAT(shell_.Out("$P store check " + data), HasSubstr("all is well"));
  // Opening it once more writes the log's events into a table.
  size_t damaged = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(data)) {
    if (entry.path().extension() != ".sst") continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(entry.file_size() / 3));
    file << "damaged damaged damaged";
    ++damaged;
  }
  ASSERT_GT(damaged, 0u) << "a clean stop writes tables";
  const Ended ended = shell_("$P store check " + data);
  EXPECT_EQ(ended.code, 9) << ended.output;
  ExpectError(shell_("$P store check " + (folder_ / "none")), 4,
              (folder_ / "none") + " is no directory; name the one that holds the store");
}

}  // namespace
}  // namespace postroad::testing
