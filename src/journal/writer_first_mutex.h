// A shared mutex on which readers, however many, cannot keep the writer waiting: glibc's own lets
// new readers in while a writer waits.
#ifndef POSTROAD_JOURNAL_WRITER_FIRST_MUTEX_H_
#define POSTROAD_JOURNAL_WRITER_FIRST_MUTEX_H_

#include <atomic>
#include <mutex>
#include <shared_mutex>

namespace postroad::journal {

// Meets SharedLockable; for few writers and many readers.
class WriterFirstMutex {
 public:
  void lock() {
    gate_.lock();
    waiting_.store(true, std::memory_order_relaxed);
    mutex_.lock();
    waiting_.store(false, std::memory_order_relaxed);
    gate_.unlock();
  }
  void unlock() { mutex_.unlock(); }

  void lock_shared() {
    // Stands behind a writer that waits, at the gate that it holds.
    if (waiting_.load(std::memory_order_relaxed)) std::lock_guard behind(gate_);
    mutex_.lock_shared();
  }
  void unlock_shared() { mutex_.unlock_shared(); }

 private:
  std::mutex gate_;
  std::atomic<bool> waiting_ = false;
  std::shared_mutex mutex_;
};

}  // namespace postroad::journal

#endif  // POSTROAD_JOURNAL_WRITER_FIRST_MUTEX_H_
