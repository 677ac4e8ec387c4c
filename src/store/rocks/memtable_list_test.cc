#include "store/rocks/memtable_list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/bytes.h"

namespace postroad::store {
namespace {

// A list, and the memory of its nodes.
class TestList {
 public:
  // The internal key of this user key, and its sequence.
  static std::string Key(std::string user_key, uint64_t sequence) {
    for (int i = 0; i < 8; ++i) user_key.push_back(static_cast<char>(sequence >> (8 * i)));
    return user_key;
  }
  void Insert(const std::string& key) {
    const int height = list.RandomHeight();
    std::string entry;
    PutVarint(entry, key.size());
    entry += key;
    const size_t links = MemtableList::LinkBytes(height);
    auto& memory = memory_.emplace_back((links + entry.size()) / sizeof(void*) + 1);
    char* const bytes = reinterpret_cast<char*>(memory.data());
    MemtableList::Node* const node = MemtableList::Place(bytes, height);
    std::ranges::copy(entry, bytes + links);
    list.Insert(node, height);
  }
  MemtableList list;

 private:
  std::deque<std::vector<void*>> memory_;
};

std::vector<std::string> Keys(const MemtableList& list) {
  std::vector<std::string> keys;
  for (const auto* node = list.First(); node != nullptr; node = node->next()) {
    keys.emplace_back(node->key());
  }
  return keys;
}

std::string KeyOf(const MemtableList::Node* node) {
  return node == nullptr ? "none" : std::string(node->key());
}

TEST(MemtableListTest, OfTheSameUserKeyTheNewestComesFirst) {
  TestList test;
  const std::string old = TestList::Key("k", 1), young = TestList::Key("k", 300);
  const std::string before = TestList::Key("j", 2), longer = TestList::Key("k2", 400);
  for (const auto& key : {old, longer, young, before}) test.Insert(key);
  EXPECT_EQ(Keys(test.list), (std::vector<std::string>{before, young, old, longer}));
  // As a reader of a snapshot looks: the newest at or before a sequence.
  EXPECT_EQ(KeyOf(test.list.Seek(TestList::Key("k", 299))), old);
  EXPECT_EQ(KeyOf(test.list.Seek(TestList::Key("k", 300))), young);
}

TEST(MemtableListTest, AKeyMayBeLongerThanAByteCounts) {
  TestList test;
  const std::string key = TestList::Key(std::string(1000, 'x'), 1);
  test.Insert(key);
  EXPECT_EQ(KeyOf(test.list.Last()), key);
}

// What was inserted comes back in order, whatever the order of insertion: rising, falling, random,
// and in sorted batches as the names of new topics come.
TEST(MemtableListTest, IsSortedWhateverTheOrderOfInsertion) {
  std::mt19937_64 random(7);
  for (const int kind : {0, 1, 2, 3}) {
    TestList test;
    std::vector<std::string> keys;
    for (uint64_t i = 0; i < 3000; ++i) {
      const uint64_t number = kind == 0 ? i : kind == 1 ? 1'000'000 - i : random() % 1'000'000;
      std::string user_key;
      PutBig64(user_key, number);
      keys.push_back(TestList::Key(user_key, i));
    }
    for (size_t i = 0; kind == 3 && i < keys.size(); i += 100) {
      std::sort(keys.begin() + static_cast<ptrdiff_t>(i),
                keys.begin() + static_cast<ptrdiff_t>(i + 100));
    }
    for (const std::string& key : keys) test.Insert(key);
    std::ranges::sort(keys, [](const std::string& a, const std::string& b) {
      const int order = a.compare(0, 8, b, 0, 8);
      // The test's sequences are small, so that one byte after the other decides.
      return order != 0 ? order < 0
                        : std::string(a.rbegin(), a.rend()) > std::string(b.rbegin(), b.rend());
    });
    ASSERT_EQ(Keys(test.list), keys) << kind;
    EXPECT_EQ(KeyOf(test.list.Last()), keys.back());
    for (size_t i = 1; i < keys.size(); i += 97) {
      EXPECT_EQ(KeyOf(test.list.Seek(keys[i])), keys[i]);
      EXPECT_EQ(KeyOf(test.list.SeekBefore(keys[i])), keys[i - 1]);
      EXPECT_EQ(KeyOf(test.list.SeekForPrev(keys[i])), keys[i]);
      // Before all of its user key.
      const std::string first = TestList::Key(keys[i].substr(0, 8), 1ULL << 60);
      EXPECT_NE(KeyOf(test.list.SeekForPrev(first)), keys[i]);
    }
    EXPECT_EQ(test.list.SeekBefore(keys.front()), nullptr);
    EXPECT_EQ(test.list.Seek(TestList::Key(std::string(9, '\xff'), 1)), nullptr);
  }
}

TEST(MemtableListTest, AnEmptyListHasNoEnds) {
  const MemtableList list;
  EXPECT_EQ(list.First(), nullptr);
  EXPECT_EQ(list.Last(), nullptr);
  EXPECT_EQ(list.Seek(TestList::Key("a", 1)), nullptr);
  EXPECT_EQ(list.SeekForPrev(TestList::Key("a", 1)), nullptr);
}

// Readers find all that was inserted before they looked, whole and in order.
TEST(MemtableListTest, OthersReadWhileOneInserts) {
  constexpr uint64_t kKeys = 20'000;
  TestList test;
  std::atomic<uint64_t> inserted = 0;
  const auto key_of = [](uint64_t i) {
    std::string user_key;
    PutBig64(user_key, i * 7919 % kKeys);
    return TestList::Key(user_key, i);
  };
  std::thread reader([&] {
    for (uint64_t seen = 0; seen < kKeys;) {
      seen = inserted.load();
      if (seen == 0) continue;
      ASSERT_EQ(KeyOf(test.list.Seek(key_of(seen - 1))), key_of(seen - 1));
      uint64_t count = 0;
      std::string last;
      for (const auto* node = test.list.First(); node != nullptr && count < 500;
           node = node->next(), ++count) {
        ASSERT_LT(last, node->key().substr(0, 8));
        last = node->key().substr(0, 8);
      }
      ASSERT_GE(count, std::min<uint64_t>(seen, 500));
    }
  });
  for (uint64_t i = 0; i < kKeys; ++i) {
    test.Insert(key_of(i));
    inserted.store(i + 1);
  }
  reader.join();
}

}  // namespace
}  // namespace postroad::store
