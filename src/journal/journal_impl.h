// Puts the journal together: each part is in a file of its own.
#ifndef POSTROAD_JOURNAL_JOURNAL_IMPL_H_
#define POSTROAD_JOURNAL_JOURNAL_IMPL_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "journal/commit_queue.h"
#include "journal/committer.h"
#include "journal/dedup_index.h"
#include "journal/event_lookup.h"
#include "journal/hot_tail.h"
#include "journal/journal.h"
#include "journal/journal_metrics.h"
#include "journal/memory_epoch.h"
#include "journal/reader.h"
#include "journal/retention.h"
#include "journal/schedule.h"
#include "journal/wait_registry.h"

namespace postroad::journal {

class JournalImpl final : public Journal {
 public:
  // `end` and `last_stored_at`: where the store's feed ends, and when that was.
  JournalImpl(store::Store& store, JournalOptions options, Clock& clock, Executor& completions,
              Metrics& metrics, FeedPosition end, Timestamp last_stored_at);
  ~JournalImpl() override { Stop(); }

  // Loads what is to be known of the store, and starts the threads.
  Status Start();

  Epoch epoch() const override { return store_.epoch(); }
  Epoch TopicEpoch(std::string_view topic) const override;
  Epoch FeedEpoch() const override { return memory_epoch_.value(); }
  const TopicRules& rules() const override { return options_.rules; }

  void Post(Batch batch, PostCompletion done) override;
  Result<store::TopicInfo> FindTopic(std::string_view name) override;
  Result<TopicRead> ReadTopic(TopicId topic, Offset from, size_t max_bytes) override;
  Result<FeedRead> ReadFeed(FeedPosition from, const TopicSelector& selector,
                            size_t max_bytes) override;
  FeedPosition feed_end() const override { return tail_.feed_end(); }
  WaitPtr WaitForTopic(std::string_view topic, TopicId id, Offset from, Executor& executor,
                       Task task) override;
  void WaitAgain(Wait& wait, std::string_view topic, TopicId id, Offset from) override;
  void WaitAgain(Wait& wait, FeedPosition from) override;
  WaitPtr WaitForFeed(FeedPosition from, Executor& executor, Task task) override;
  Result<Offset> FindEvent(std::string_view topic, std::string_view id) override;

  Result<ScheduledPage> ListScheduled(const ScheduledQuery& query) override;
  Status ChangeScheduled(std::string_view topic, std::string_view id, std::optional<Timestamp> due,
                         std::optional<std::string> record) override;
  Result<uint64_t> Reschedule(const ScheduledQuery& query, Timestamp due) override;
  Result<uint64_t> CancelScheduled(const ScheduledQuery& query) override;

  Status DeleteTopic(std::string_view name) override;
  Status ApplyRetention() override;
  void Drain() override;
  void Stop() override;

 private:
  bool HasGrown(std::string_view topic, TopicId id, Offset from);
  Status DeleteStored(std::string_view name);  // but not what waits for its time
  void RunRetention();
  // In pieces that are a commit each, so that posts go on between them. `piece` moves the query on.
  using Piece = std::function<Result<uint64_t>(ScheduledQuery&, std::vector<store::Mutation>&)>;
  Result<uint64_t> ChangeInPieces(ScheduledQuery query, const Piece& piece);

  store::Store& store_;
  const JournalOptions options_;
  Clock& clock_;
  Executor& completions_;
  JournalMetrics metrics_;
  CommitQueue queue_;
  HotTail tail_;
  const std::shared_ptr<WaitRegistry> waits_ = std::make_shared<WaitRegistry>();
  MemoryEpoch memory_epoch_;
  DedupIndex dedup_;
  EventLookup lookup_;
  Schedule schedule_;
  Reader reader_;
  Committer committer_;

  std::mutex retention_mutex_;  // one pass at a time
  Retention retention_;         // guarded by retention_mutex_

  std::mutex stop_mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;  // guarded by stop_mutex_
  bool started_ = false;
  std::thread retention_thread_;
};

}  // namespace postroad::journal

#endif  // POSTROAD_JOURNAL_JOURNAL_IMPL_H_
