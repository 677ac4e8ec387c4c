// What the command line says when it cannot do what it is asked, and completion.
#include <gmock/gmock.h>

#include <algorithm>

#include "cli/shell.h"

namespace postroad::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class UsageTest : public CliTest {};

TEST_F(UsageTest, NoServerIsSaidInOneLineWithWhatToDo) {
  // Port 1 is reserved: nothing listens there.
  for (const char* command : {"post orders x", "tail orders", "subscribe s", "topics list"}) {
    ExpectError(
        shell_(std::string("$P ") + command + " --server 127.0.0.1:1"), 3,
        "cannot reach 127.0.0.1:1: connection refused; is the server running? start it with "
        "`postroad serve`, or name it with --server or POSTROAD_SERVER");
  }
  const Ended unix = shell_("$P topics list --server unix:$TMP/none");
  EXPECT_EQ(unix.code, 3);
  EXPECT_THAT(unix.output, HasSubstr("no such file or directory"));
}

TEST_F(UsageTest, MistypedCommandsAndOptions) {
  ExpectError(shell_("$P tial"), 2, "there is no command 'tial'; did you mean `postroad tail`?");
  ExpectError(shell_("$P topics lst"), 2,
              "there is no command 'topics lst'; did you mean `postroad topics list`?");
  const Ended option = shell_("$P topics list --frmo x");
  EXPECT_EQ(option.code, 2);
  EXPECT_THAT(option.output, StartsWith("postroad: "));
  EXPECT_THAT(option.output, HasSubstr("see `postroad topics list --help`"));
  EXPECT_EQ(shell_("$P").code, 2);
  EXPECT_EQ(shell_("$P topics list --output xml").code, 2);
  const Ended timeout = shell_("$P topics list --timeout soon");
  EXPECT_EQ(timeout.code, 2);
  EXPECT_THAT(timeout.output, StartsWith("postroad: --timeout: "));
}

TEST_F(UsageTest, HelpAndVersion) {
  EXPECT_THAT(shell_.Out("$P --version"), StartsWith("postroad "));
  for (const char* command :
       {"", "post", "tail", "subscribe", "topics", "subscriptions", "scheduled", "dead-letters",
        "receipts", "store", "bench", "completion"}) {
    EXPECT_THAT(shell_.Out(std::string("$P ") + command + " --help"), HasSubstr("Usage:"));
  }
}

TEST_F(UsageTest, AnOtherProtocolIsOneLineToo) {
  const Ended tls = shell_("$P post orders x --tls --timeout 1s");
  EXPECT_EQ(tls.code, 8);
  EXPECT_THAT(tls.output, StartsWith("postroad: not answered within 1s"));
  EXPECT_EQ(std::ranges::count(tls.output, '\n'), 1) << tls.output;
  // A listener that is no gRPC server; unary calls end at once.
  const Ended http = shell_("$P topics list --server " + server_->http());
  EXPECT_EQ(http.code, 3) << http.output;
  EXPECT_THAT(http.output, HasSubstr("one with TLS needs --tls or --ca"));
}

TEST_F(UsageTest, AKeyIsAskedForAndShown) {
  const ServerProcess server({.config =
                                  "[[keys]]\nname = \"shop\"\nkey = \"key-of-the-shop-0001\"\n"
                                  "post = [\"orders\"]\n"});
  const Shell shell(server.grpc());
  const Ended none = shell("$P post orders x");
  EXPECT_EQ(none.code, 5);
  EXPECT_THAT(none.output, HasSubstr("; give a key with --api-key or POSTROAD_API_KEY\n"));
  EXPECT_EQ(shell("$P post orders x --api-key key-of-the-shop-0001").code, 0);
  EXPECT_EQ(shell("POSTROAD_API_KEY=key-of-the-shop-0001 $P post stock x").code, 5);
}

TEST_F(UsageTest, BashCompletesCommandsAndOptions) {
  const auto complete = [&](const std::string& words, int at) {
    return shell_.Out("source <($P completion bash); COMP_WORDS=(" + words +
                      "); COMP_CWORD=" + std::to_string(at) + "; _postroad; echo ${COMPREPLY[@]}");
  };
  EXPECT_EQ(complete("postroad top", 1), "topics\n");
  EXPECT_EQ(complete("postroad topics ''", 2), "list show delete --help\n");
  EXPECT_EQ(complete("postroad topics list --lim", 3), "--limit\n");
  EXPECT_EQ(complete("postroad topics list --out", 3), "--output\n");
  EXPECT_EQ(complete("postroad tail --filter-", 2), "--filter-type --filter-key --filter-header\n");
  EXPECT_THAT(shell_.Out("$P completion zsh"), StartsWith("#compdef postroad\n"));
  EXPECT_THAT(
      shell_.Out("$P completion fish"),
      HasSubstr("complete -c postroad -n '__postroad_at \"postroad topics\"' -f -a 'list'"));
  EXPECT_EQ(shell_("$P completion tcsh").code, 2);
}

TEST_F(UsageTest, OnlyTheBenchPrintsMarkdown) {
  const Ended refused = shell_("$P topics list -o markdown");
  EXPECT_EQ(refused.code, 2);
  EXPECT_EQ(refused.output,
            "postroad: --output: only `postroad bench` prints markdown; use table or json\n");
}

TEST_F(UsageTest, TheBenchPrintsItsTable) {
  const std::string table =
      shell_.Out("env -u POSTROAD_SERVER $P bench --quick idle -o markdown 2>/dev/null");
  EXPECT_THAT(table,
              StartsWith("| what | measured | bare, in the same run | ratio | aim | reached |\n"));
  EXPECT_THAT(table, HasSubstr("server idle, nothing connected"));
  EXPECT_THAT(table, HasSubstr(" cores of "));
  const Ended unknown = shell_("$P bench post-straem");
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.output, HasSubstr("did you mean post-stream?"));
}

}  // namespace
}  // namespace postroad::testing
