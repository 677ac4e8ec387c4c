// Page tokens that tell nothing: where a list was looked through as far as one call may, and what
// stands there is not for the caller to see.
#ifndef POSTROAD_BROKER_HIDDEN_POSITIONS_H_
#define POSTROAD_BROKER_HIDDEN_POSITIONS_H_

#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "broker/presence.h"
#include "core/error.h"

namespace postroad::broker {

// Thread-safe. Keeps the newest; in memory.
class HiddenPositions {
 public:
  explicit HiddenPositions(size_t most = 10'000) : most_(most) {}

  // "*" and random digits; no name, nor any token of another kind, begins so.
  std::string Hide(std::string position) {
    std::string token = "*" + IdText(RandomId());
    std::lock_guard lock(mutex_);
    positions_.emplace(token, std::move(position));
    order_.push_back(token);
    if (order_.size() > most_) {
      positions_.erase(order_.front());
      order_.pop_front();
    }
    return token;
  }
  // What any page token stands for. INVALID_ARGUMENT if it was hidden and is forgotten.
  Result<std::string> PositionOf(std::string_view token) const {
    if (!token.starts_with('*')) return std::string(token);
    std::lock_guard lock(mutex_);
    const auto found = positions_.find(std::string(token));
    if (found != positions_.end()) return found->second;
    return Invalid("page_token", "is no token of this server, or too old: begin again without it");
  }

 private:
  const size_t most_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::string> positions_;
  std::deque<std::string> order_;  // the oldest first
};

}  // namespace postroad::broker

#endif  // POSTROAD_BROKER_HIDDEN_POSITIONS_H_
