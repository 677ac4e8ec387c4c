// Executors on Asio: a queue of tasks and one of timers a core, drained by its io_context.
#include "runtime/executor.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/asio_executor.h"
#include "runtime/log.h"
#include "runtime/timer_queue.h"

namespace postroad {
namespace {

namespace asio = boost::asio;

thread_local const Executor* current_executor = nullptr;

// All tasks that are posted while the core is busy cost one Asio handler together.
class CoreExecutor final : public Executor {
 public:
  explicit CoreExecutor(asio::io_context& io) : io_(io), wake_up_(io) {}

  void Post(Task task) override {
    {
      std::lock_guard lock(mutex_);
      if (stopped_) return;
      tasks_.push_back(std::move(task));
      if (std::exchange(drain_posted_, true)) return;
    }
    asio::post(io_, [this] { Drain(); });
  }

  Timer PostAfter(Duration delay, Task task) override {
    bool first = false;
    const MonotonicTime due = std::chrono::steady_clock::now() + std::max(delay, Duration::zero());
    Timer timer = timers_->Add(due, std::move(task), first);
    if (!first) return timer;
    if (RunsHere()) {
      Arm();
    } else {
      Post([this] { Arm(); });
    }
    return timer;
  }

  bool RunsHere() const override { return current_executor == this; }

  void Run() {
    current_executor = this;
    const auto work = asio::make_work_guard(io_);
    try {
      io_.run();
    } catch (const std::exception& thrown) {
      // A bug, which ends the process: what it was is to be found where the rest is.
      LogError("a task ended by an exception: the server ends", {{"what", thrown.what()}});
      throw;
    }
    current_executor = nullptr;
  }
  void RequestStop() {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    io_.stop();
  }
  // Once the thread is joined.
  void DropTasks() {
    std::vector<Task> dropped;
    {
      std::lock_guard lock(mutex_);
      dropped.swap(tasks_);
    }
    dropped.clear();
    timers_->Clear();
  }

 private:
  void Drain() {
    std::vector<Task> batch;
    {
      std::lock_guard lock(mutex_);
      batch.swap(tasks_);
      drain_posted_ = false;
    }
    for (Task& task : batch) {
      if (io_.stopped()) return;
      std::exchange(task, nullptr)();
    }
  }

  // Sets wake_up_ to the first timer. On this thread only.
  void Arm() {
    const auto due = timers_->NextDue();
    if (!due || (armed_for_ && *armed_for_ <= *due)) return;
    armed_for_ = due;
    wake_up_.expires_at(std::chrono::steady_clock::time_point(*due));
    wake_up_.async_wait([this](const boost::system::error_code& error) {
      if (!error) RunTimers();
    });
  }
  void RunTimers() {
    armed_for_.reset();
    const MonotonicTime now = std::chrono::steady_clock::now();
    while (auto task = timers_->TakeDue(now)) {
      (*task)();
      if (io_.stopped()) return;
    }
    Arm();
  }

  asio::io_context& io_;
  asio::steady_timer wake_up_;
  std::optional<MonotonicTime> armed_for_;
  const std::shared_ptr<TimerQueue> timers_ = std::make_shared<TimerQueue>();
  std::mutex mutex_;
  std::vector<Task> tasks_;
  bool drain_posted_ = false;
  bool stopped_ = false;
};

}  // namespace

struct CorePool::Impl {
  // Owned, when the pool has threads; the executors come after the contexts they use.
  std::vector<std::unique_ptr<Core>> cores;
  std::vector<std::unique_ptr<CoreExecutor>> owned;
  std::vector<std::thread> threads;
  std::vector<Executor*> executors;
  std::atomic<size_t> next = 0;
  std::mutex stop_mutex;
};

CorePool::CorePool(unsigned threads) : impl_(std::make_unique<Impl>()) {
  if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
  for (unsigned i = 0; i < threads; ++i) {
    impl_->cores.push_back(std::make_unique<Core>());
    impl_->owned.push_back(std::make_unique<CoreExecutor>(impl_->cores.back()->io));
    impl_->executors.push_back(impl_->owned.back().get());
  }
  for (unsigned i = 0; i < threads; ++i) {
    impl_->threads.emplace_back([executor = impl_->owned[i].get()] { executor->Run(); });
    pthread_setname_np(impl_->threads.back().native_handle(),
                       ("core-" + std::to_string(i)).c_str());
  }
}

CorePool::CorePool(std::vector<Executor*> executors) : impl_(std::make_unique<Impl>()) {
  impl_->executors = std::move(executors);
}

CorePool::~CorePool() { Stop(); }

size_t CorePool::size() const { return impl_->executors.size(); }
Executor& CorePool::at(size_t index) { return *impl_->executors[index]; }
Executor& CorePool::Next() {
  return at(impl_->next.fetch_add(1, std::memory_order_relaxed) % size());
}
CorePool::Core& CorePool::core(size_t index) { return *impl_->cores[index]; }

void CorePool::Stop() {
  std::lock_guard lock(impl_->stop_mutex);
  for (auto& executor : impl_->owned) executor->RequestStop();
  for (auto& thread : impl_->threads) thread.join();
  impl_->threads.clear();
  for (auto& executor : impl_->owned) executor->DropTasks();
}

}  // namespace postroad
