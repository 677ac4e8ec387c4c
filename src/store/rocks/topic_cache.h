// The topics that were posted to lately, so that an append to one of them reads nothing.
#ifndef POSTROAD_STORE_ROCKS_TOPIC_CACHE_H_
#define POSTROAD_STORE_ROCKS_TOPIC_CACHE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/time.h"
#include "core/types.h"

namespace postroad::store {

// Where a topic's log ends.
struct TopicState {
  TopicId id;
  Timestamp created{};
  Offset next;         // the offset the next event will get
  uint64_t bytes = 0;  // body bytes of all runs so far, kept or not
};

// Keeps about the `capacity` most recently used: each name has its place in one set of a few, of
// which the least recently used goes. A list of all in order would cost a new topic, which is often
// used once and never again, several times as much. Holds what is committed and nothing else: only
// the appender puts, after its commit, so an entry is never older than what is stored. For one
// thread at a time, but for size().
class TopicCache {
 public:
  explicit TopicCache(size_t capacity) : sets_((capacity + kWays - 1) / kWays) {}

  // `hash`: HashOfName(name).
  std::optional<TopicState> Find(std::string_view name, uint64_t hash);
  void Put(std::string_view name, uint64_t hash, const TopicState& state);
  void Erase(std::string_view name, uint64_t hash);
  // Asks for the memory that Find, and Put, will look at first.
  void Prefetch(uint64_t hash) const;
  size_t size() const { return size_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kWays = 8;
  struct Item {
    std::string name;
    TopicState state;
  };
  struct Set {
    std::array<uint32_t, kWays> tags{};  // of the names' hashes
    std::array<uint64_t, kWays> used{};  // when; 0: nothing is there
    std::array<Item, kWays> items;
  };
  struct Place {
    std::unique_ptr<Set>& set;  // null until the first Put
    uint32_t tag;
    size_t way;  // kWays: the name is not there
  };

  Place Locate(std::string_view name, uint64_t hash);

  std::vector<std::unique_ptr<Set>> sets_;
  uint64_t clock_ = 0;
  std::atomic<size_t> size_ = 0;
};

}  // namespace postroad::store

#endif  // POSTROAD_STORE_ROCKS_TOPIC_CACHE_H_
