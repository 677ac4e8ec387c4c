// The hot tail: the newest runs of the log, kept in memory in a bounded number of bytes and shared
// by all that read them, so that a reader near the end never touches the store.
#ifndef POSTROAD_JOURNAL_HOT_TAIL_H_
#define POSTROAD_JOURNAL_HOT_TAIL_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "journal/journal.h"
#include "journal/writer_first_mutex.h"

namespace postroad::journal {

// Thread-safe; Publish is called by one thread.
class HotTail {
 public:
  // `end`: where the feed ends now, with nothing of it in memory.
  HotTail(uint64_t max_bytes, FeedPosition end) : max_bytes_(max_bytes), feed_end_(end.value()) {}

  struct Published {
    FeedPosition position;  // of the run's first event
    std::string_view topic_name;
    RunPtr run;
  };
  // Makes a group visible: all of it at once to readers of the feed and of topics. Runs go on where
  // the feed ends.
  // Runs that left; to be freed away from the committing thread, which has better to do.
  using Garbage = std::vector<RunPtr>;
  [[nodiscard]] Garbage Publish(std::span<const Published> group);

  // Where the feed ends, for its readers.
  FeedPosition feed_end() const { return FeedPosition(feed_end_.load(std::memory_order_acquire)); }

  struct TopicPart {
    Offset next;               // where the topic ends
    bool covers = false;       // `from` is not older than what is in memory
    std::vector<RunPtr> runs;  // from the one that holds `from`; empty unless `covers`
  };
  // Nothing if the topic has no run in memory.
  std::optional<TopicPart> ReadTopic(TopicId topic, Offset from, size_t max_bytes) const;
  // The end of a topic that has a run in memory.
  std::optional<Offset> TopicNext(TopicId topic) const;

  // Appends the feed's runs from the one that holds `from` to `out`, at most `max_runs`. False if
  // `from` is older than what is in memory. A run that was trimmed away is null.
  bool ReadFeed(FeedPosition from, size_t max_runs, std::vector<FeedRun>& out) const;

  // Forgets the topic's runs that end at or before `before`; their feed entries stay, without run.
  void TrimTopic(TopicId topic, Offset before);
  void DropTopic(TopicId topic) { TrimTopic(topic, Offset(UINT64_MAX)); }

  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  struct TopicRun {
    FeedPosition position;
    RunPtr run;
  };
  struct Topic {
    std::shared_ptr<const std::string> name;
    std::vector<TopicRun> runs;
    size_t head = 0;  // runs before it have left

    Offset next() const { return runs.back().run->end(); }
    Offset first() const { return runs[head].run->first; }
    bool empty() const { return head == runs.size(); }
    void PopFront();
  };
  using Topics = std::unordered_map<TopicId, Topic>;
  void Append(const Published& published);
  void Shrink(Garbage& garbage);
  FeedRun* FindFeed(FeedPosition position);

  const uint64_t max_bytes_;
  std::atomic<uint64_t> feed_end_;
  std::atomic<uint64_t> bytes_ = 0;
  mutable WriterFirstMutex mutex_;
  // All below guarded by mutex_.
  std::deque<FeedRun> feed_;
  Topics topics_;
};

}  // namespace postroad::journal

#endif  // POSTROAD_JOURNAL_HOT_TAIL_H_
