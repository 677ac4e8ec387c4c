#include "store/rocks/topic_cache.h"

#include <gtest/gtest.h>

namespace postroad::store {
namespace {

TopicState State(uint64_t id) { return {.id = TopicId(id), .next = Offset(id * 10)}; }
std::string Name(uint64_t id) { return "a/topic/of/some/length/" + std::to_string(id); }

TEST(TopicCacheTest, FindsTheNewestStateUntilItIsErased) {
  TopicCache cache(64);
  EXPECT_FALSE(cache.Find("a"));
  cache.Put("a", State(1));
  cache.Put("a", State(2));
  cache.Put("b", State(3));
  EXPECT_EQ(cache.size(), 2u);
  ASSERT_TRUE(cache.Find("a"));
  EXPECT_EQ(cache.Find("a")->next, Offset(20));
  cache.Erase("a");
  cache.Erase("never there");
  EXPECT_FALSE(cache.Find("a"));
  EXPECT_TRUE(cache.Find("b"));
  EXPECT_EQ(cache.size(), 1u);
}

TEST(TopicCacheTest, KeepsWhatIsUsedAndNoMoreThanItsCapacity) {
  TopicCache cache(64);
  cache.Put("busy", State(1'000'000));
  for (uint64_t id = 1; id <= 10'000; ++id) {
    cache.Put(Name(id), State(id));
    ASSERT_TRUE(cache.Find("busy"));
    ASSERT_EQ(cache.Find(Name(id))->id, TopicId(id));
  }
  EXPECT_EQ(cache.size(), 64u);
  EXPECT_FALSE(cache.Find(Name(1)));
}

}  // namespace
}  // namespace postroad::store
