// A clock that tests turn by hand, and an executor whose timers follow it.
#ifndef POSTROAD_RUNTIME_MANUAL_CLOCK_H_
#define POSTROAD_RUNTIME_MANUAL_CLOCK_H_

#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/clock.h"
#include "runtime/executor.h"
#include "runtime/timer_queue.h"

namespace postroad {

// Stands still until told otherwise. Thread-safe.
class ManualClock final : public Clock {
 public:
  // 2026-01-01T00:00:00Z unless given.
  explicit ManualClock(Timestamp now = FromNanos(1'767'225'600'000'000'000)) : now_(now) {}

  Timestamp Now() const override;
  MonotonicTime Monotonic() const override;

  // Moves both times on. Runs nothing: see ManualExecutor::Advance.
  void Advance(Duration by);
  // Moves the wall clock alone, either way, as a correction by NTP or by hand does.
  void JumpWall(Duration by);

 private:
  mutable std::mutex mutex_;
  Timestamp now_;
  MonotonicTime monotonic_{std::chrono::hours(1)};
};

// Runs its tasks on the thread that made it, when that thread says so. Post and PostAfter from any
// thread; everything else on the thread that made it.
class ManualExecutor final : public Executor {
 public:
  explicit ManualExecutor(ManualClock& clock) : clock_(clock) {}

  void Post(Task task) override;
  [[nodiscard]] Timer PostAfter(Duration delay, Task task) override;
  bool RunsHere() const override { return std::this_thread::get_id() == thread_; }

  // Runs what is posted and due, and what that posts, until nothing is left. How many tasks ran.
  size_t RunUntilIdle();
  // Moves the clock on by `by`, stopping at each timer on the way to run it at its time.
  void Advance(Duration by);

 private:
  ManualClock& clock_;
  const std::thread::id thread_ = std::this_thread::get_id();
  const std::shared_ptr<TimerQueue> timers_ = std::make_shared<TimerQueue>();
  std::mutex mutex_;
  std::vector<Task> tasks_;
};

}  // namespace postroad

#endif  // POSTROAD_RUNTIME_MANUAL_CLOCK_H_
