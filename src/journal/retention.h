// Retention: forgets events by age, count and bytes as their topics' rules say, and feed entries
// once all that they name is gone. Its cost goes with what is deleted and what was appended, not
// with how many topics there are.
#ifndef POSTROAD_JOURNAL_RETENTION_H_
#define POSTROAD_JOURNAL_RETENTION_H_

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "journal/hot_tail.h"
#include "journal/journal_metrics.h"
#include "journal/topic_rules.h"
#include "store/store.h"

namespace postroad::journal {

// For one thread at a time.
class Retention {
 public:
  // `dedup_window`: feed entries younger than this stay, as dedup looks events up by them.
  Retention(store::Store& store, const TopicRules& rules, Duration dedup_window, HotTail& tail,
            JournalMetrics& metrics);

  // One pass over what is due at `now`.
  Status Apply(Timestamp now);

 private:
  // Which offsets of a topic may go: those before.
  using Doomed = std::unordered_map<TopicId, Offset>;

  Status ApplyAge(Duration age, Timestamp now);
  Status ApplyLimits();
  Status ApplyLimits(const store::FeedEntry& entry);
  Result<Offset> FirstWithin(const store::TopicInfo& info, uint64_t max_bytes);
  Status TrimFeed(Timestamp now);
  Status Trim(TopicId topic, Offset before);

  store::Store& store_;
  const TopicRules& rules_;
  const Duration dedup_window_;
  HotTail& tail_;
  JournalMetrics& metrics_;
  std::map<Duration, FeedPosition> ages_;  // each distinct age, and how far its walk has come
  bool has_limits_ = false;                // some rule limits count or bytes
  FeedPosition limits_from_;               // topics that grew before it have been looked at
  bool limits_loaded_ = false;
};

}  // namespace postroad::journal

#endif  // POSTROAD_JOURNAL_RETENTION_H_
