// `postroad tail` and `postroad topics`.
#include <gmock/gmock.h>
#include <unistd.h>

#include "cli/shell.h"

namespace postroad::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class TailTest : public CliTest {
 protected:
  // The payloads that `postroad tail <arguments> --no-follow` prints, with blanks between.
  std::string Payloads(const std::string& arguments) {
    return shell_.Out("$P tail " + arguments + " --no-follow | awk '{printf \"%s \", $NF}'");
  }
};

TEST_F(TailTest, BeginsWhereItIsTold) {
  shell_.Out("printf '0\\n1\\n2\\n3\\n4\\n' | $P post tail/from");
  EXPECT_EQ(Payloads("tail/from --from beginning"), "0 1 2 3 4 ");
  EXPECT_EQ(Payloads("tail/from --from last:2"), "3 4 ");
  EXPECT_EQ(Payloads("tail/from --from offset:3"), "3 4 ");
  EXPECT_EQ(Payloads("tail/from --from=-1h"), "0 1 2 3 4 ");
  EXPECT_EQ(Payloads("tail/from --from 2100-01-01T00:00:00Z"), "");
  EXPECT_EQ(Payloads("tail/from"), "");
  const std::string cursor = shell_.Out(
      "$P tail tail/from --from beginning -n 2 --cursors 2>&1 >/dev/null | sed 's/.*cursor://'");
  EXPECT_EQ(Payloads("tail/from --from cursor:" + cursor.substr(0, cursor.size() - 1)), "2 3 4 ");
}

TEST_F(TailTest, ATopicThatIsNotThereIsSaidWhereNothingIsAwaited) {
  const Ended ended = shell_("$P tail tail/none --no-follow");
  EXPECT_EQ(ended.code, 4);
  EXPECT_THAT(ended.output, HasSubstr("tail/none"));
  EXPECT_EQ(shell_("$P tail 'tail/none*' --no-follow").code, 0);
}

TEST_F(TailTest, EachEventHasItsCursorInJson) {
  shell_.Out("printf '0\\n1\\n2\\n' | $P post tail/cursors");
  const auto second = shell_.Json("$P tail tail/cursors --from offset:1 -n 1 --cursors");
  EXPECT_EQ(second.at("offset"), 1);
  EXPECT_EQ(Payloads("tail/cursors --from cursor:" + std::string(second.at("cursor").as_string())),
            "2 ");
}

TEST_F(TailTest, ACursorFileGoesOnWhereItEnded) {
  shell_.Out("printf '0\\n1\\n2\\n' | $P post tail/file");
  const std::string tail = "tail/file --from beginning --cursor-file $TMP/cursor";
  EXPECT_THAT(shell_.Out("$P tail " + tail + " -n 2"), HasSubstr("@1  1\n"));
  EXPECT_EQ(Payloads(tail), "2 ");
  EXPECT_EQ(Payloads(tail), "");
}

TEST_F(TailTest, FiltersAndPatterns) {
  shell_.Out(
      "$P post tail/p/a 1 --type order.paid -k k1; $P post tail/p/b 2 --type order.new -k k2 -H "
      "x=y; "
      "$P post tail/q 3 --type order.paid");
  EXPECT_EQ(Payloads("'tail/p/*' --from beginning"), "1 2 ");
  EXPECT_EQ(Payloads("'tail/p/*' tail/q --from beginning --filter-type order.paid"), "1 3 ");
  EXPECT_EQ(Payloads("'tail/*' --from beginning --filter-type 'order.n*'"), "2 ");
  EXPECT_EQ(Payloads("'tail/p/*' --from beginning --filter-key k1 --filter-key k9"), "1 ");
  EXPECT_EQ(Payloads("'tail/p/*' --from beginning --filter-header x=y"), "2 ");
}

TEST_F(TailTest, FollowsAndEndsCleanlyWhenInterrupted) {
  shell_.Out("$P post tail/follow 1");
  Process tail({PostroadProgram(), "tail", "tail/follow", "--from", "beginning"},
               shell_.Variables());
  ASSERT_TRUE(Eventually([&] { return tail.Output().contains("@0  1\n"); }));
  shell_.Out("$P post tail/follow 2");
  EXPECT_TRUE(Eventually([&] { return tail.Output().contains("@1  2\n"); }));
  tail.Signal(SIGINT);
  EXPECT_EQ(tail.Wait().code, 0);
}

TEST_F(TailTest, GoesOnOverALostConnectionAndSaysSo) {
  const TempFolder folder;  // an address that stays the same
  ServerProcess server({.flags = {"--listen.grpc", "unix:" + (folder / "socket")}});
  const Shell shell(server.grpc());
  shell.Out("$P post lost 1");
  Process tail({PostroadProgram(), "tail", "lost", "--from", "beginning"}, shell.Variables());
  ASSERT_TRUE(Eventually([&] { return tail.Output().contains("@0  1\n"); }));
  server.KillAndRestart();
  shell.Out("$P post lost 2");
  EXPECT_TRUE(Eventually([&] { return tail.Output().contains("@1  2\n"); }));
  EXPECT_THAT(tail.Output(), HasSubstr("postroad: lost " + server.grpc() + ", connecting again: "));
  EXPECT_THAT(tail.Output(), HasSubstr("postroad: connected to " + server.grpc() + " again\n"));
  tail.Signal(SIGINT);
  EXPECT_EQ(tail.Wait().code, 0);
}

TEST_F(TailTest, TerminalControlsDoNotGetThrough) {
  shell_.Out("$P post tail/escape $'\\e[31mred\\a'");
  EXPECT_THAT(shell_.Out("$P tail tail/escape --from beginning --no-follow"),
              HasSubstr("  \\x1b[31mred\\x07\n"));
}

TEST_F(TailTest, WhatRetentionTookIsSaidOnStandardError) {
  const ServerProcess server({.flags = {"--journal.retention_interval", "100ms"},
                              .config = "[[topics]]\npattern = \"short\"\nretention_count = 1\n"});
  const Shell shell(server.grpc());
  // Runs are what is removed: each post is one.
  shell.Out("for i in 0 1 2 3; do $P post short $i >/dev/null; done");
  ASSERT_TRUE(Eventually([&] {
    return shell("$P tail short --from offset:0 --no-follow 2>&1 >/dev/null").output ==
           "postroad: gap: short lost 0 to 2 to retention\n";
  })) << shell("$P tail short --from offset:0 --no-follow 2>&1").output;
  EXPECT_THAT(shell.Out("$P tail short --from offset:0 --no-follow 2>/dev/null"),
              HasSubstr("short@3  3\n"));
}

TEST_F(TailTest, BadPositionsAreExplained) {
  ExpectError(shell_("$P tail x --from yesterday"), 2,
              "--from: 'yesterday' is none of beginning, end, last:N, offset:N, cursor:…, a time "
              "(2026-01-31T08:00:00Z) or an age (-1h)");
  EXPECT_EQ(shell_("$P tail x --from cursor:nonsense").code, 2);
  EXPECT_EQ(shell_("$P tail 'a b'").code, 2);
  ExpectError(shell_("$P tail x --filter-header nonsense"), 2,
              "--filter-header: 'nonsense' is not of the form name=value");
}

TEST_F(TailTest, TopicsAreListedShownDeleted) {
  shell_.Out("printf 'a\\nb\\n' | $P post topics/one; $P post topics/two c");
  const auto listed = shell_.Json("$P topics list 'topics/*'");
  ASSERT_EQ(listed.as_array().size(), 2u);
  EXPECT_EQ(listed.as_array()[0].at("name"), "topics/one");
  EXPECT_EQ(listed.as_array()[0].at("events"), 2);
  EXPECT_EQ(shell_.Json("$P topics list 'topics/*' --limit 1").as_array().size(), 1u);
  EXPECT_THAT(shell_.Out("$P topics list"), HasSubstr("TOPIC"));
  EXPECT_EQ(shell_.Json("$P topics show topics/two").at("next_offset"), 1);
  EXPECT_THAT(shell_.Out("$P topics show topics/two"), HasSubstr("dedup window   10m\n"));
  shell_.Out("$P topics delete topics/one");
  EXPECT_THAT(shell_.Out("$P topics list"), Not(HasSubstr("topics/one")));
  const Ended missing = shell_("$P topics show topics/one");
  EXPECT_EQ(missing.code, 4);
  EXPECT_THAT(missing.output, HasSubstr("topics/one"));
}

// A machine that went down, by another boot id that only the server sees.
TEST_F(TailTest, WhatAMemoryTopicMayHaveLostInACrashIsSaid) {
  const TempFolder folder;
  const std::string boot_id = folder / "boot_id";
  WriteFile(boot_id, "first\n");
  const std::string mount = "mount --bind " + boot_id + " /proc/sys/kernel/random/boot_id";
  std::vector<std::string> prefix = {"unshare", "--mount", "sh", "-c"};
  if (geteuid() != 0) prefix.insert(prefix.begin() + 1, "--map-root-user");
  std::vector<std::string> attempt = prefix;
  attempt.push_back(mount);
  if (RunProgram(attempt).code != 0) GTEST_SKIP() << "this user may not mount";
  prefix.insert(prefix.end(), {mount + " && exec \"$@\"", "sh"});
  ServerProcess server({.flags = {"--listen.grpc", "unix:" + (folder / "socket")},
                        .config = "[[topics]]\npattern = \"memory\"\ndurability = \"memory\"\n",
                        .prefix = prefix});
  ASSERT_TRUE(server.ready());
  const Shell shell(server.grpc());
  shell.Out("printf '0\\n1\\n' | $P post memory");
  const std::string tail =
      "$P tail memory --no-follow --from cursor:" +
      std::string(
          shell.Json("$P tail memory --from offset:0 -n 1 --cursors").at("cursor").as_string());
  server.KillAndRestart();
  EXPECT_THAT(shell.Out(tail + " 2>&1"), Not(HasSubstr("epoch"))) << "the process alone died";
  WriteFile(boot_id, "second\n");
  server.KillAndRestart();
  const std::string after = shell.Out(tail + " 2>&1");
  EXPECT_THAT(after, HasSubstr("postroad: epoch changed from "));
  EXPECT_THAT(after, HasSubstr("memory@0  0\n")) << "from the oldest that is left";
}

}  // namespace
}  // namespace postroad::testing
