// The journal: one group commit for all posts that wait, dedup, the hot tail that readers share,
// waiting readers, future-dated events, retention.
//
// Posts from any thread queue up (bounded in bytes); one committing thread takes all that wait,
// drops duplicates, appends one group to the store, makes it visible in the hot tail, wakes the
// readers that wait for it, and hands the completions to an executor. Nothing is visible before the
// store said it is durable.
#ifndef POSTROAD_JOURNAL_JOURNAL_H_
#define POSTROAD_JOURNAL_JOURNAL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/event.h"
#include "core/names.h"
#include "core/types.h"
#include "journal/topic_rules.h"
#include "runtime/clock.h"
#include "runtime/executor.h"
#include "runtime/metrics.h"
#include "store/store.h"

namespace postroad::journal {

using store::RunPtr;

struct JournalOptions {
  uint64_t max_pending_bytes = 64 << 20;   // posts not yet committed; more are refused
  uint64_t max_group_bytes = 4 << 20;      // of one group commit
  uint64_t hot_tail_bytes = 32 << 20;      // of recent runs kept in memory for readers
  uint64_t dedup_memory_bytes = 64 << 20;  // of fingerprints kept in memory
  Duration retention_interval = std::chrono::seconds(10);
  uint64_t max_scheduled = 10'000'000;  // future-dated events kept; more are refused
  TopicRules rules;
};

// Consecutive events of one topic, checked (CheckEvent, limits) and encoded by the caller.
struct Chunk {
  std::string topic;
  uint32_t count = 0;
  std::string body;  // `count` records as AppendToBody makes them
  // Of each event: EventFingerprint(topic, id) if it is to be checked for being a duplicate, 0 if
  // its id is new for sure (made here).
  std::vector<uint64_t> fingerprints;
};

// A future-dated event: appended to its topic when due.
struct FutureEvent {
  std::string topic;
  Timestamp due{};
  std::string record;  // EncodeRecord
  std::string id;
  std::vector<std::string> search_keys;
};

// Stored whole or not at all, in one commit.
struct Batch {
  std::vector<Chunk> chunks;
  std::vector<FutureEvent> future;
  std::vector<store::Mutation> mutations;  // of tables, in the same commit
  bool internal = false;  // by Postroad itself: not refused for memory or while draining
};

struct Duplicate {
  uint32_t index = 0;  // in the chunk
  Offset first;        // of the event stored first
  bool waits = false;  // that event waits in the schedule: it has no offset yet
};
struct ChunkResult {
  TopicId topic;
  // The chunk's events, duplicates left out, have the offsets first, first + 1, …
  Offset first;
  uint32_t stored = 0;
  std::vector<Duplicate> duplicates;  // by rising index
  Durability durability = Durability::kDisk;
};
struct FutureResult {
  bool duplicate = false;       // known already, not stored again
  std::optional<Offset> first;  // of a duplicate that is in its topic, and does not wait
};
struct BatchResult {
  std::vector<ChunkResult> chunks;
  std::vector<FutureResult> future;  // of each future event
};

using PostCompletion = std::move_only_function<void(Result<BatchResult>)>;

// What ReadTopic found. All of: an optional gap, then runs.
struct TopicRead {
  TopicId topic;
  // Events lost to retention before the first run: [gap_first, gap_end).
  std::optional<std::pair<Offset, Offset>> gap;
  std::vector<RunPtr> runs;  // in order; the first may begin before what was asked for
  Offset next;               // where to read on
  bool at_end = false;       // nothing is there yet from `next` on; where that is not known, false
};

// One run of the feed.
struct FeedRun {
  FeedPosition position;  // of the run's first event
  TopicId topic;
  std::shared_ptr<const std::string> topic_name;
  Offset first;
  uint32_t count = 0;
  RunPtr run;                  // null: a gap of this topic, [first, first + count), …
  bool topic_deleted = false;  // … gone with it, and not by retention
};
struct FeedRead {
  // Feed positions whose entries are gone, so that not even the topics are known.
  std::optional<std::pair<FeedPosition, FeedPosition>> gap;
  std::vector<FeedRun> runs;  // of topics that match; the first may begin before what was asked for
  FeedPosition next;          // where to read on; may move though no run matched
  bool at_end = false;        // nothing more is there yet
};

// A future-dated event as it waits.
struct Scheduled {
  std::string topic;
  std::string id;
  Timestamp due{};
  uint64_t sequence = 0;  // tells apart events of the same due time
  std::string record;
};
struct ScheduledQuery {  // all that are set must hold
  std::string topic;
  std::string id;
  std::string search_key;
  std::string after;  // page token of the page before
  size_t limit = 100;
};
struct ScheduledPage {
  std::vector<Scheduled> events;  // by due time
  std::string next;               // page token; empty at the end
};

// A wait, which fires once unless it is set again; cancels when destroyed (its task may still run
// once if it was posted already: tasks must check their own state).
class Wait {
 public:
  virtual ~Wait() = default;
};
using WaitPtr = std::unique_ptr<Wait>;

// Thread-safe, unless a call says otherwise.
class Journal {
 public:
  // Recovers (rebuilds dedup, loads the schedule's next due time) and starts the threads.
  // Completions run on `completions`. Errors: those of the store.
  static Result<std::unique_ptr<Journal>> Open(store::Store& store, JournalOptions options,
                                               Clock& clock, Executor& completions,
                                               Metrics& metrics);
  virtual ~Journal() = default;

  virtual Epoch epoch() const = 0;
  // The epoch that cursors of this topic carry. That of the store for disk topics. For memory
  // topics one of its own, which changes when the machine went down without a clean stop since
  // their last events were acknowledged: some may be lost and their offsets used again.
  virtual Epoch TopicEpoch(std::string_view topic) const = 0;
  // The epoch that cursors of the feed carry; changes when that of memory topics does, since the
  // feed names them too.
  virtual Epoch FeedEpoch() const = 0;
  virtual const TopicRules& rules() const = 0;

  // Queues the batch; `done` is called exactly once, on the completions executor, after it is
  // durable (as its topics' rules say) and visible. Errors: RESOURCE_EXHAUSTED reason OVERLOADED
  // (pending bytes at their limit), DISK_FULL; UNAVAILABLE reason DRAINING; the store's.
  virtual void Post(Batch batch, PostCompletion done) = 0;

  // NOT_FOUND if nothing was ever posted to it.
  virtual Result<store::TopicInfo> FindTopic(std::string_view name) = 0;

  // Reads from `from`: out of the hot tail if it is there, else from the store. Blocks on disk at
  // the worst. An empty read with no gap: nothing there yet. OUT_OF_RANGE if `from` is beyond next.
  virtual Result<TopicRead> ReadTopic(TopicId topic, Offset from, size_t max_bytes) = 0;
  // The same along the feed, for topics that `selector` matches.
  virtual Result<FeedRead> ReadFeed(FeedPosition from, const TopicSelector& selector,
                                    size_t max_bytes) = 0;
  virtual FeedPosition feed_end() const = 0;

  // Posts `task` to `executor` once the topic (also one that does not exist yet) has grown beyond
  // `from`; at once if it has. Waits on the same executor cost one hand-over together. `id` is the
  // topic's, where it is known (else TopicId()): it saves a look into the store.
  [[nodiscard]] virtual WaitPtr WaitForTopic(std::string_view topic, TopicId id, Offset from,
                                             Executor& executor, Task task) = 0;
  // The same for the feed: any commit at or beyond `from`.
  [[nodiscard]] virtual WaitPtr WaitForFeed(FeedPosition from, Executor& executor, Task task) = 0;
  // Sets such a wait again, with the task that it has: cheaper than a new one. `wait` is of
  // WaitForTopic, or of WaitForFeed, and may or may not have fired. `topic` and `id` as there.
  virtual void WaitAgain(Wait& wait, std::string_view topic, TopicId id, Offset from) = 0;
  virtual void WaitAgain(Wait& wait, FeedPosition from) = 0;

  // The offset of the event with this id, if it is within the dedup window, or its id is a UUIDv7
  // whose time leads to it, or it is among the topic's last events. NOT_FOUND otherwise.
  virtual Result<Offset> FindEvent(std::string_view topic, std::string_view id) = 0;

  virtual Result<ScheduledPage> ListScheduled(const ScheduledQuery& query) = 0;
  // Changes what is set, of one waiting event; durable on return. NOT_FOUND once it was delivered
  // or cancelled. `record` replaces the event's contents (same id and topic).
  virtual Status ChangeScheduled(std::string_view topic, std::string_view id,
                                 std::optional<Timestamp> due,
                                 std::optional<std::string> record) = 0;
  // Gives all that match this due time, or cancels them; durable on return; how many are changed.
  // At least one condition must be set. Up to 10,000 events (8 MiB) are changed in one commit, more
  // in several, by due time: after an error the earlier ones stay changed.
  virtual Result<uint64_t> Reschedule(const ScheduledQuery& query, Timestamp due) = 0;
  virtual Result<uint64_t> CancelScheduled(const ScheduledQuery& query) = 0;

  // Deletes a topic with its events, those that wait for their time too. NOT_FOUND if it has none.
  virtual Status DeleteTopic(std::string_view name) = 0;
  // Applies retention now, to everything (tests, `postroad topics trim`).
  virtual Status ApplyRetention() = 0;

  // Refuses new posts (not internal ones), commits what is queued.
  virtual void Drain() = 0;
  // Drains, joins the threads. Waits never fire after. Idempotent; the destructor calls it.
  virtual void Stop() = 0;
};

}  // namespace postroad::journal

#endif  // POSTROAD_JOURNAL_JOURNAL_H_
