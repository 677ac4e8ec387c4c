// Where work runs: executors (one thread each) and the pool of them, one a core.
#ifndef POSTROAD_RUNTIME_EXECUTOR_H_
#define POSTROAD_RUNTIME_EXECUTOR_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "core/time.h"

namespace postroad {

using Task = std::move_only_function<void()>;

// Runs tasks one after another, in the order posted, on one thread. State owned by an executor
// needs no lock. Thread-safe.
class Executor {
 public:
  // A pending PostAfter; cancels it when destroyed. Destroy it on its executor to be sure that the
  // task does not run afterwards. Movable; an empty one does nothing.
  class Timer {
   public:
    Timer() = default;
    explicit Timer(std::shared_ptr<void> impl) : impl_(std::move(impl)) {}
    void Cancel() { impl_.reset(); }
    explicit operator bool() const { return impl_ != nullptr; }

   private:
    std::shared_ptr<void> impl_;
  };

  virtual ~Executor() = default;
  // Runs `task` later on this executor, never inline. After Stop of the pool, tasks are destroyed
  // without running.
  virtual void Post(Task task) = 0;
  // Runs `task` on this executor once `delay` of monotonic time has gone by.
  [[nodiscard]] virtual Timer PostAfter(Duration delay, Task task) = 0;
  // Whether the caller is on this executor's thread.
  virtual bool RunsHere() const = 0;
};

// One executor a core, each an Asio io_context with its thread.
class CorePool {
 public:
  // `threads` 0 means one a core.
  explicit CorePool(unsigned threads);
  // Lends executors that outlive the pool and are driven by who made them (tests, with
  // ManualExecutor). Such a pool has no core().
  explicit CorePool(std::vector<Executor*> executors);
  ~CorePool();  // stops
  CorePool(const CorePool&) = delete;
  CorePool& operator=(const CorePool&) = delete;

  size_t size() const;
  Executor& at(size_t index);
  // The next in turn.
  Executor& Next();
  // The boost::asio::io_context of at(index), for those that include Asio (defined in
  // runtime/asio_executor.h).
  struct Core;
  Core& core(size_t index);
  // Lets the running tasks end, drops the others, joins the threads. Idempotent. Not from a task.
  void Stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace postroad

#endif  // POSTROAD_RUNTIME_EXECUTOR_H_
