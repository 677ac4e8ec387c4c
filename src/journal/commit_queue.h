// The queue between those who post and the committing thread, bounded in bytes.
#ifndef POSTROAD_JOURNAL_COMMIT_QUEUE_H_
#define POSTROAD_JOURNAL_COMMIT_QUEUE_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "journal/journal.h"

namespace postroad::journal {

// A batch that waits for its commit.
struct Posted {
  Batch batch;
  PostCompletion done;
  uint64_t bytes = 0;  // that it holds of the queue's bound
  MonotonicTime posted_at{};
};

// Many threads push, one takes.
class CommitQueue {
 public:
  explicit CommitQueue(uint64_t max_bytes) : max_bytes_(max_bytes) {}

  // On an error `posted` is left as it was. RESOURCE_EXHAUSTED reason OVERLOADED, UNAVAILABLE
  // reason DRAINING.
  Status Push(Posted& posted);
  // Something to be run by the taking thread between commits; false once stopped.
  bool PushCommand(Task command);

  struct Work {
    std::vector<Posted> posts;
    std::vector<Task> commands;
    bool stopped = false;  // nothing came and nothing will
  };
  // Waits for work, at most until `until`, and takes what waits: batches up to `max_bytes`, at
  // least one if there is any.
  Work Take(uint64_t max_bytes, std::chrono::steady_clock::time_point until);
  // What was taken is settled: its bytes are free again.
  void Settled(uint64_t bytes);

  // Refuses batches that are not internal from now on.
  void Drain();
  // Waits until all that was pushed is settled.
  void WaitUntilEmpty();
  // Refuses everything from now on; what is queued is still to be taken.
  void Stop();

  uint64_t pending_bytes() const;

 private:
  const uint64_t max_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::condition_variable settled_;
  // All below guarded by mutex_.
  std::deque<Posted> posts_;
  std::vector<Task> commands_;
  uint64_t bytes_ = 0;  // queued or taken and not settled
  bool draining_ = false;
  bool stopped_ = false;
};

}  // namespace postroad::journal

#endif  // POSTROAD_JOURNAL_COMMIT_QUEUE_H_
