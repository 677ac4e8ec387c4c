#include "core/base64.h"

#include <gtest/gtest.h>

#include <string>

namespace postroad {
namespace {

TEST(Base64, BothWays) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  for (size_t n = 0; n < all.size(); ++n) {
    std::string back;
    ASSERT_TRUE(FromBase64(Base64(all.substr(0, n)), back)) << n;
    EXPECT_EQ(back, all.substr(0, n));
  }
  EXPECT_EQ(Base64("light work."), "bGlnaHQgd29yay4=");
  std::string out;
  EXPECT_FALSE(FromBase64("abc", out));
  EXPECT_FALSE(FromBase64("ab=c", out));
  EXPECT_FALSE(FromBase64("ab!=", out));
  EXPECT_FALSE(FromBase64("ab==abcd", out));
}

}  // namespace
}  // namespace postroad
