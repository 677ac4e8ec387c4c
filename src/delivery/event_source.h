// Where a subscription's events come from: one topic, counted by offsets, or the feed, counted by
// positions. Both give runs of events under sequence numbers.
#ifndef POSTROAD_DELIVERY_EVENT_SOURCE_H_
#define POSTROAD_DELIVERY_EVENT_SOURCE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "delivery/delivery.h"
#include "journal/journal.h"

namespace postroad::delivery {

// Events of one topic with sequence numbers that follow one by one.
struct SourceRun {
  uint64_t first = 0;  // sequence of the first record
  std::shared_ptr<const std::string> topic;
  Offset first_offset;
  Timestamp stored_at{};
  std::vector<std::string_view> records;
  journal::RunPtr owner;

  uint64_t end() const { return first + records.size(); }
};

struct Fetched {
  std::vector<SourceRun> runs;
  uint64_t next = 0;      // where to read on; may move though nothing matched
  uint64_t lost = 0;      // events taken by retention before they could be delivered
  uint64_t topic_id = 0;  // a subscription to one topic; 0: it does not exist yet
};

// Thread-safe as the journal is; blocks on disk at the worst.
class EventSource {
 public:
  virtual ~EventSource() = default;
  // What comes at `from` or later, about `max_bytes` of it; nothing if there is none yet.
  virtual Result<Fetched> Fetch(uint64_t from, size_t max_bytes) = 0;
  // The run that holds `sequence`, from there on; nothing if retention took it.
  virtual Result<std::optional<SourceRun>> At(uint64_t sequence) = 0;
  virtual journal::WaitPtr WaitBeyond(uint64_t from, Executor& executor, Task task) = 0;
  // The sequence that the next event will get.
  virtual Result<uint64_t> End() = 0;
  // Where a subscription with these settings begins.
  virtual Result<uint64_t> StartAt(Start start, Timestamp time, Offset offset) = 0;
  // The sequence of an event; nothing if it is not known any more.
  virtual Result<std::optional<uint64_t>> SequenceOf(std::string_view topic, Offset offset) = 0;
};

// Finds events one after another, reading each run once for the events of it that come in a row.
class EventFinder {
 public:
  explicit EventFinder(EventSource& source) : source_(source) {}
  // The run from an event at or before `sequence` on; null if retention took it. Valid until the
  // next call.
  Result<const SourceRun*> Find(uint64_t sequence);

 private:
  EventSource& source_;
  std::optional<SourceRun> last_;
};

std::unique_ptr<EventSource> MakeEventSource(journal::Journal& journal, store::Store& store,
                                             const TopicSelector& topics);

}  // namespace postroad::delivery

#endif  // POSTROAD_DELIVERY_EVENT_SOURCE_H_
