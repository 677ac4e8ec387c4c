// The topics that were posted to lately.
#include "store/rocks/topic_cache.h"

#include <algorithm>

namespace postroad::store {

TopicCache::Place TopicCache::Locate(std::string_view name, uint64_t hash) {
  Place place{sets_[hash % sets_.size()], static_cast<uint32_t>(hash >> 32), 0};
  if (!place.set) {
    place.way = kWays;
    return place;
  }
  const Set& set = *place.set;
  for (; place.way < kWays; ++place.way) {
    if (set.tags[place.way] == place.tag && set.used[place.way] != 0 &&
        set.items[place.way].name == name) {
      break;
    }
  }
  return place;
}

std::optional<TopicState> TopicCache::Find(std::string_view name, uint64_t hash) {
  const Place place = Locate(name, hash);
  if (place.way == kWays) return std::nullopt;
  place.set->used[place.way] = ++clock_;
  return place.set->items[place.way].state;
}

void TopicCache::Put(std::string_view name, uint64_t hash, const TopicState& state) {
  Place place = Locate(name, hash);
  if (!place.set) place.set = std::make_unique<Set>();
  Set& set = *place.set;
  if (place.way == kWays) {
    place.way = static_cast<size_t>(std::ranges::min_element(set.used) - set.used.begin());
    size_ += set.used[place.way] == 0;
    set.tags[place.way] = place.tag;
    set.items[place.way].name.assign(name);
  }
  set.items[place.way].state = state;
  set.used[place.way] = ++clock_;
}

void TopicCache::Erase(std::string_view name, uint64_t hash) {
  const Place place = Locate(name, hash);
  if (place.way == kWays) return;
  place.set->used[place.way] = 0;
  --size_;
}

void TopicCache::Prefetch(uint64_t hash) const {
  const Set* set = sets_[hash % sets_.size()].get();
  if (set == nullptr) return;
  __builtin_prefetch(&set->tags);
  __builtin_prefetch(&set->used);
}

}  // namespace postroad::store
