// Appends: many topics' runs, the feed's entry and table mutations as one write.
#include <algorithm>
#include <array>

#include "core/bytes.h"
#include "core/name_index.h"
#include "store/rocks/rocks_store_impl.h"
#include "store/rocks/store_keys.h"
#include "store/rocks/topic_runs.h"

namespace postroad::store {

// One Append being put together. Nothing outside of it changes before Publish.
class AppendPlan {
 public:
  AppendPlan(RocksStore& store, const AppendGroup& group);

  // First: finds the topics of all runs.
  Status FindTopics(std::span<const RunToAppend> runs);
  // Each of them, in their order.
  Status AddRun(const RunToAppend& run);
  // The batch, once all runs are added.
  rocksdb::WriteBatch& Finish(std::span<const Mutation> mutations);
  void Publish();
  std::vector<Placement> TakePlacements() { return std::move(placements_); }

 private:
  struct Topic {
    std::string_view name;
    uint64_t hash;
    TopicState state;
  };

  // Finds those of `unknown` (in topics_) in the store, or creates them.
  Status LoadOrCreate(std::vector<uint32_t> unknown);
  TopicState Create();
  void PutCreated();

  RocksStore& store_;
  const Timestamp stored_at_;
  rocksdb::WriteBatch batch_;
  FeedValueBuilder feed_;
  std::vector<Placement> placements_;
  FeedPosition first_position_;
  FeedPosition next_position_;
  TopicId next_topic_;
  // The group's topics, which view RunToAppend::topic; never more than it has runs, so that they
  // stay where they are.
  std::vector<Topic> topics_;
  NameIndex names_;                 // of topics_
  std::vector<uint32_t> topic_of_;  // each run's, in topics_
  std::vector<uint32_t> created_;   // in topics_, by name
  std::string key_, header_;        // of the run at hand
};

namespace {

// Names whose memory is asked for ahead of the one at hand.
constexpr size_t kPrefetchAhead = 8;

Timestamp GroupTime(std::span<const RunToAppend> runs, Timestamp not_before) {
  for (const RunToAppend& run : runs) not_before = std::max(not_before, run.stored_at);
  return not_before;
}

// The places of the names in the order of their bytes. Few are compared further than eight bytes
// behind what all begin with.
std::vector<uint32_t> OrderOfNames(std::span<const std::string_view> names) {
  size_t common = names.front().size();
  for (const std::string_view name : names) {
    const auto end = std::ranges::mismatch(name, names.front().substr(0, common)).in1;
    common = static_cast<size_t>(end - name.begin());
  }
  struct Key {
    uint64_t begin;
    uint32_t at;
  };
  std::vector<Key> keys;
  keys.reserve(names.size());
  for (uint32_t at = 0; at < names.size(); ++at) {
    std::array<char, 8> begin{};
    names[at].copy(begin.data(), begin.size(), common);
    keys.push_back({GetBig64(begin.data()), at});
  }
  std::ranges::sort(keys, [&](const Key& a, const Key& b) {
    return a.begin != b.begin ? a.begin < b.begin : names[a.at] < names[b.at];
  });
  std::vector<uint32_t> order;
  order.reserve(keys.size());
  for (const Key& key : keys) order.push_back(key.at);
  return order;
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
      next_topic_(store.next_topic_),
      names_(group.runs.size()) {
  size_t feed_bytes = 0;
  for (const RunToAppend& run : group.runs) feed_bytes += run.topic.size() + 16;
  feed_.Reserve(feed_bytes);
  placements_.reserve(group.runs.size());
  topics_.reserve(group.runs.size());
  topic_of_.reserve(group.runs.size());
}

Status AppendPlan::AddRun(const RunToAppend& run) {
  TopicState& state = topics_[topic_of_[placements_.size()]].state;
  key_.clear();
  PutRunKey(key_, state.id, state.next);
  header_.clear();
  PutRunHeader(header_, key_,
               {.count = run.count,
                .stored_at = stored_at_,
                .bytes_before = state.bytes,
                .topic_name = run.topic},
               run.body);
  const rocksdb::Slice key_parts[] = {key_};
  const rocksdb::Slice value_parts[] = {header_, ToSlice(run.body)};
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

Status AppendPlan::FindTopics(std::span<const RunToAppend> runs) {
  for (const RunToAppend& run : runs) {
    POSTROAD_TRY(CheckRun(run));
    if (!topics_.empty() && topics_.back().name == run.topic) {
      topic_of_.push_back(static_cast<uint32_t>(topics_.size() - 1));
      continue;
    }
    const uint64_t hash = HashOfName(run.topic);
    const auto [number, added] = names_.Add(run.topic, hash, static_cast<uint32_t>(topics_.size()));
    topic_of_.push_back(number);
    if (added) topics_.push_back({run.topic, hash, {}});
  }
  std::vector<uint32_t> unknown;  // in topics_
  for (uint32_t at = 0; at < topics_.size(); ++at) {
    if (at + kPrefetchAhead < topics_.size()) {
      store_.cache_.Prefetch(topics_[at + kPrefetchAhead].hash);
      store_.names_.Prefetch(topics_[at + kPrefetchAhead].hash);
    }
    Topic& topic = topics_[at];
    if (const auto state = store_.cache_.Find(topic.name, topic.hash)) {
      topic.state = *state;
    } else {
      unknown.push_back(at);
    }
  }
  return unknown.empty() ? Status() : LoadOrCreate(std::move(unknown));
}

// By name, which is how RocksDB looks up many at once, and inserts them for the least.
Status AppendPlan::LoadOrCreate(std::vector<uint32_t> unknown) {
  std::vector<std::string_view> names;
  names.reserve(unknown.size());
  for (const uint32_t at : unknown) names.push_back(topics_[at].name);
  const std::vector<uint32_t> order = OrderOfNames(names);
  names.clear();  // those that may be stored
  for (const uint32_t i : order) {
    const Topic& topic = topics_[unknown[i]];
    if (store_.names_.MayHold(topic.hash)) names.push_back(topic.name);
  }
  POSTROAD_ASSIGN(const auto stored, store_.LoadTopics(names));
  std::optional<TopicRuns> stored_runs;
  size_t asked = 0;
  created_.reserve(unknown.size());
  for (const uint32_t i : order) {
    const uint32_t at = unknown[i];
    const bool was_asked = asked < names.size() && names[asked].data() == topics_[at].name.data();
    const std::optional<TopicValue> value = was_asked ? stored[asked++] : std::nullopt;
    if (!value) {
      created_.push_back(at);
      continue;
    }
    if (!stored_runs) stored_runs.emplace(*store_.engine_);
    POSTROAD_ASSIGN(topics_[at].state, store_.LoadState(*value, *stored_runs));
  }
  // Ids are given in the order of the runs, so that these are put in order too.
  for (const uint32_t at : unknown) {
    if (topics_[at].state.id != TopicId()) continue;
    topics_[at].state = Create();
    store_.names_.Add(topics_[at].hash);
  }
  return {};
}

TopicState AppendPlan::Create() {
  const TopicId id = next_topic_;
  ++next_topic_;
  return {.id = id, .created = stored_at_};
}

void AppendPlan::PutCreated() {
  auto* family = store_.engine_->family(Family::kTopics);
  std::string value;
  for (const uint32_t at : created_) {
    const Topic& topic = topics_[at];
    value.clear();
    PutTopicValue(value, {topic.state.id, topic.state.created});
    (void)batch_.Put(family, ToSlice(topic.name), value);
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
  for (size_t at = 0; at < topics_.size(); ++at) {
    if (at + kPrefetchAhead < topics_.size()) {
      store_.cache_.Prefetch(topics_[at + kPrefetchAhead].hash);
    }
    store_.cache_.Put(topics_[at].name, topics_[at].hash, topics_[at].state);
  }
  store_.topics_ += next_topic_.value() - store_.next_topic_.value();
  store_.next_topic_ = next_topic_;
  store_.last_stored_ = stored_at_;
  store_.feed_next_.store(next_position_.value());
}

Result<std::vector<Placement>> RocksStore::Append(const AppendGroup& group) {
  POSTROAD_TRY(engine_->CheckRoom());
  std::lock_guard lock(append_mutex_);
  AppendPlan plan(*this, group);
  POSTROAD_TRY(plan.FindTopics(group.runs));
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
