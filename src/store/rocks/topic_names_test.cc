// Names that may be topics': none that is one is denied, and few that are none are not.
#include "store/rocks/topic_names.h"

#include <atomic>
#include <thread>

#include "core/name_index.h"
#include "store/rocks/testing.h"

namespace postroad::store {
namespace {

std::string Name(uint64_t number) { return "some/topic/" + std::to_string(number); }
uint64_t HashOf(uint64_t number) { return HashOfName(Name(number)); }

// Over several layers: the first has room for 65,536.
TEST(NameFilter, HoldsAllAddedAndFewOthers) {
  constexpr uint64_t kNames = 500'000;
  NameFilter filter;
  EXPECT_FALSE(filter.MayHold(HashOf(0)));
  for (uint64_t i = 0; i < kNames; ++i) filter.Add(HashOf(i));
  uint64_t missing = 0, wrong = 0;
  for (uint64_t i = 0; i < kNames; ++i) {
    missing += !filter.MayHold(HashOf(i));
    wrong += filter.MayHold(HashOf(kNames + i));
  }
  EXPECT_EQ(missing, 0u);
  EXPECT_LT(wrong, kNames * 5 / 1000);
  EXPECT_LE(filter.bytes(), kNames * 16);
}

TEST(NameFilter, AddingANameAgainTakesNoRoom) {
  NameFilter filter;
  filter.Add(HashOf(0));
  const size_t bytes = filter.bytes();
  for (int i = 0; i < 200'000; ++i) filter.Add(HashOf(0));
  EXPECT_EQ(filter.bytes(), bytes);
}

TEST(NameFilter, IsAskedWhileItGrows) {
  constexpr uint64_t kNames = 200'000;
  NameFilter filter;
  std::atomic<uint64_t> added = 0;
  std::jthread adder([&] {
    for (uint64_t i = 0; i < kNames; ++i) {
      filter.Add(HashOf(i));
      added.store(i + 1, std::memory_order_release);
    }
  });
  uint64_t missing = 0;
  for (uint64_t i = 0; i < kNames; ++i) {
    while (added.load(std::memory_order_acquire) <= i) std::this_thread::yield();
    missing += !filter.MayHold(HashOf(i));
  }
  EXPECT_EQ(missing, 0u);
}

// While the names of a store that was opened are read, as well as after.
TEST(TopicNames, AStoredTopicIsFoundFromTheStart) {
  constexpr uint64_t kTopics = 50'000, kEvery = 997;
  TemporaryFolder folder;
  const std::string body = "b";
  {
    const auto store = OpenStore(folder / "data");
    std::vector<std::string> names;
    for (uint64_t i = 0; i < kTopics; ++i) names.push_back(Name(i));
    std::vector<RunToAppend> runs;
    for (const std::string& name : names) runs.push_back({name, 1, body, At(0)});
    ASSERT_TRUE(store->Append({.runs = runs}));
  }
  const auto store = OpenStore(folder / "data");
  for (uint64_t i = 0; i < kTopics; i += kEvery) {
    const auto placed = AppendOne(*store, Name(i));
    ASSERT_TRUE(placed);
    EXPECT_EQ(placed->topic, TopicId(i + 1));
    EXPECT_EQ(placed->first, Offset(1));
    EXPECT_TRUE(store->FindTopic(Name(i + 1)));
    const auto created = AppendOne(*store, Name(kTopics + i));
    ASSERT_TRUE(created);
    EXPECT_EQ(created->topic, TopicId(kTopics + 1 + i / kEvery));
    EXPECT_EQ(store->FindTopic(Name(kTopics + i))->next, Offset(1));
    EXPECT_EQ(store->FindTopic(Name(2 * kTopics + i)).error().code, ErrorCode::kNotFound);
  }
  EXPECT_EQ(store->Stats()->topics, kTopics + (kTopics + kEvery - 1) / kEvery);
}

}  // namespace
}  // namespace postroad::store
