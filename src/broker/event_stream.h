// Streams: a reader that holds its own place (the cursor) moving along one topic, or along the feed
// for several topics and patterns. Pull: nothing is read, and nothing kept, before it is asked for.
#ifndef POSTROAD_BROKER_EVENT_STREAM_H_
#define POSTROAD_BROKER_EVENT_STREAM_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/cursor.h"
#include "core/error.h"
#include "core/filter.h"
#include "core/names.h"
#include "core/types.h"
#include "journal/journal.h"
#include "runtime/executor.h"

namespace postroad::broker {

// Where a stream begins.
struct FromEnd {};  // only what is posted from now on
struct FromBeginning {};
struct FromCursor {
  std::string cursor;
};
struct FromLast {
  uint64_t events = 0;  // of all topics of the stream together; at most kMaxLast
};
struct FromTime {
  Timestamp time{};
};
struct FromOffset {
  Offset offset;  // one topic only
};
using StreamStart =
    std::variant<FromEnd, FromBeginning, FromCursor, FromLast, FromTime, FromOffset>;

inline constexpr uint64_t kMaxLast = 1'000'000;
inline constexpr size_t kMinBatchBytes = 4 << 10;
inline constexpr size_t kDefaultBatchBytes = 256 << 10;
inline constexpr size_t kMaxBatchBytes = 4 << 20;

struct StreamSpec {
  TopicSelector topics;
  StreamStart start;
  EventFilter filter;
  std::string client_id;     // a newer stream of this caller and id ends this one; empty: none
  bool stop_at_end = false;  // end where the topics ended when the stream was opened
  size_t max_batch_bytes = kDefaultBatchBytes;  // of records; one event alone may be larger
};

// Events of one topic out of one stored run.
struct StreamRun {
  std::shared_ptr<const std::string> topic;
  Offset first;  // of the first event
  uint32_t count = 0;
  std::vector<Offset> offsets;  // each event's, where the filter left some out; else empty
  // The events as a body (core/event.h), in one or more pieces, views of `owner`.
  std::vector<std::string_view> pieces;
  size_t bytes = 0;  // of all pieces
  journal::RunPtr owner;
  Timestamp stored_at{};
  std::optional<FeedPosition> position;  // of the first event; streams along the feed only
};

struct StreamGap {
  std::string topic;           // empty: not known which; first and end are feed positions
  uint64_t first = 0;          // the first one lost
  uint64_t end = 0;            // the first one kept
  bool topic_deleted = false;  // gone with the topic, and not by retention
};

struct EpochChange {
  Epoch before, now;
};

// What a reader is to be told at once, in this order.
struct StreamBatch {
  std::optional<EpochChange> epoch_changed;
  std::vector<StreamGap> gaps;
  std::vector<StreamRun> runs;
  Cursor cursor;  // where to go on after all of the above
  bool caught_up =
      false;         // once: everything that was there when the stream was opened has been given
  bool end = false;  // stop_at_end: there will be no more
  // Nothing was behind it when it was read: Next would say so, and WaitForMore misses nothing.
  bool at_end = false;
  // Nothing to tell: wait for more. The cursor may have moved (a filter, other topics).
  bool Empty() const {
    return !epoch_changed && gaps.empty() && runs.empty() && !caught_up && !end;
  }
};

// Used on one executor (it blocks on disk at the worst); ended from any thread by the broker.
// Must not outlive the broker.
class EventStream {
 public:
  virtual ~EventStream() = default;
  // What comes next. Once the stream was ended: why (ABORTED reason REPLACED, UNAVAILABLE reason
  // DRAINING). ABORTED reason TOPIC_DELETED; the store's errors.
  virtual Result<StreamBatch> Next() = 0;
  // Posts `task` to `executor` once Next may have more to say, its end included. One at a time.
  [[nodiscard]] virtual journal::WaitPtr WaitForMore(Executor& executor, Task task) = 0;
  // Sets the wait again, which is of WaitForMore and may or may not have fired, with the task that
  // it has: cheaper than a new one.
  virtual void WaitAgain(journal::Wait& wait) = 0;
  // Posts `task` to `executor` when the broker ends the stream, also while nobody waits. At most
  // once; set it right after opening.
  virtual void OnEnded(Executor& executor, Task task) = 0;
  // Where it is now.
  virtual postroad::Cursor Cursor() const = 0;
};

}  // namespace postroad::broker

#endif  // POSTROAD_BROKER_EVENT_STREAM_H_
