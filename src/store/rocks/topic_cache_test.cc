#include "store/rocks/topic_cache.h"

#include <gtest/gtest.h>

#include "core/name_index.h"

namespace postroad::store {
namespace {

TopicState State(uint64_t id) { return {.id = TopicId(id), .next = Offset(id * 10)}; }

class TopicCacheTest : public testing::Test {
 protected:
  std::optional<TopicState> Find(const std::string& name) {
    return cache_.Find(name, HashOfName(name));
  }
  void Put(const std::string& name, const TopicState& state) {
    cache_.Put(name, HashOfName(name), state);
  }
  void Erase(const std::string& name) { cache_.Erase(name, HashOfName(name)); }

  TopicCache cache_{64};
};

std::string Name(uint64_t id) { return "a/topic/of/some/length/" + std::to_string(id); }

TEST_F(TopicCacheTest, FindsTheNewestStateUntilItIsErased) {
  EXPECT_FALSE(Find("a"));
  Put("a", State(1));
  Put("a", State(2));
  Put("b", State(3));
  EXPECT_EQ(cache_.size(), 2u);
  ASSERT_TRUE(Find("a"));
  EXPECT_EQ(Find("a")->next, Offset(20));
  Erase("a");
  Erase("never there");
  EXPECT_FALSE(Find("a"));
  EXPECT_TRUE(Find("b"));
  EXPECT_EQ(cache_.size(), 1u);
}

TEST_F(TopicCacheTest, KeepsWhatIsUsedAndNoMoreThanItsCapacity) {
  Put("busy", State(1'000'000));
  for (uint64_t id = 1; id <= 10'000; ++id) {
    Put(Name(id), State(id));
    ASSERT_TRUE(Find("busy"));
    ASSERT_EQ(Find(Name(id))->id, TopicId(id));
  }
  EXPECT_EQ(cache_.size(), 64u);
  EXPECT_FALSE(Find(Name(1)));
}

}  // namespace
}  // namespace postroad::store
