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
    return;
  }
  if (items_.size() >= capacity_) {  // the least recently used makes room
    by_name_.erase(items_.back().name);
    items_.pop_back();
  }
  items_.push_front({std::string(name), state});
  by_name_.emplace(items_.front().name, items_.begin());
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
