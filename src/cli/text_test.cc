#include "cli/text.h"

#include <gtest/gtest.h>

namespace postroad::cli {
namespace {

TEST(Text, SizesHaveTheLargestUnitThatFits) {
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(1023), "1023 B");
  EXPECT_EQ(HumanBytes(1536), "1.5 KiB");
  EXPECT_EQ(HumanBytes(12ULL << 20), "12 MiB");
}

TEST(Text, CountsAreGrouped) {
  EXPECT_EQ(HumanCount(7), "7");
  EXPECT_EQ(HumanCount(1000), "1,000");
  EXPECT_EQ(HumanCount(1234567), "1,234,567");
}

TEST(Text, AgesLookBothWays) {
  const Timestamp now = FromNanos(1'000'000'000'000'000);
  EXPECT_EQ(HumanAge(now, now), "now");
  EXPECT_EQ(HumanAge(now - std::chrono::seconds(17), now), "17s");
  EXPECT_EQ(HumanAge(now - std::chrono::hours(72), now), "3d");
  EXPECT_EQ(HumanAge(now + std::chrono::minutes(5), now), "in 5m");
}

TEST(Text, NothingThatControlsTheTerminalGetsThrough) {
  EXPECT_EQ(Printable("a\x1b[31mb\n"), "a\\x1b[31mb\\n");
  EXPECT_EQ(Printable("\xC2\x9B"), "\\x9b");
  EXPECT_EQ(Printable("żółw"), "żółw");
  EXPECT_EQ(Printable("\xFF\xFE"), "(2 bytes of binary)");
}

TEST(Text, ShortenedCountsCharacters) {
  EXPECT_EQ(Shortened("żółw", 4), "żółw");
  EXPECT_EQ(Shortened("żółwie", 4), "żół…");
}

TEST(Text, ColumnsAlign) {
  Table table({{"NAME"}, {"EVENTS", Table::Align::kRight}});
  table.Row({"żółw", "7"});
  table.Row({"orders/eu", "1,000"});
  EXPECT_EQ(table.Render(),
            "NAME       EVENTS\n"
            "żółw            7\n"
            "orders/eu   1,000\n");
}

}  // namespace
}  // namespace postroad::cli
