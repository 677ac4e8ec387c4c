// Finds events by their id, and tells whether an event posted again is one that is stored.
#ifndef POSTROAD_JOURNAL_EVENT_LOOKUP_H_
#define POSTROAD_JOURNAL_EVENT_LOOKUP_H_

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "journal/dedup_index.h"
#include "journal/hot_tail.h"
#include "store/store.h"

namespace postroad::journal {

// The id in a record, "" if it is malformed.
std::string_view RecordId(std::string_view record);

// Thread-safe; may block on disk.
class EventLookup {
 public:
  EventLookup(store::Store& store, const HotTail& tail, DedupIndex& dedup)
      : store_(store), tail_(tail), dedup_(dedup) {}

  // The offset of the event at `position` in the feed, if it is this topic's event of this id and
  // was stored at `stored_after` or later. If retention took it, its fingerprint and its topic are
  // all there is to compare, and enough.
  Result<std::optional<Offset>> Same(std::string_view topic, std::string_view id,
                                     FeedPosition position, Timestamp stored_after);
  // The offset of the stored event of this id, as far as dedup knows it.
  Result<std::optional<Offset>> FindRecent(std::string_view topic, std::string_view id,
                                           Timestamp stored_after);
  // As in Journal.
  Result<Offset> FindEvent(std::string_view topic, std::string_view id);

 private:
  struct Place {
    std::string topic;
    TopicId id;
    Offset first;  // of the run
    Offset offset;
    Timestamp stored_at{};
    RunPtr run;  // if it is in memory
  };
  Result<std::optional<Place>> Locate(FeedPosition position);
  // The entries of the feed's commit that holds `position`; empty if it is gone.
  using Entries = std::shared_ptr<const std::vector<store::FeedEntry>>;
  Result<Entries> CommitAt(FeedPosition position);
  // A run with its records found.
  struct OpenRun {
    RunPtr run;
    std::vector<std::string_view> records;
  };
  using OpenRunPtr = std::shared_ptr<const OpenRun>;
  // The run that holds the place; null if retention or a deletion took it.
  Result<OpenRunPtr> RunAt(const Place& place);
  // Whether the topic of this name is still the one that the event was posted to.
  Result<bool> IsStillTopic(const Place& place);
  // The event among the topic's from `from` on, looking at `max_bytes`, and not later than `until`.
  Result<std::optional<Offset>> Search(TopicId topic, std::string_view id, Offset from,
                                       Timestamp until, size_t max_bytes);

  store::Store& store_;
  const HotTail& tail_;
  DedupIndex& dedup_;
  std::mutex mutex_;
  // Guarded by mutex_: what was looked at last, as what is posted again comes together.
  Entries last_;
  OpenRunPtr last_run_;
};

}  // namespace postroad::journal

#endif  // POSTROAD_JOURNAL_EVENT_LOOKUP_H_
