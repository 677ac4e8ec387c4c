// See manual_clock.h.
#include "runtime/manual_clock.h"

#include <algorithm>
#include <utility>

namespace postroad {

Timestamp ManualClock::Now() const {
  std::lock_guard lock(mutex_);
  return now_;
}

MonotonicTime ManualClock::Monotonic() const {
  std::lock_guard lock(mutex_);
  return monotonic_;
}

void ManualClock::Advance(Duration by) {
  std::lock_guard lock(mutex_);
  now_ += by;
  monotonic_ += by;
}

void ManualClock::JumpWall(Duration by) {
  std::lock_guard lock(mutex_);
  now_ += by;
}

void ManualExecutor::Post(Task task) {
  std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
}

Executor::Timer ManualExecutor::PostAfter(Duration delay, Task task) {
  bool first = false;
  return timers_->Add(clock_.Monotonic() + std::max(delay, Duration::zero()), std::move(task),
                      first);
}

size_t ManualExecutor::RunUntilIdle() {
  size_t ran = 0;
  while (true) {
    std::vector<Task> batch;
    {
      std::lock_guard lock(mutex_);
      batch.swap(tasks_);
    }
    if (batch.empty()) {
      auto due = timers_->TakeDue(clock_.Monotonic());
      if (!due) return ran;
      batch.push_back(*std::move(due));
    }
    for (Task& task : batch) std::exchange(task, nullptr)();
    ran += batch.size();
  }
}

void ManualExecutor::Advance(Duration by) {
  const MonotonicTime end = clock_.Monotonic() + by;
  RunUntilIdle();
  while (true) {
    const auto due = timers_->NextDue();
    const MonotonicTime stop = due ? std::min(*due, end) : end;
    clock_.Advance(std::max(stop - clock_.Monotonic(), Duration::zero()));
    RunUntilIdle();
    if (clock_.Monotonic() >= end) return;
  }
}

}  // namespace postroad
