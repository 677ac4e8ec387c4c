#include "core/time.h"

#include <gtest/gtest.h>

#include <random>

namespace postroad {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kNow{1'769'846'400s};  // 2026-01-31T08:00:00Z

TEST(TimeTest, FormatsAsManyDigitsAsItTakes) {
  EXPECT_EQ(FormatTime(kNow), "2026-01-31T08:00:00Z");
  EXPECT_EQ(FormatTime(kNow + 250ms), "2026-01-31T08:00:00.25Z");
  EXPECT_EQ(FormatTime(kNow + 1ns), "2026-01-31T08:00:00.000000001Z");
  EXPECT_EQ(FormatTime(kNow + 59s + 999'999'999ns), "2026-01-31T08:00:59.999999999Z");
  EXPECT_EQ(FormatTime(kEarliestTime), "1970-01-01T00:00:00Z");
  EXPECT_EQ(FormatTime(kLatestTime), "2200-01-01T00:00:00Z");
  EXPECT_EQ(FormatTime(FromNanos(-1)), "1969-12-31T23:59:59.999999999Z");
  EXPECT_EQ(FormatTime(Timestamp::min()), "1677-09-21T00:12:43.145224192Z");
  EXPECT_EQ(FormatTime(Timestamp::max()), "2262-04-11T23:47:16.854775807Z");
}

TEST(TimeTest, ParsesRfc3339) {
  const std::pair<std::string_view, Timestamp> kCases[] = {
      {"2026-01-31T08:00:00Z", kNow},
      {"2026-01-31t08:00:00z", kNow},
      {"2026-01-31 08:00:00Z", kNow},
      {"2026-01-31T10:00:00+02:00", kNow},
      {"2026-01-30T20:15:00-11:45", kNow},
      {"2026-01-31T08:00:00.5Z", kNow + 500ms},
      {"2026-01-31T08:00:00.1234567899Z", kNow + 123'456'789ns},
      {"2024-02-29T00:00:00Z", Timestamp(1'709'164'800s)},
      {"1970-01-01T00:00:00Z", kEarliestTime},
      {"1969-12-31T23:00:00-01:00", kEarliestTime},
      {"2199-12-31T23:59:59.999999999Z", kLatestTime - 1ns},
  };
  for (const auto& [text, time] : kCases) {
    const auto parsed = ParseTime(text, kNow);
    ASSERT_TRUE(parsed) << text << ": " << parsed.error().message;
    EXPECT_EQ(*parsed, time) << text;
  }
}

TEST(TimeTest, ParsesTimesRelativeToNow) {
  EXPECT_EQ(ParseTime("now", kNow), kNow);
  EXPECT_EQ(ParseTime("+5m", kNow), kNow + 5min);
  EXPECT_EQ(ParseTime("-1h", kNow), kNow - 1h);
  EXPECT_EQ(ParseTime("+1h30m", kNow), kNow + 90min);
}

TEST(TimeTest, RefusesWhatIsNoTimeOrOutOfRange) {
  for (const std::string_view text : {"",
                                      "tomorrow",
                                      "2026-01-31",
                                      "2026-01-31T08:00:00",
                                      "2026-02-29T00:00:00Z",
                                      "2026-13-01T00:00:00Z",
                                      "2026-01-00T00:00:00Z",
                                      "2026-01-31T24:00:00Z",
                                      "2026-01-31T08:60:00Z",
                                      "2026-01-31T08:00:60Z",
                                      "2026-01-31T08:00:00.Z",
                                      "2026-01-31T08:00:00+0200",
                                      "2026-01-31T08:00:00+24:00",
                                      "2026-01-31T08:00:00+02:60",
                                      "2026-01-31T08:00:00Zx",
                                      "2026-1-31T08:00:00Z",
                                      "26-01-31T08:00:00Z",
                                      "+",
                                      "-",
                                      "+5",
                                      "5m",
                                      "1969-12-31T23:59:59Z",
                                      "2200-01-01T00:00:00Z",
                                      "9999-12-31T23:59:59Z",
                                      "0000-01-01T00:00:00Z",
                                      "-100d-1",
                                      "-36500d",
                                      "NOW"}) {
    const auto parsed = ParseTime(text, kNow);
    EXPECT_FALSE(parsed) << text;
    if (!parsed) EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_FALSE(ParseTime("+36500d", Timestamp::max())) << "must not overflow";
  EXPECT_FALSE(ParseTime("-36500d", Timestamp::min())) << "must not overflow";
}

TEST(TimeTest, EveryTimeIsParsedBack) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    const auto t = FromNanos(static_cast<int64_t>(random() % ToNanos(kLatestTime)));
    ASSERT_EQ(ParseTime(FormatTime(t), kNow), t) << FormatTime(t);
  }
}

TEST(DurationTest, Formats) {
  EXPECT_EQ(FormatDuration(0s), "0s");
  EXPECT_EQ(FormatDuration(90min), "1h30m");
  EXPECT_EQ(FormatDuration(250ms), "250ms");
  EXPECT_EQ(FormatDuration(168h), "7d");
  EXPECT_EQ(FormatDuration(1s + 1ns), "1s1ns");
  EXPECT_EQ(FormatDuration(-5s), "-5s");
  EXPECT_EQ(FormatDuration(Duration::min()), "-106751d23h47m16s854ms775us808ns");
}

TEST(DurationTest, Parses) {
  const std::pair<std::string_view, Duration> kCases[] = {
      {"0", 0s},        {"0s", 0s},           {"1h30m", 90min},
      {"250ms", 250ms}, {"7d", 168h},         {"1.5s", 1500ms},
      {".5s", 500ms},   {"1.s", 1s},          {"100us", 100us},
      {"7ns", 7ns},     {"0.25us", 250ns},    {"1m1m", 2min},
      {"1s1h", 3601s},  {"36525d", 876'600h}, {"1.000000001s", 1s + 1ns},
  };
  for (const auto& [text, duration] : kCases) {
    const auto parsed = ParseDuration(text);
    ASSERT_TRUE(parsed) << text << ": " << parsed.error().message;
    EXPECT_EQ(*parsed, duration) << text;
  }
}

TEST(DurationTest, Refuses) {
  for (const std::string_view text :
       {"", "5", "s", "h5", "-5s", "+5s", "1 h", "5x", "5S", "1h30", ".s", "1..5s", "0.5ns",
        "36526d", "99999999999999999999999999d", "1.00000000000000000000000000001s", "00",
        "1e3s"}) {
    const auto parsed = ParseDuration(text);
    EXPECT_FALSE(parsed) << text;
    if (!parsed) EXPECT_EQ(parsed.error().reason, "BAD_DURATION") << text;
  }
}

TEST(DurationTest, EveryDurationIsParsedBack) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 20'000; ++i) {
    const Duration d(static_cast<int64_t>(random() >> (1 + random() % 63)) %
                     3'155'760'000'000'000'000);
    ASSERT_EQ(ParseDuration(FormatDuration(d)), d) << FormatDuration(d);
  }
}

}  // namespace
}  // namespace postroad
