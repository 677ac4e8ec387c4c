// The feed: the order of all commits.
#include "store/rocks/rocks_store_impl.h"

namespace postroad::store {
namespace {

// Where a commit of the feed begins; the iterator must stand on one.
FeedPosition PositionOf(const rocksdb::Iterator& feed) {
  return FeedPosition(ParseNumberKey(ToView(feed.key())).value_or(0));
}

Error BadFeedValue(const Engine& engine, FeedPosition position) {
  return engine.Corrupt("the feed's entry at position " + std::to_string(position.value()) +
                        " is malformed");
}

}  // namespace

Status RocksStore::LoadFeedEnd() {
  POSTROAD_ASSIGN(const auto trim, LoadTrim(TopicId(0)));
  if (trim) {
    feed_first_ = trim->first;
    feed_next_ = trim->next;
    last_stored_ = trim->last;
  }
  const auto feed = engine_->Iterate(Family::kFeed);
  feed->SeekToLast();
  if (feed->Valid()) {
    std::vector<FeedEntry> entries;
    if (!ParseFeedValue(PositionOf(*feed), ToView(feed->value()), entries) || entries.empty()) {
      return Fail(BadFeedValue(*engine_, PositionOf(*feed)));
    }
    feed_next_ = (entries.back().position + entries.back().count).value();
    last_stored_ = entries.back().stored_at;
  }
  if (!feed->status().ok()) {
    return Fail(engine_->FromRocks(feed->status(), "cannot read the feed"));
  }
  return {};
}

Result<FeedBounds> RocksStore::ReadFeedBounds() {
  return FeedBounds{FeedPosition(feed_first_.load()), FeedPosition(feed_next_.load())};
}

Result<std::vector<FeedEntry>> RocksStore::ReadFeed(FeedPosition from, size_t limit) {
  std::vector<FeedEntry> out;
  from = std::max(from, FeedPosition(feed_first_.load()));
  const auto feed = engine_->Iterate(Family::kFeed);
  feed->SeekForPrev(NumberKey(from.value()));
  if (!feed->Valid() && feed->status().ok()) feed->Seek(NumberKey(from.value()));
  for (; feed->Valid() && out.size() < limit; feed->Next()) {
    if (!ParseFeedValue(PositionOf(*feed), ToView(feed->value()), out)) {
      return Fail(BadFeedValue(*engine_, PositionOf(*feed)));
    }
    // The commit before `from` ends before it where the feed was trimmed, or at the feed's end.
    if (!out.empty() && out.back().position + out.back().count <= from) out.clear();
  }
  if (!feed->status().ok()) {
    return Fail(engine_->FromRocks(feed->status(), "cannot read the feed"));
  }
  return out;
}

Result<FeedPosition> RocksStore::PositionAtTime(Timestamp time) {
  FeedPosition low(feed_first_.load());
  FeedPosition high(feed_next_.load());
  const auto feed = engine_->Iterate(Family::kFeed);
  // Times never fall along the feed: halve the positions until they meet at a commit's border.
  while (low < high) {
    feed->SeekForPrev(NumberKey((low + (high - low) / 2).value()));
    if (!feed->Valid()) break;
    const FeedPosition begin = PositionOf(*feed);
    const auto stored_at = FeedValueTime(ToView(feed->value()));
    if (!stored_at) return Fail(BadFeedValue(*engine_, begin));
    if (*stored_at >= time) {
      high = begin;
      continue;
    }
    feed->Next();
    low = feed->Valid() ? PositionOf(*feed) : high;
  }
  if (!feed->status().ok()) {
    return Fail(engine_->FromRocks(feed->status(), "cannot read the feed"));
  }
  return std::min(low, high);
}

}  // namespace postroad::store
