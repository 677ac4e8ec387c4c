// Reads that join the hot tail with the store below it, seamlessly, while runs are published at one
// end and trimmed at the other.
#ifndef POSTROAD_JOURNAL_READER_H_
#define POSTROAD_JOURNAL_READER_H_

#include "journal/hot_tail.h"
#include "journal/journal.h"
#include "journal/journal_metrics.h"

namespace postroad::journal {

// Thread-safe; may block on disk.
class Reader {
 public:
  Reader(store::Store& store, const HotTail& tail, JournalMetrics& metrics)
      : store_(store), tail_(tail), metrics_(metrics) {}

  // As in Journal.
  Result<TopicRead> ReadTopic(TopicId topic, Offset from, size_t max_bytes);
  Result<FeedRead> ReadFeed(FeedPosition from, const TopicSelector& selector, size_t max_bytes);

 private:
  class ColdRuns;
  struct Entry {
    FeedRun feed;
    bool cold = false;  // its run is to be looked up in the store
  };

  Result<TopicRead> ReadTopicCold(TopicId topic, Offset from, size_t max_bytes);
  // The feed from the entry that holds `from`, as far as `end`.
  Result<std::vector<Entry>> Entries(FeedPosition from, FeedPosition end);
  // Moves what matches into `read`; true once it is full.
  Result<bool> Take(std::vector<Entry>& entries, const TopicSelector& selector, size_t max_bytes,
                    ColdRuns& cold, FeedRead& read, size_t& bytes);

  store::Store& store_;
  const HotTail& tail_;
  JournalMetrics& metrics_;
};

}  // namespace postroad::journal

#endif  // POSTROAD_JOURNAL_READER_H_
