// Settings as the real program takes them: files, variables, flags, refusals.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/server_process.h"

namespace postroad::testing {
namespace {

using ::testing::HasSubstr;

class SettingsTest : public ::testing::Test {
 protected:
  std::string File(const std::string& text) {
    const std::string path = folder_ / "postroad.toml";
    WriteFile(path, text);
    return path;
  }
  TempFolder folder_;
};

TEST_F(SettingsTest, AnUnknownSettingStopsTheStart) {
  const std::string file = File("[store]\ndirektory = \"x\"\n");
  for (const std::string command : {"serve", "config"}) {
    std::vector<std::string> line = {PostroadProgram(), command};
    if (command == "config") line.push_back("check");
    line.insert(line.end(), {"--config", file});
    const Ended ended = RunProgram(line);
    EXPECT_EQ(ended.code, 2) << command;
    EXPECT_THAT(ended.output, HasSubstr(file + ":2:1: unknown setting `store.direktory`; did you "
                                               "mean `store.directory`?\n"));
  }
}

TEST_F(SettingsTest, AnUnknownFlagStopsTheStart) {
  const Ended ended = RunProgram({PostroadProgram(), "serve", "--store.direktory", "x"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.output, HasSubstr("--store.direktory: unknown setting; did you mean "
                                      "`--store.directory`?"));
}

TEST_F(SettingsTest, AFileThatIsNotThereStopsTheStart) {
  const Ended ended = RunProgram({PostroadProgram(), "serve", "--config", folder_ / "none.toml"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.output, HasSubstr("none.toml: cannot be read"));
}

TEST_F(SettingsTest, AFolderIsNoFile) {
  const Ended ended =
      RunProgram({PostroadProgram(), "config", "check", "--config", folder_.path()});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.output, HasSubstr(folder_.path() + ": cannot be read\n"));
}

TEST_F(SettingsTest, CheckLooksIntoTheFilesOfTls) {
  const std::string file = File("[tls]\ncertificate_file = \"" + (folder_ / "none.pem") +
                                "\"\nkey_file = \"" + (folder_ / "none.key") + "\"\n");
  const Ended ended = RunProgram({PostroadProgram(), "config", "check", "--config", file});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.output, HasSubstr("cannot read " + (folder_ / "none.pem")));
}

TEST_F(SettingsTest, OtherMachinesNeedTlsAndKeysOrInsecure) {
  const Ended refused =
      RunProgram({PostroadProgram(), "serve", "--data", folder_ / "data", "--listen", "0.0.0.0"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.output, HasSubstr("other machines can reach"));
  EXPECT_THAT(refused.output, HasSubstr("--insecure"));
  const ServerProcess allowed(
      {.flags = {"--listen.grpc", "0.0.0.0:0", "--listen.http", "0.0.0.0:0", "--insecure"}});
  EXPECT_TRUE(allowed.ready());
}

TEST_F(SettingsTest, ShowTellsValuesAndWhereTheyComeFrom) {
  const std::string file = File(
      "[log]\nlevel = \"warn\"\n[[keys]]\nname = \"a\"\nkey = \"0123456789abcdef\"\npost = "
      "[\"*\"]\n");
  const Ended ended =
      RunProgram({PostroadProgram(), "config", "show", "--config", file, "--data", "/d"},
                 {{"POSTROAD_SERVER_THREADS", "3"}});
  EXPECT_EQ(ended.code, 0);
  EXPECT_THAT(ended.output,
              ::testing::ContainsRegex("store.directory = \"/d\" +# --store.directory"));
  EXPECT_THAT(ended.output,
              ::testing::ContainsRegex("log.level = \"warn\" +# .*postroad.toml:2:1"));
  EXPECT_THAT(ended.output,
              ::testing::ContainsRegex("server.threads = 3 +# POSTROAD_SERVER_THREADS"));
  EXPECT_THAT(ended.output, ::testing::ContainsRegex("log.format = \"text\" +# default"));
  EXPECT_THAT(ended.output, HasSubstr("keys[0].key = (hidden)"));
  EXPECT_THAT(ended.output, ::testing::Not(HasSubstr("0123456789abcdef")));
}

TEST_F(SettingsTest, JsonLogsAreLinesOfJsonAndNothingElse) {
  ServerProcess server({.flags = {"--log.format", "json"}});
  ASSERT_TRUE(server.ready());
  const Ended ended = server.Stop();
  EXPECT_EQ(ended.code, 0);
  size_t begin = 0, lines = 0;
  while (begin < ended.output.size()) {
    const size_t end = ended.output.find('\n', begin);
    const std::string line = ended.output.substr(begin, end - begin);
    EXPECT_TRUE(line.starts_with("{\"time\":\"") && line.ends_with("}")) << line;
    begin = end + 1;
    ++lines;
  }
  EXPECT_GE(lines, 3u);
}

TEST_F(SettingsTest, TheMetricsDocumentIsWhatARunningServerDeclares) {
  const Ended ended = RunProgram({PostroadProgram(), "config", "metrics"});
  EXPECT_EQ(ended.code, 0);
  EXPECT_TRUE(ended.output == ReadFile(POSTROAD_SOURCE_DIR "/docs/metrics.md"))
      << "run: postroad config metrics > docs/metrics.md; it gives:\n"
      << ended.output;
}

}  // namespace
}  // namespace postroad::testing
