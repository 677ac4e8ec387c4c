// Retention: forgetting old runs and feed entries, and giving back their disk space.
#include <rocksdb/convenience.h>

#include "store/rocks/rocks_store_impl.h"
#include "store/rocks/topic_runs.h"

namespace postroad::store {
namespace {

// Up to so many keys are deleted one by one. A range deletion is dear to readers, and a million
// topics that lose a run each must not leave a million of them.
constexpr size_t kFewKeys = 64;

// Deletes the keys from where `at` stands up to `end` (exclusive) in `family`.
void DropKeys(rocksdb::WriteBatch& batch, rocksdb::ColumnFamilyHandle* family,
              rocksdb::Iterator& at, const std::string& end) {
  if (!at.Valid() || at.key().compare(end) >= 0) return;
  const std::string begin = at.key().ToString();
  std::vector<std::string> keys;
  for (; at.Valid() && at.key().compare(end) < 0; at.Next()) {
    if (keys.size() == kFewKeys) {
      (void)batch.DeleteRange(family, begin, end);
      return;
    }
    keys.push_back(at.key().ToString());
  }
  for (const std::string& key : keys) (void)batch.Delete(family, key);
}

}  // namespace

void RocksStore::DropRuns(rocksdb::WriteBatch& batch, TopicRuns& runs, Offset before) {
  const auto at = engine_->Iterate(Family::kRuns);
  at->Seek(RunKey(runs.topic(), Offset(0)));
  DropKeys(batch, engine_->family(Family::kRuns), *at, RunKey(runs.topic(), before));
}

Result<Offset> RocksStore::TrimTopic(TopicId topic, Offset before) {
  TopicRuns runs(*engine_);
  POSTROAD_ASSIGN(const TopicState state, LoadState({.id = topic}, runs));
  if (!runs.First()) {
    POSTROAD_TRY(runs.status());
    return state.next;
  }
  const Offset first = runs.first();
  const uint64_t bytes_first = runs.header().bytes_before;
  TrimValue trim{.next = state.next.value(), .bytes = state.bytes};
  trim.name = runs.header().topic_name;
  trim.last = runs.header().stored_at;
  Offset keep = state.next;  // what stays begins here
  uint64_t bytes_keep = state.bytes;
  if (before < state.next) {
    if (!runs.AtOrBefore(before)) {
      POSTROAD_TRY(runs.status());
      return first;
    }
    keep = runs.first();
    bytes_keep = runs.header().bytes_before;
  }
  if (keep == first) return first;
  trim.first = keep.value();
  const bool large = bytes_keep - bytes_first >= 16 << 20;
  // Files may only be dropped once it is durable that the log begins behind them.
  rocksdb::WriteBatch batch = Engine::NewBatch(large);
  DropRuns(batch, runs, keep);
  (void)batch.Put(engine_->family(Family::kTrims), NumberKey(topic.value()), EncodeTrimValue(trim));
  POSTROAD_TRY(engine_->Commit(batch, large));
  if (large) reclaimer_.ReclaimRuns(RunKey(topic, Offset(0)), RunKey(topic, keep));
  return keep;
}

Status RocksStore::TrimFeed(FeedPosition before) {
  std::lock_guard lock(append_mutex_);
  const FeedPosition first(feed_first_.load());
  const FeedPosition next(feed_next_.load());
  FeedPosition keep = std::min(before, next);
  const auto feed = engine_->Iterate(Family::kFeed);
  if (keep < next) {
    feed->SeekForPrev(NumberKey(keep.value()));
    if (feed->Valid()) keep = FeedPosition(ParseNumberKey(ToView(feed->key())).value_or(0));
  }
  if (!feed->status().ok()) {
    return Fail(engine_->FromRocks(feed->status(), "cannot read the feed"));
  }
  if (keep <= first) return {};
  rocksdb::WriteBatch batch = Engine::NewBatch(true);
  feed->Seek(NumberKey(first.value()));
  DropKeys(batch, engine_->family(Family::kFeed), *feed, NumberKey(keep.value()));
  (void)batch.Put(
      engine_->family(Family::kTrims), NumberKey(0),
      EncodeTrimValue({.first = keep.value(), .next = next.value(), .last = last_stored_}));
  POSTROAD_TRY(engine_->Commit(batch, true));
  feed_first_ = keep.value();
  // The feed's files are in its order: those before `keep` go whole.
  const std::string begin = NumberKey(0), end = NumberKey(keep.value());
  const rocksdb::Slice from(begin), to(end);
  const rocksdb::RangePtr range(&from, &to);
  rocksdb::DeleteFilesInRanges(&engine_->db(), engine_->family(Family::kFeed), &range, 1, false)
      .PermitUncheckedError();
  return {};
}

}  // namespace postroad::store
