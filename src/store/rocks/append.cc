// Appends: many topics' runs, the feed's entry and table mutations as one write.
#include <algorithm>
#include <unordered_map>

#include "store/rocks/rocks_store_impl.h"
#include "store/rocks/store_keys.h"
#include "store/rocks/topic_runs.h"

namespace postroad::store {

// One Append being put together. Nothing outside of it changes before Publish.
class AppendPlan {
 public:
  AppendPlan(RocksStore& store, const AppendGroup& group);

  Status AddRun(const RunToAppend& run);
  // The batch, once all runs are added.
  rocksdb::WriteBatch& Finish(std::span<const Mutation> mutations);
  void Publish();
  std::vector<Placement> TakePlacements() { return std::move(placements_); }

 private:
  struct Topic {
    TopicState state;
    bool created = false;
  };

  Result<Topic*> Find(std::string_view name);
  Result<Topic> Load(std::string_view name);
  Topic Create(std::string_view name);
  void PutCreated();

  RocksStore& store_;
  const Timestamp stored_at_;
  rocksdb::WriteBatch batch_;
  FeedValueBuilder feed_;
  std::vector<Placement> placements_;
  FeedPosition first_position_;
  FeedPosition next_position_;
  TopicId next_topic_;
  std::unordered_map<std::string_view, Topic> topics_;  // the group's; views RunToAppend::topic
  std::vector<std::pair<std::string_view, TopicValue>> created_;
  std::string_view last_name_;
  Topic* last_topic_ = nullptr;
  std::optional<TopicRuns> runs_;  // made when a topic has to be looked up
};

namespace {

Timestamp GroupTime(std::span<const RunToAppend> runs, Timestamp not_before) {
  for (const RunToAppend& run : runs) not_before = std::max(not_before, run.stored_at);
  return not_before;
}

size_t BatchBytes(const AppendGroup& group) {
  size_t bytes = 256;
  for (const RunToAppend& run : group.runs) bytes += run.body.size() + 3 * run.topic.size() + 96;
  for (const Mutation& m : group.mutations) bytes += m.key.size() + m.value.size() + 16;
  return bytes;
}

Status CheckRun(const RunToAppend& run) {
  if (run.topic.empty()) return Invalid("topic", "a run needs a topic");
  if (run.count == 0 || run.body.empty()) return Invalid("count", "a run needs an event");
  if (run.count > 1 && run.body.size() > kMaxRunBytes) {
    return Invalid("body", "a run of several events has at most 64 KiB", "RUN_TOO_LARGE");
  }
  return {};
}

}  // namespace

AppendPlan::AppendPlan(RocksStore& store, const AppendGroup& group)
    : store_(store),
      stored_at_(GroupTime(group.runs, store.last_stored_)),
      batch_(Engine::NewBatch(group.sync, BatchBytes(group))),
      feed_(stored_at_),
      first_position_(store.feed_next_.load()),
      next_position_(first_position_),
      next_topic_(store.next_topic_) {
  placements_.reserve(group.runs.size());
  topics_.reserve(group.runs.size());
}

Status AppendPlan::AddRun(const RunToAppend& run) {
  POSTROAD_TRY(CheckRun(run));
  POSTROAD_ASSIGN(Topic * topic, Find(run.topic));
  TopicState& state = topic->state;
  const std::string key = RunKey(state.id, state.next);
  const std::string header = EncodeRunHeader(key,
                                             {.count = run.count,
                                              .stored_at = stored_at_,
                                              .bytes_before = state.bytes,
                                              .topic_name = run.topic},
                                             run.body);
  const rocksdb::Slice key_parts[] = {key};
  const rocksdb::Slice value_parts[] = {header, ToSlice(run.body)};
  const auto added =
      batch_.Put(store_.engine_->family(Family::kRuns), {key_parts, 1}, {value_parts, 2});
  if (!added.ok()) return Fail(store_.engine_->FromRocks(added, "cannot append"));
  feed_.Add(state.id, run.topic, state.next, run.count);
  placements_.push_back({state.id, state.next, next_position_, state.bytes, stored_at_});
  state.next += run.count;
  state.bytes += run.body.size();
  next_position_ += run.count;
  return {};
}

Result<AppendPlan::Topic*> AppendPlan::Find(std::string_view name) {
  if (last_topic_ != nullptr && last_name_ == name) return last_topic_;
  auto found = topics_.find(name);
  if (found == topics_.end()) {
    POSTROAD_ASSIGN(Topic topic, Load(name));
    found = topics_.emplace(name, topic).first;
  }
  last_name_ = name;
  return last_topic_ = &found->second;
}

Result<AppendPlan::Topic> AppendPlan::Load(std::string_view name) {
  if (const auto state = store_.cache_.Find(name)) return Topic{*state};
  POSTROAD_ASSIGN(const auto value, store_.LoadTopic(name));
  if (!value) return Create(name);
  if (!runs_) runs_.emplace(*store_.engine_);
  POSTROAD_ASSIGN(const TopicState state, store_.LoadState(*value, *runs_));
  return Topic{state};
}

AppendPlan::Topic AppendPlan::Create(std::string_view name) {
  const TopicValue value{next_topic_, stored_at_};
  ++next_topic_;
  created_.emplace_back(name, value);
  return {.state = {.id = value.id, .created = value.created}, .created = true};
}

// By name: into RocksDB's sorted list each goes in close to the one before, which is cheap.
void AppendPlan::PutCreated() {
  std::ranges::sort(created_, {}, [](const auto& topic) { return topic.first; });
  auto* family = store_.engine_->family(Family::kTopics);
  for (const auto& [name, value] : created_) {
    (void)batch_.Put(family, ToSlice(name), EncodeTopicValue(value));
  }
}

rocksdb::WriteBatch& AppendPlan::Finish(std::span<const Mutation> mutations) {
  if (!placements_.empty()) {
    (void)batch_.Put(store_.engine_->family(Family::kFeed), NumberKey(first_position_.value()),
                     feed_.value());
  }
  if (next_topic_ != store_.next_topic_) {
    PutCreated();
    (void)batch_.Put(kNextTopicKey, NumberKey(next_topic_.value()));
  }
  store_.AddMutations(batch_, mutations);
  return batch_;
}

void AppendPlan::Publish() {
  for (const auto& [name, topic] : topics_) store_.cache_.Put(name, topic.state);
  store_.next_topic_ = next_topic_;
  store_.last_stored_ = stored_at_;
  store_.feed_next_.store(next_position_.value());
}

Result<std::vector<Placement>> RocksStore::Append(const AppendGroup& group) {
  POSTROAD_TRY(engine_->CheckRoom());
  std::lock_guard lock(append_mutex_);
  AppendPlan plan(*this, group);
  for (const RunToAppend& run : group.runs) POSTROAD_TRY(plan.AddRun(run));
  POSTROAD_TRY(engine_->Commit(plan.Finish(group.mutations), group.sync));
  plan.Publish();
  return plan.TakePlacements();
}

Status RocksStore::Write(std::span<const Mutation> mutations, bool sync) {
  rocksdb::WriteBatch batch = Engine::NewBatch(sync);
  AddMutations(batch, mutations);
  return engine_->Commit(batch, sync);
}

void RocksStore::AddMutations(rocksdb::WriteBatch& batch, std::span<const Mutation> mutations) {
  for (const Mutation& m : mutations) {
    auto* family = engine_->family(FamilyOf(m.table));
    switch (m.kind) {
      case Mutation::Kind::kPut:
        (void)batch.Put(family, m.key, m.value);
        break;
      case Mutation::Kind::kDelete:
        (void)batch.Delete(family, m.key);
        break;
      case Mutation::Kind::kDeleteRange:
        if (m.key < m.value) (void)batch.DeleteRange(family, m.key, m.value);
        break;
    }
  }
}

}  // namespace postroad::store
