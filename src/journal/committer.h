// The committing thread: takes what waits, commits it as one group, makes it visible, wakes readers
// and hands over completions; appends future-dated events when due.
#ifndef POSTROAD_JOURNAL_COMMITTER_H_
#define POSTROAD_JOURNAL_COMMITTER_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "journal/commit_queue.h"
#include "journal/dedup_index.h"
#include "journal/event_lookup.h"
#include "journal/group_commit.h"
#include "journal/hot_tail.h"
#include "journal/journal.h"
#include "journal/journal_metrics.h"
#include "journal/memory_epoch.h"
#include "journal/schedule.h"
#include "journal/wait_registry.h"

namespace postroad::journal {

// What the committing thread works with; all outlive it.
struct CommitterParts {
  store::Store& store;
  const JournalOptions& options;
  Clock& clock;
  Executor& completions;
  CommitQueue& queue;
  HotTail& tail;
  WaitRegistry& waits;
  DedupIndex& dedup;
  EventLookup& lookup;
  Schedule& schedule;
  MemoryEpoch& memory_epoch;
  JournalMetrics& metrics;
};

class Committer {
 public:
  // `last_stored_at`: when the store's newest event was stored; time goes on from there.
  Committer(const CommitterParts& parts, Timestamp last_stored_at)
      : parts_(parts), last_stored_at_(ToNanos(last_stored_at)) {}
  ~Committer() { Join(); }

  void Start();
  // Waits for the thread, which ends once the queue is stopped and empty. Idempotent.
  void Join();

  // Writes the mutations that `plan` makes, durably, between two commits. Called by other threads;
  // waits. UNAVAILABLE once stopped.
  Status Change(const std::function<Status(std::vector<store::Mutation>&)>& plan);
  // Runs `work` between two commits; the same otherwise.
  Status RunBetween(const std::function<Status()>& work);

  // The time that the newest group carries; never goes back.
  Timestamp last_stored_at() const { return FromNanos(last_stored_at_.load()); }

 private:
  void Run();
  std::chrono::steady_clock::time_point NextLook() const;
  // Puts events that are due in front of `posts`, and says which.
  std::vector<ScheduledItem> TakeDue(std::vector<Posted>& posts);
  // A group that was committed, or failed, with all that it used. Who calls the completions frees
  // it too, since this thread has better to do.
  struct Done {
    std::vector<Posted> posts;
    std::unique_ptr<GroupCommit> group;  // views `posts`
    std::vector<Result<BatchResult>> results;
    HotTail::Garbage garbage;
  };

  void Commit(std::vector<Posted> posts, std::span<const ScheduledItem> due);
  Status TryCommit(Done& done, std::span<const ScheduledItem> due);
  Result<std::vector<store::Placement>> Store(GroupCommit& group, const GroupCommit::Write& write);
  HotTail::Garbage Publish(GroupCommit& group, std::span<const store::Placement> placements);
  void Complete(Done done);
  void Count(const GroupCommit& group);
  void SetGauges();
  Timestamp NextStoredAt();

  const CommitterParts parts_;
  std::atomic<int64_t> last_stored_at_;  // nanoseconds
  // After the store refused what was due: not again before this.
  MonotonicTime due_not_before_{};
  std::thread thread_;
};

}  // namespace postroad::journal

#endif  // POSTROAD_JOURNAL_COMMITTER_H_
