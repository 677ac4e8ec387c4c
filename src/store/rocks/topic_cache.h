// The topics that were posted to lately, so that an append to one of them reads nothing.
#ifndef POSTROAD_STORE_ROCKS_TOPIC_CACHE_H_
#define POSTROAD_STORE_ROCKS_TOPIC_CACHE_H_

#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

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

// Keeps the `capacity` most recently used. Holds what is committed and nothing else: only the
// appender puts, after its commit, so an entry is never older than what is stored. Thread-safe.
class TopicCache {
 public:
  explicit TopicCache(size_t capacity) : capacity_(capacity) {}

  std::optional<TopicState> Find(std::string_view name);
  void Put(std::string_view name, const TopicState& state);
  void Erase(std::string_view name);
  size_t size() const;

 private:
  struct Item {
    std::string name;
    TopicState state;
  };
  void ReplaceOldest(std::string_view name, const TopicState& state);

  const size_t capacity_;
  mutable std::mutex mutex_;
  std::list<Item> items_;  // most recently used first
  std::unordered_map<std::string_view, std::list<Item>::iterator> by_name_;  // views Item::name
};

}  // namespace postroad::store

#endif  // POSTROAD_STORE_ROCKS_TOPIC_CACHE_H_
