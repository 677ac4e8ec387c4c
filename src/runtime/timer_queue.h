// Tasks that wait for their time; what executors keep their timers in.
#ifndef POSTROAD_RUNTIME_TIMER_QUEUE_H_
#define POSTROAD_RUNTIME_TIMER_QUEUE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "core/time.h"
#include "runtime/executor.h"

namespace postroad {

// Thread-safe. Tasks are run and destroyed by its callers, never under its lock.
class TimerQueue : public std::enable_shared_from_this<TimerQueue> {
 public:
  // The handle removes the task when destroyed, from any thread, unless it was taken before. It may
  // outlive the queue. `first` is set to whether the task is now the next due.
  Executor::Timer Add(MonotonicTime due, Task task, bool& first);
  // The task that is due first, if it is due at `now`. Equal times come in the order added.
  std::optional<Task> TakeDue(MonotonicTime now);
  std::optional<MonotonicTime> NextDue() const;
  // Destroys all tasks.
  void Clear();

 private:
  using Key = std::pair<MonotonicTime, uint64_t>;
  struct Handle;
  void Remove(const Key& key);

  mutable std::mutex mutex_;
  std::map<Key, Task> tasks_;
  uint64_t added_ = 0;
};

}  // namespace postroad

#endif  // POSTROAD_RUNTIME_TIMER_QUEUE_H_
