#include "core/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace postroad {
namespace {

std::string Encode(uint32_t c) {
  std::string out;
  const auto put = [&out](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | c >> 6);
    put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3f));
    put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3f));
    put(0x80 | (c >> 6 & 0x3f));
    put(0x80 | (c & 0x3f));
  }
  return out;
}

TEST(Utf8Test, EveryCodePointButSurrogates) {
  for (uint32_t c = 0; c < 0x120000; ++c) {
    const bool valid = c < 0xd800 || (c > 0xdfff && c < 0x110000);
    ASSERT_EQ(IsValidUtf8(Encode(c)), valid) << std::hex << c;
  }
}

// All that can stand at the front of two bytes, and of three with a tail.
TEST(Utf8Test, EveryTwoBytes) {
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      const std::string text = {static_cast<char>(a), static_cast<char>(b)};
      const bool ascii = a < 0x80 && b < 0x80;
      const bool pair = a >= 0xc2 && a <= 0xdf && b >= 0x80 && b <= 0xbf;
      ASSERT_EQ(IsValidUtf8(text), ascii || pair) << a << " " << b;
    }
  }
}

TEST(Utf8Test, RefusesOverlongCutOffAndStrayBytes) {
  for (const char* text :
       {"\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xed\xa0\x80",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\x80", "\xc3", "\xe2\x82", "\xf0\x9f\x98",
        "\xe2\x28\xa1", "\xf0\x9f\x28\x80"}) {
    EXPECT_FALSE(IsValidUtf8(text)) << text;
  }
}

// The fast path must look at every byte, wherever it stands.
TEST(Utf8Test, OneBadByteAnywhere) {
  for (size_t length = 1; length < 70; ++length) {
    std::string text(length, 'x');
    ASSERT_TRUE(IsValidUtf8(text));
    for (size_t at = 0; at < length; ++at) {
      text[at] = '\xff';
      ASSERT_FALSE(IsValidUtf8(text)) << length << " " << at;
      text[at] = 'x';
      std::string good = text;
      good.insert(at, "€");
      ASSERT_TRUE(IsValidUtf8(good)) << length << " " << at;
    }
  }
}

TEST(Utf8Test, EmptyAndZeroBytesAreText) {
  EXPECT_TRUE(IsValidUtf8(""));
  EXPECT_TRUE(IsValidUtf8(std::string(40, '\0')));
}

TEST(Utf8Test, APrefixEndsWithACharacter) {
  EXPECT_EQ(Utf8Prefix("abc", 3), "abc");
  EXPECT_EQ(Utf8Prefix("abc", 2), "ab");
  EXPECT_EQ(Utf8Prefix("aé", 2), "a");
  EXPECT_EQ(Utf8Prefix("aé", 3), "aé");
  EXPECT_EQ(Utf8Prefix("€€", 5), "€");
  EXPECT_EQ(Utf8Prefix("😀", 3), "");
}

TEST(Utf8Test, BadBytesAreReplacedAndTheRestIsKept) {
  EXPECT_EQ(MendUtf8(""), "");
  EXPECT_EQ(MendUtf8("aé€😀"), "aé€😀");
  EXPECT_EQ(MendUtf8("a\xff"
                     "b\xc3"),
            "a\uFFFDb\uFFFD");
  EXPECT_EQ(MendUtf8("\xe2\x82é"), "\uFFFD\uFFFDé");
}

}  // namespace
}  // namespace postroad
