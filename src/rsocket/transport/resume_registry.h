// Sessions that can be resumed, by their token: where they live, and over which connection.
#ifndef POSTROAD_RSOCKET_TRANSPORT_RESUME_REGISTRY_H_
#define POSTROAD_RSOCKET_TRANSPORT_RESUME_REGISTRY_H_

#include <algorithm>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "rsocket/session/session.h"

namespace postroad::rsocket {

// Thread-safe. Sessions themselves are touched on their core only.
class ResumeRegistry {
 public:
  // False if a session with this token lives.
  bool Add(const std::string& token, const std::shared_ptr<Session>& session, size_t core) {
    const std::lock_guard lock(mutex_);
    if (entries_.size() >= sweep_at_) {
      std::erase_if(entries_, [](const auto& one) { return one.second.session.expired(); });
      sweep_at_ = std::max(kLeastSweep, 2 * entries_.size());
    }
    Entry& entry = entries_[token];
    if (!entry.session.expired()) return false;
    entry = {session, core};
    return true;
  }
  // The core of the session; nothing if there is none.
  std::optional<size_t> CoreOf(const std::string& token) const {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(token);
    if (found == entries_.end() || found->second.session.expired()) return std::nullopt;
    return found->second.core;
  }
  // To be used on its core.
  std::shared_ptr<Session> Find(const std::string& token) const {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(token);
    return found == entries_.end() ? nullptr : found->second.session.lock();
  }
  void Remove(const std::string& token) {
    const std::lock_guard lock(mutex_);
    entries_.erase(token);
  }

 private:
  struct Entry {
    std::weak_ptr<Session> session;
    size_t core = 0;
  };
  static constexpr size_t kLeastSweep = 64;
  mutable std::mutex mutex_;
  // Entries of sessions that ended are removed when there are this many.
  size_t sweep_at_ = kLeastSweep;
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace postroad::rsocket

#endif  // POSTROAD_RSOCKET_TRANSPORT_RESUME_REGISTRY_H_
