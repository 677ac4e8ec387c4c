// The topics that were posted to lately.
#include "store/rocks/topic_cache.h"

namespace postroad::store {

std::optional<TopicState> TopicCache::Find(std::string_view name) {
  std::lock_guard lock(mutex_);
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return std::nullopt;
  items_.splice(items_.begin(), items_, found->second);
  return found->second->state;
}

void TopicCache::Put(std::string_view name, const TopicState& state) {
  std::lock_guard lock(mutex_);
  if (const auto found = by_name_.find(name); found != by_name_.end()) {
    found->second->state = state;
    items_.splice(items_.begin(), items_, found->second);
  } else if (items_.size() < capacity_) {
    items_.push_front({std::string(name), state});
    by_name_.emplace(items_.front().name, items_.begin());
  } else {
    ReplaceOldest(name, state);
  }
}

// Reuses what the least recently used occupies.
void TopicCache::ReplaceOldest(std::string_view name, const TopicState& state) {
  const auto item = std::prev(items_.end());
  auto node = by_name_.extract(item->name);
  item->name.assign(name);
  item->state = state;
  items_.splice(items_.begin(), items_, item);
  node.key() = item->name;
  by_name_.insert(std::move(node));
}

void TopicCache::Erase(std::string_view name) {
  std::lock_guard lock(mutex_);
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return;
  const auto item = found->second;
  by_name_.erase(found);
  items_.erase(item);
}

size_t TopicCache::size() const {
  std::lock_guard lock(mutex_);
  return items_.size();
}

}  // namespace postroad::store
