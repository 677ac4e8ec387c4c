// Which streams are open, so that a newer one of the same client can end the older, and a drain or
// a topic's deletion can end those it concerns.
#ifndef POSTROAD_BROKER_STREAM_REGISTRY_H_
#define POSTROAD_BROKER_STREAM_REGISTRY_H_

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "core/error.h"
#include "journal/journal.h"
#include "runtime/executor.h"
#include "runtime/metrics.h"

namespace postroad::broker {

// The end of one stream, which anybody may bring about. Thread-safe; calls out under no lock.
class StreamControl {
 public:
  explicit StreamControl(std::string single_topic) : single_topic_(std::move(single_topic)) {}

  // Only the first reason counts.
  void End(Error reason);
  std::optional<Error> ended() const;
  const std::string& single_topic() const { return single_topic_; }

  // Posts `task` to `executor` when the stream ends; at once if it has.
  void OnEnded(Executor& executor, Task task);
  // A task that runs once each time it is set: when `Run` is called or the stream ends, whichever
  // is first.
  struct OneShot {
    Task task;
    bool set = true;
    void Run() {
      if (std::exchange(set, false)) task();
    }
  };
  // The latest one counts. Runs on `executor`.
  void SetWaiter(Executor& executor, std::weak_ptr<OneShot> waiter);

 private:
  const std::string single_topic_;
  mutable std::mutex mutex_;
  std::optional<Error> ended_;
  Executor* on_ended_executor_ = nullptr;
  Task on_ended_;
  Executor* waiter_executor_ = nullptr;
  std::weak_ptr<OneShot> waiter_;
};

// Thread-safe.
class StreamRegistry {
 public:
  explicit StreamRegistry(Metrics& metrics);

  // `client` identifies caller and client_id; empty: none. Ends the client's older stream.
  // UNAVAILABLE after EndAll.
  Status Add(const std::string& client, const std::shared_ptr<StreamControl>& control);
  // Leaves a newer stream of the same client alone.
  void Remove(const std::string& client, const std::shared_ptr<StreamControl>& control);
  void EndTopic(std::string_view topic);
  // Ends all, and refuses new ones.
  void EndAll(const Error& reason);
  size_t size() const;

 private:
  mutable std::mutex mutex_;
  std::optional<Error> closed_;
  std::unordered_set<std::shared_ptr<StreamControl>> open_;
  std::map<std::string, std::shared_ptr<StreamControl>> by_client_;
  Gauge& open_gauge_;
  Counter& replaced_;
};

}  // namespace postroad::broker

#endif  // POSTROAD_BROKER_STREAM_REGISTRY_H_
