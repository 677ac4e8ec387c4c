// Finding, listing and deleting topics.
#include <algorithm>
#include <array>

#include "core/name_index.h"
#include "store/rocks/rocks_store_impl.h"
#include "store/rocks/store_keys.h"
#include "store/rocks/topic_runs.h"

namespace postroad::store {
namespace {

constexpr size_t kLoadAtOnce = 32;  // RocksDB's own batch

Error NoSuchTopic(std::string_view what) {
  return {ErrorCode::kNotFound, "there is no topic " + std::string(what), "topic",
          "TOPIC_NOT_FOUND"};
}

}  // namespace

Result<std::optional<TopicValue>> RocksStore::LoadTopic(std::string_view name) {
  if (!names_.MayHold(HashOfName(name))) return std::nullopt;
  rocksdb::PinnableSlice value;
  POSTROAD_ASSIGN(const bool found, engine_->Get(Family::kTopics, name, value));
  if (!found) return std::nullopt;
  return ParseTopic(name, ToView(value));
}

Result<TopicValue> RocksStore::ParseTopic(std::string_view name, std::string_view value) const {
  if (const auto topic = ParseTopicValue(value)) return *topic;
  return Fail(engine_->Corrupt("the entry of topic " + std::string(name) + " is malformed"));
}

Result<std::vector<std::optional<TopicValue>>> RocksStore::LoadTopics(
    std::span<const std::string_view> names) {
  std::vector<std::optional<TopicValue>> topics(names.size());
  if (names.empty()) return topics;
  std::array<rocksdb::Slice, kLoadAtOnce> keys;
  std::array<rocksdb::PinnableSlice, kLoadAtOnce> values;
  std::array<rocksdb::Status, kLoadAtOnce> statuses;
  for (size_t begin = 0; begin < names.size(); begin += kLoadAtOnce) {
    const size_t count = std::min(kLoadAtOnce, names.size() - begin);
    for (size_t i = 0; i < count; ++i) {
      keys[i] = ToSlice(names[begin + i]);
      values[i].Reset();
      statuses[i] = {};
    }
    engine_->db().MultiGet({}, engine_->family(Family::kTopics), count, keys.data(), values.data(),
                           statuses.data(), /*sorted_input=*/true);
    for (size_t i = 0; i < count; ++i) {
      if (statuses[i].IsNotFound()) continue;
      if (!statuses[i].ok()) return Fail(engine_->FromRocks(statuses[i], "cannot read"));
      POSTROAD_ASSIGN(topics[begin + i], ParseTopic(names[begin + i], ToView(values[i])));
    }
  }
  return topics;
}

Result<std::optional<TrimValue>> RocksStore::LoadTrim(TopicId topic) {
  rocksdb::PinnableSlice value;
  POSTROAD_ASSIGN(const bool found, engine_->Get(Family::kTrims, NumberKey(topic.value()), value));
  if (!found) return std::nullopt;
  auto trim = ParseTrimValue(ToView(value));
  if (!trim) {
    return Fail(engine_->Corrupt("the trim state of topic id " + std::to_string(topic.value()) +
                                 " is malformed"));
  }
  return trim;
}

Result<TopicState> RocksStore::LoadState(const TopicValue& topic, TopicRuns& runs) {
  TopicState state{.id = topic.id, .created = topic.created};
  runs.Open(topic.id);
  if (runs.Last()) {
    state.next = runs.end();
    state.bytes = runs.bytes_end();
    return state;
  }
  POSTROAD_TRY(runs.status());
  POSTROAD_ASSIGN(const auto trim, LoadTrim(topic.id));
  if (trim) {
    state.next = Offset(trim->next);
    state.bytes = trim->bytes;
  }
  return state;
}

Result<TopicInfo> RocksStore::WithBounds(TopicInfo info, TopicRuns& runs) {
  POSTROAD_ASSIGN(const TopicState state, LoadState({info.id, info.created}, runs));
  info.next = info.first = state.next;
  if (runs.First()) {
    info.first = runs.first();
    info.bytes = state.bytes - runs.header().bytes_before;
  }
  POSTROAD_TRY(runs.status());
  return info;
}

Result<TopicInfo> RocksStore::FindTopic(std::string_view name) {
  POSTROAD_ASSIGN(const auto topic, LoadTopic(name));
  if (!topic) return Fail(NoSuchTopic(name));
  TopicRuns runs(*engine_);
  return WithBounds({.id = topic->id, .name = std::string(name), .created = topic->created}, runs);
}

Result<TopicInfo> RocksStore::FindTopicById(TopicId id) {
  TopicRuns runs(*engine_, id);
  std::string name;
  if (runs.First()) {
    name = runs.header().topic_name;
  } else {
    POSTROAD_TRY(runs.status());
    POSTROAD_ASSIGN(const auto trim, LoadTrim(id));
    if (trim) name = trim->name;
  }
  POSTROAD_ASSIGN(const auto topic, LoadTopic(name));
  if (!topic || topic->id != id) return Fail(NoSuchTopic("with id " + std::to_string(id.value())));
  return WithBounds({.id = id, .name = std::move(name), .created = topic->created}, runs);
}

Result<std::vector<TopicInfo>> RocksStore::ListTopics(std::string_view after,
                                                      std::string_view prefix, size_t limit,
                                                      bool with_bounds) {
  std::vector<TopicInfo> out;
  const auto names = engine_->Iterate(Family::kTopics);
  std::optional<TopicRuns> runs;
  if (with_bounds) runs.emplace(*engine_);
  names->Seek(ToSlice(std::max(after, prefix)));
  if (names->Valid() && ToView(names->key()) == after) names->Next();
  for (; names->Valid() && out.size() < limit; names->Next()) {
    const std::string_view name = ToView(names->key());
    if (!name.starts_with(prefix)) break;
    const auto topic = ParseTopicValue(ToView(names->value()));
    if (!topic) {
      return Fail(engine_->Corrupt("the entry of topic " + std::string(name) + " is malformed"));
    }
    out.push_back({.id = topic->id, .name = std::string(name), .created = topic->created});
    if (!runs) continue;
    POSTROAD_ASSIGN(out.back(), WithBounds(std::move(out.back()), *runs));
  }
  if (!names->status().ok()) return Fail(engine_->FromRocks(names->status(), "cannot list topics"));
  return out;
}

Status RocksStore::DeleteTopic(std::string_view name) {
  TopicId id;
  Offset next;
  {
    std::lock_guard lock(append_mutex_);
    POSTROAD_ASSIGN(const auto topic, LoadTopic(name));
    if (!topic) return Fail(NoSuchTopic(name));
    TopicRuns runs(*engine_);
    POSTROAD_ASSIGN(const TopicState state, LoadState(*topic, runs));
    id = topic->id;
    next = state.next;
    rocksdb::WriteBatch batch = Engine::NewBatch(true);
    DropRuns(batch, runs, next);
    (void)batch.Delete(engine_->family(Family::kTopics), ToSlice(name));
    (void)batch.Delete(engine_->family(Family::kTrims), NumberKey(id.value()));
    (void)batch.Put(kDeletedTopicsKey, NumberKey(deleted_topics_ + 1));
    POSTROAD_TRY(engine_->Commit(batch, true));
    ++deleted_topics_;
    --topics_;
    cache_.Erase(name, HashOfName(name));
  }
  reclaimer_.ReclaimRuns(RunKey(id, Offset(0)), RunKey(id, next));
  return {};
}

}  // namespace postroad::store
