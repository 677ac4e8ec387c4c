// Lines out of pieces.
#include "gateway/http/line_buffer.h"

#include <gtest/gtest.h>

#include <vector>

namespace postroad::gateway {
namespace {

using Lines = std::vector<std::string>;

Lines Take(LineBuffer& buffer) {
  Lines lines;
  while (const auto line = buffer.Next()) lines.emplace_back(*line);
  return lines;
}

TEST(LineBufferTest, GivesWholeLinesHoweverTheyCome) {
  LineBuffer buffer;
  buffer.Append("a\nb\n\nc");
  EXPECT_EQ(Take(buffer), (Lines{"a", "b", ""}));
  EXPECT_EQ(buffer.rest(), "c");
  buffer.Append("d");
  EXPECT_EQ(Take(buffer), Lines());
  buffer.Append("\n");
  EXPECT_EQ(buffer.Next(), "cd");
  buffer.Append("e\nf");
  EXPECT_EQ(Take(buffer), Lines{"e"});
  EXPECT_EQ(buffer.rest(), "f");
  buffer.Clear();
  EXPECT_EQ(buffer.rest(), "");
  buffer.Append("g\n");
  EXPECT_EQ(Take(buffer), Lines{"g"});
}

// A line of 16 MiB in pieces of a byte would keep a core busy for hours if each looked at all.
TEST(LineBufferTest, LooksAtEachByteOnce) {
  LineBuffer buffer;
  constexpr uint64_t kPieces = 10'000;
  for (uint64_t i = 0; i < kPieces; ++i) {
    buffer.Append("xx");
    EXPECT_FALSE(buffer.Next());
  }
  EXPECT_EQ(buffer.looked_at(), 2 * kPieces);
  buffer.Append("\n");
  EXPECT_EQ(buffer.Next()->size(), 2 * kPieces);
  EXPECT_EQ(buffer.looked_at(), 2 * kPieces);
}

}  // namespace
}  // namespace postroad::gateway
