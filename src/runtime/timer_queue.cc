// See timer_queue.h.
#include "runtime/timer_queue.h"

namespace postroad {

struct TimerQueue::Handle {
  Handle(std::weak_ptr<TimerQueue> queue, Key key) : queue(std::move(queue)), key(key) {}
  Handle(const Handle&) = delete;
  ~Handle() {
    if (const auto locked = queue.lock()) locked->Remove(key);
  }
  std::weak_ptr<TimerQueue> queue;
  Key key;
};

Executor::Timer TimerQueue::Add(MonotonicTime due, Task task, bool& first) {
  Key key;
  {
    std::lock_guard lock(mutex_);
    key = {due, added_++};
    const auto at = tasks_.emplace(key, std::move(task)).first;
    first = at == tasks_.begin();
  }
  return Executor::Timer(std::make_shared<Handle>(weak_from_this(), key));
}

std::optional<Task> TimerQueue::TakeDue(MonotonicTime now) {
  std::lock_guard lock(mutex_);
  if (tasks_.empty() || tasks_.begin()->first.first > now) return std::nullopt;
  return std::move(tasks_.extract(tasks_.begin()).mapped());
}

std::optional<MonotonicTime> TimerQueue::NextDue() const {
  std::lock_guard lock(mutex_);
  if (tasks_.empty()) return std::nullopt;
  return tasks_.begin()->first.first;
}

void TimerQueue::Clear() {
  std::map<Key, Task> tasks;
  std::lock_guard lock(mutex_);
  tasks.swap(tasks_);
}

void TimerQueue::Remove(const Key& key) {
  decltype(tasks_)::node_type node;  // destroyed after the lock is released
  std::lock_guard lock(mutex_);
  node = tasks_.extract(key);
}

}  // namespace postroad
