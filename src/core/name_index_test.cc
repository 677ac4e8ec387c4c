#include "core/name_index.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>

namespace postroad {
namespace {

TEST(NameIndex, EachNameHasItsNumberHoweverManyThereAre) {
  std::deque<std::string> names;
  NameIndex index;
  for (uint32_t i = 0; i < 10'000; ++i) {
    names.push_back("topic/" + std::to_string(i));
    const auto [number, added] = index.Add(names.back(), i);
    EXPECT_TRUE(added);
    EXPECT_EQ(number, i);
  }
  for (uint32_t i = 0; i < 10'000; ++i) {
    const auto [number, added] = index.Add(names[i], 77);
    EXPECT_FALSE(added);
    EXPECT_EQ(number, i);
  }
  index.Add(names[5], 0).number = 55;
  EXPECT_EQ(index.Add(names[5], 0).number, 55u);
}

}  // namespace
}  // namespace postroad
