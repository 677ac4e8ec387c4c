// The contract of durable storage: a log of topics with one feed over them, and ordered tables for
// the state around it (schedule, subscriptions, dead letters, …).
#ifndef POSTROAD_STORE_STORE_H_
#define POSTROAD_STORE_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/time.h"
#include "core/types.h"

namespace postroad::store {

// A body (core/event.h) of one topic's events, to be appended. At most kMaxRunBytes of body, unless
// it is a single event.
inline constexpr size_t kMaxRunBytes = 64 << 10;

struct RunToAppend {
  std::string_view topic;
  uint32_t count = 0;  // events in `body`, at least 1
  std::string_view body;
  Timestamp stored_at{};  // see Placement::stored_at
};

// A run as it is stored. Owns its bytes; immutable, shared by all that read it.
struct Run {
  TopicId topic;
  Offset first;
  uint32_t count = 0;
  Timestamp stored_at{};
  uint64_t bytes_before = 0;  // body bytes of all the topic's runs before this one, kept or not
  std::string buffer;         // holds the body, and maybe more
  std::string_view body;      // views `buffer`

  Offset end() const { return first + count; }
};
using RunPtr = std::shared_ptr<const Run>;

// Ordered tables of byte strings beside the log. Their keys and values are their users' business
// (docs/formats/store.md lists them).
enum class Table {
  kSchedule,       // future-dated events
  kSubscriptions,  // definitions and settled-state
  kDeadLetters,
  kReceipts,
  kDedup,
  kMeta,
};

struct Mutation {
  enum class Kind { kPut, kDelete, kDeleteRange };
  Kind kind = Kind::kPut;
  Table table = Table::kMeta;
  std::string key;
  std::string value;  // kDeleteRange: the end of the range, exclusive
};

struct Entry {
  std::string key;
  std::string value;
};

struct AppendGroup {
  std::span<const RunToAppend> runs;
  std::span<const Mutation> mutations;
  // True: on return it survives power loss. False: it survives the process, not the machine.
  bool sync = true;
};

struct Placement {
  TopicId topic;
  Offset first;
  FeedPosition position;      // of the first event; the others follow it one by one
  uint64_t bytes_before = 0;  // as in Run
  // What the run is stored with: the latest `stored_at` of its group, or that of the commit before
  // it where a clock went back. So times never fall along the feed, nor along a topic.
  Timestamp stored_at{};
};

struct TopicInfo {
  TopicId id;
  std::string name;
  Timestamp created{};
  Offset first;        // the oldest event kept (== next if none is)
  Offset next;         // the offset the next event will get
  uint64_t bytes = 0;  // body bytes kept
};

// One run's entry in the feed. The feed outlives the runs it names: a run may be gone.
struct FeedEntry {
  FeedPosition position;  // of the run's first event
  TopicId topic;
  std::string topic_name;
  Offset first;
  uint32_t count = 0;
  Timestamp stored_at{};
};

struct FeedBounds {
  FeedPosition first;  // the oldest position whose entry is kept (== next if none is)
  FeedPosition next;
};

struct StoreStats {
  uint64_t disk_bytes = 0;       // on disk, all files
  uint64_t free_disk_bytes = 0;  // for this user, on the store's file system
  uint64_t topics = 0;
  FeedBounds feed;
  std::vector<std::pair<std::string, std::string>> details;  // engine's own, for people
};

// Thread-safe. Every call may block on disk. Errors of every call, besides those named:
// RESOURCE_EXHAUSTED reason DISK_FULL (nothing was stored; try again once there is room),
// DATA_LOSS (bytes fail their checksum), UNAVAILABLE (engine gone), INTERNAL.
class Store {
 public:
  virtual ~Store() = default;

  // The identity of this incarnation of the log; changes when a backup is restored.
  virtual Epoch epoch() const = 0;
  // Whether the store was closed in order before it was opened here (a new one was). If not,
  // appends and writes without sync may be missing, the last of them first.
  virtual bool clean_start() const = 0;

  // Appends all runs in their order and applies all mutations, atomically; creates topics that are
  // not there. Feed positions go on from ReadFeedBounds().next in the order of `runs`, without
  // holes. On return with sync, durable. Called by one thread at a time. On an error nothing is
  // visible and the offsets are not used. RESOURCE_EXHAUSTED reason DISK_FULL while the free space
  // is under the reserve.
  virtual Result<std::vector<Placement>> Append(const AppendGroup& group) = 0;
  // Mutations alone; any thread.
  virtual Status Write(std::span<const Mutation> mutations, bool sync) = 0;

  // NOT_FOUND if there is no such topic.
  virtual Result<TopicInfo> FindTopic(std::string_view name) = 0;
  virtual Result<TopicInfo> FindTopicById(TopicId id) = 0;
  // Topics in order of name, those after `after` that start with `prefix`, at most `limit`. Without
  // bounds (first, next, bytes) unless asked.
  virtual Result<std::vector<TopicInfo>> ListTopics(std::string_view after, std::string_view prefix,
                                                    size_t limit, bool with_bounds) = 0;
  // Deletes the topic, its runs and its offsets. A later post makes a new topic of that name, whose
  // id differs. NOT_FOUND.
  virtual Status DeleteTopic(std::string_view name) = 0;

  // Runs of the topic that hold `from` and what follows, in order: as many as fit `max_bytes` of
  // bodies, at least one if there is any. The first may begin before `from`, and after it where
  // retention took events. Empty if there is none, also for a topic that does not exist.
  virtual Result<std::vector<RunPtr>> ReadRuns(TopicId topic, Offset from, size_t max_bytes) = 0;
  // The topic's last run that begins at or before `offset`; NOT_FOUND.
  virtual Result<RunPtr> ReadRunAt(TopicId topic, Offset offset) = 0;
  // The offset of the first event stored at `time` or later; the topic's next if there is none.
  virtual Result<Offset> OffsetAtTime(TopicId topic, Timestamp time) = 0;

  virtual Result<FeedBounds> ReadFeedBounds() = 0;
  // Feed entries from the one that holds `from`, in order, at most `limit` (rounded up to whole
  // commits). The first may begin before `from`, or after it where the feed was trimmed.
  virtual Result<std::vector<FeedEntry>> ReadFeed(FeedPosition from, size_t limit) = 0;
  // The position of the first event stored at `time` or later; next if there is none.
  virtual Result<FeedPosition> PositionAtTime(Timestamp time) = 0;

  // Forgets the topic's events before `before` (whole runs only; the run that holds it stays) and
  // frees their disk space soon. Returns the topic's new first offset.
  virtual Result<Offset> TrimTopic(TopicId topic, Offset before) = 0;
  // The same for feed entries before `before` (whole commits).
  virtual Status TrimFeed(FeedPosition before) = 0;

  // The value, or nothing.
  virtual Result<std::optional<std::string>> Get(Table table, std::string_view key) = 0;
  // Entries with from <= key < to ("" = no end), at most `limit`, in order or in reverse.
  virtual Result<std::vector<Entry>> Scan(Table table, std::string_view from, std::string_view to,
                                          size_t limit, bool reverse = false) = 0;

  // A consistent copy of everything durable now, made beside the running store into `directory`,
  // which must not exist. ALREADY_EXISTS.
  virtual Status Backup(const std::string& directory) = 0;
  virtual Result<StoreStats> Stats() = 0;
};

}  // namespace postroad::store

#endif  // POSTROAD_STORE_STORE_H_
