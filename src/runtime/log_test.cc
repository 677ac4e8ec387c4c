// What log lines look like.
#include "runtime/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "runtime/log_sink.h"

namespace postroad {
namespace {

using ::testing::MatchesRegex;

TEST(LogTest, TextQuotesWhatNeedsIt) {
  EXPECT_EQ(FormatLogEntry(LogFormat::kText, "listening",
                           {{"address", "127.0.0.1:7401"}, {"port", 7401}, {"tls", false}}),
            "listening address=127.0.0.1:7401 port=7401 tls=false");
  EXPECT_EQ(FormatLogEntry(LogFormat::kText, "x", {{"a", "two words"}, {"b", ""}, {"c", "q\"\\"}}),
            R"(x a="two words" b="" c="q\"\\")");
}

TEST(LogTest, AnEntryIsOneLineWhateverItHolds) {
  EXPECT_EQ(FormatLogEntry(LogFormat::kText, "a\nb", {{"k", "1\r\n2\x1b"}}),
            R"("a\nb" k="1\u000d\n2\u001b")");
  EXPECT_EQ(FormatLogEntry(LogFormat::kText, "x", {{"k", "\xff"}}), R"(x k="\u00ff")");
  EXPECT_EQ(FormatLogEntry(LogFormat::kText, "x", {{"k", "größe"}}), "x k=größe");
}

TEST(LogTest, JsonKeepsNumbersAndEscapes) {
  EXPECT_EQ(FormatLogEntry(LogFormat::kJson, "hi", {{"n", 3}, {"f", 1.5}, {"s", "a\"\n\xff"}}),
            R"("message":"hi","n":3,"f":1.5,"s":"a\"\n\u00ff")");
  EXPECT_EQ(FormatLogEntry(LogFormat::kJson, "hi", {{"yes", true}, {"no", false}, {"text", "1"}}),
            R"("message":"hi","yes":true,"no":false,"text":"1")");
  EXPECT_EQ(FormatLogEntry(LogFormat::kJson, "hi", {{"nan", std::nan("")}}),
            R"("message":"hi","nan":"nan")")
      << "JSON has no such number";
}

TEST(LogTest, WritesLinesOfTheConfiguredFormatToStandardError) {
  testing::internal::CaptureStderr();
  ConfigureLog(LogLevel::kWarn, LogFormat::kJson);
  LogInfo("not shown");
  LogWarn("shown", {{"n", 1}});
  ConfigureLog(LogLevel::kInfo, LogFormat::kText);
  LogDebug("not shown");
  LogError("failed", {{"why", "it did"}});
  const std::string out = testing::internal::GetCapturedStderr();
  EXPECT_THAT(out, MatchesRegex("\\{\"time\":\"....-..-..T..:..:..\\....Z\",\"level\":\"warning\","
                                "\"message\":\"shown\",\"n\":1\\}\n"
                                "....-..-..T..:..:..\\....Z error failed why=\"it did\"\n"));
}

TEST(LogTest, GoesToASinkInstead) {
  testing::internal::CaptureStderr();
  std::vector<std::pair<LogLevel, std::string>> lines;
  SetLogSink([&](LogLevel level, std::string_view line) { lines.emplace_back(level, line); });
  LogDebug("not shown");
  LogWarn("shown", {{"n", 1}});
  SetLogSink({});
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0], std::pair(LogLevel::kWarn, std::string("shown n=1")));
}

}  // namespace
}  // namespace postroad
