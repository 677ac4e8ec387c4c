// The embedded store: Store's calls on the Engine's column families.
#ifndef POSTROAD_STORE_ROCKS_ROCKS_STORE_IMPL_H_
#define POSTROAD_STORE_ROCKS_ROCKS_STORE_IMPL_H_

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "store/rocks/directory_lock.h"
#include "store/rocks/engine.h"
#include "store/rocks/formats.h"
#include "store/rocks/space_reclaimer.h"
#include "store/rocks/topic_cache.h"
#include "store/rocks/topic_names.h"

namespace postroad::store {

class TopicRuns;

class RocksStore final : public Store {
 public:
  // Reads what an appender has to know; `engine` is open and `lock` held.
  static Result<std::unique_ptr<RocksStore>> Start(DirectoryLock lock,
                                                   std::unique_ptr<Engine> engine);
  ~RocksStore() override;  // leaves the mark of a clean stop

  Epoch epoch() const override { return epoch_; }
  bool clean_start() const override { return clean_start_; }

  // append.cc
  Result<std::vector<Placement>> Append(const AppendGroup& group) override;
  Status Write(std::span<const Mutation> mutations, bool sync) override;

  // topics.cc
  Result<TopicInfo> FindTopic(std::string_view name) override;
  Result<TopicInfo> FindTopicById(TopicId id) override;
  Result<std::vector<TopicInfo>> ListTopics(std::string_view after, std::string_view prefix,
                                            size_t limit, bool with_bounds) override;
  Status DeleteTopic(std::string_view name) override;

  // read.cc
  Result<std::vector<RunPtr>> ReadRuns(TopicId topic, Offset from, size_t max_bytes) override;
  Result<RunPtr> ReadRunAt(TopicId topic, Offset offset) override;
  Result<Offset> OffsetAtTime(TopicId topic, Timestamp time) override;

  // feed.cc
  Result<FeedBounds> ReadFeedBounds() override;
  Result<std::vector<FeedEntry>> ReadFeed(FeedPosition from, size_t limit) override;
  Result<FeedPosition> PositionAtTime(Timestamp time) override;

  // trim.cc
  Result<Offset> TrimTopic(TopicId topic, Offset before) override;
  Status TrimFeed(FeedPosition before) override;

  // tables.cc
  Result<std::optional<std::string>> Get(Table table, std::string_view key) override;
  Result<std::vector<Entry>> Scan(Table table, std::string_view from, std::string_view to,
                                  size_t limit, bool reverse) override;

  // backup.cc, stats.cc
  Status Backup(const std::string& directory) override;
  Result<StoreStats> Stats() override;

 private:
  friend class AppendPlan;

  RocksStore(DirectoryLock lock, std::unique_ptr<Engine> engine);
  Status LoadFeedEnd();
  Status TakeCleanMark();
  Status LoadTopicCount();

  // Where the topic's log ends, in what `runs` sees.
  Result<TopicState> LoadState(const TopicValue& topic, TopicRuns& runs);
  Result<std::optional<TopicValue>> LoadTopic(std::string_view name);
  // The same of many, for less than one by one. `names` are in order.
  Result<std::vector<std::optional<TopicValue>>> LoadTopics(
      std::span<const std::string_view> names);
  Result<TopicValue> ParseTopic(std::string_view name, std::string_view value) const;
  Result<std::optional<TrimValue>> LoadTrim(TopicId topic);
  Result<TopicInfo> WithBounds(TopicInfo info, TopicRuns& runs);
  // Puts into `batch` what forgets all runs of `runs` before `before`.
  void DropRuns(rocksdb::WriteBatch& batch, TopicRuns& runs, Offset before);
  void AddMutations(rocksdb::WriteBatch& batch, std::span<const Mutation> mutations);

  DirectoryLock lock_;  // first: let go of last
  std::unique_ptr<Engine> engine_;
  SpaceReclaimer reclaimer_;
  Epoch epoch_;
  bool clean_start_ = true;
  // Held over each append and each deletion of a topic, whose batches depend on what is stored.
  std::mutex append_mutex_;
  TopicNames names_;             // added to under append_mutex_
  TopicCache cache_;             // guarded by append_mutex_, but for its size
  TopicId next_topic_{1};        // guarded by append_mutex_
  Timestamp last_stored_{};      // guarded by append_mutex_
  uint64_t deleted_topics_ = 0;  // guarded by append_mutex_
  // What is committed; written under append_mutex_ (feed_first_: by TrimFeed).
  std::atomic<uint64_t> topics_ = 0;
  std::atomic<uint64_t> feed_first_ = 0;
  std::atomic<uint64_t> feed_next_ = 0;
};

}  // namespace postroad::store

#endif  // POSTROAD_STORE_ROCKS_ROCKS_STORE_IMPL_H_
