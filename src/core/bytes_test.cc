#include "core/bytes.h"

#include <gtest/gtest.h>

namespace postroad {
namespace {

TEST(BytesTest, BigEndianSortsAsTheNumbersDo) {
  std::string small;
  std::string large;
  PutBig64(small, 0xff);
  PutBig64(large, 0x100);
  EXPECT_EQ(small, std::string("\0\0\0\0\0\0\0\xff", 8));
  EXPECT_LT(small, large);
  EXPECT_EQ(GetBig64(large.data()), 0x100u);
  std::string four;
  PutBig32(four, 0x01020304);
  EXPECT_EQ(four, "\x01\x02\x03\x04");
  EXPECT_EQ(GetBig32(four.data()), 0x01020304u);
}

TEST(BytesTest, VarintsRoundTripAndSayTheirSize) {
  for (int bit = 0; bit < 64; ++bit) {
    for (const uint64_t v : {(uint64_t{1} << bit) - 1, uint64_t{1} << bit}) {
      std::string bytes;
      PutVarint(bytes, v);
      EXPECT_EQ(bytes.size(), VarintSize(v)) << v;
      std::string_view in = bytes;
      EXPECT_EQ(TakeVarint(in), v);
      EXPECT_TRUE(in.empty());
      in = std::string_view(bytes).substr(0, bytes.size() - 1);
      EXPECT_EQ(TakeVarint(in), std::nullopt);
      EXPECT_EQ(in.size(), bytes.size() - 1) << "a varint that is cut off stays where it is";
    }
  }
  std::string_view endless("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  EXPECT_EQ(TakeVarint(endless), std::nullopt);
}

}  // namespace
}  // namespace postroad
