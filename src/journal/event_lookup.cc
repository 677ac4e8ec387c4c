#include "journal/event_lookup.h"

#include <algorithm>

#include "core/event.h"
#include "core/uuid.h"

namespace postroad::journal {
namespace {

// How far the clock of who made a UUIDv7 may be off, and how long the event may have been under
// way.
constexpr Duration kUuidEarly = std::chrono::seconds(5);
constexpr Duration kUuidLate = std::chrono::minutes(5);
constexpr size_t kUuidSearchBytes = 64 << 20;
constexpr uint64_t kLastEvents = 1000;
constexpr size_t kLastBytes = 4 << 20;
constexpr size_t kReadBytes = 1 << 20;

bool IsNotFound(const Error& error) { return error.code == ErrorCode::kNotFound; }

// Which event of the run has this id.
std::optional<Offset> FindInRun(const store::Run& run, std::string_view id) {
  if (run.body.find(id) == std::string_view::npos) return std::nullopt;
  BodyReader reader(run.body);
  for (Offset offset = run.first; const auto record = reader.Next(); ++offset) {
    if (RecordId(*record) == id) return offset;
  }
  return std::nullopt;
}

}  // namespace

std::string_view RecordId(std::string_view record) {
  EventView event;
  return ParseRecord(record, event) ? event.id : std::string_view();
}

Result<std::optional<EventLookup::Place>> EventLookup::Locate(FeedPosition position) {
  std::vector<FeedRun> hot;
  if (tail_.ReadFeed(position, 1, hot) && !hot.empty() && hot.front().run) {
    const FeedRun& feed = hot.front();
    return Place{*feed.topic_name,    feed.run->topic,
                 feed.first,          feed.first + (position - feed.position),
                 feed.run->stored_at, feed.run};
  }
  POSTROAD_ASSIGN(const Entries entries, CommitAt(position));
  const auto entry = std::ranges::partition_point(
      *entries, [&](const store::FeedEntry& e) { return e.position + e.count <= position; });
  if (entry == entries->end() || entry->position > position) return std::nullopt;
  return Place{entry->topic_name, entry->topic,
               entry->first,      entry->first + (position - entry->position),
               entry->stored_at,  nullptr};
}

Result<EventLookup::Entries> EventLookup::CommitAt(FeedPosition position) {
  const auto holds = [&](const std::vector<store::FeedEntry>& entries) {
    return !entries.empty() && entries.front().position <= position &&
           position < entries.back().position + entries.back().count;
  };
  {
    std::lock_guard lock(mutex_);
    if (last_ && holds(*last_)) return last_;
  }
  POSTROAD_ASSIGN(std::vector<store::FeedEntry> entries, store_.ReadFeed(position, 1));
  auto shared = std::make_shared<const std::vector<store::FeedEntry>>(std::move(entries));
  std::lock_guard lock(mutex_);
  last_ = shared;
  return shared;
}

Result<std::optional<Offset>> EventLookup::Same(std::string_view topic, std::string_view id,
                                                FeedPosition position, Timestamp stored_after) {
  POSTROAD_ASSIGN(const std::optional<Place> place, Locate(position));
  if (!place || place->topic != topic || place->stored_at < stored_after) return std::nullopt;
  POSTROAD_ASSIGN(const bool still, IsStillTopic(*place));
  if (!still) return std::nullopt;
  POSTROAD_ASSIGN(const OpenRunPtr run, RunAt(*place));
  if (run == nullptr) return place->offset;
  const uint64_t index = place->offset - place->first;
  if (index >= run->records.size() || RecordId(run->records[index]) != id) return std::nullopt;
  return place->offset;
}

Result<bool> EventLookup::IsStillTopic(const Place& place) {
  if (place.run) return true;  // a deleted topic's runs leave memory
  const auto info = store_.FindTopic(place.topic);
  if (!info && !IsNotFound(info.error())) return Fail(info.error());
  return info && info->id == place.id;
}

Result<EventLookup::OpenRunPtr> EventLookup::RunAt(const Place& place) {
  {
    std::lock_guard lock(mutex_);
    if (last_run_ && last_run_->run->topic == place.id && last_run_->run->first == place.first) {
      return last_run_;
    }
  }
  auto open = std::make_shared<OpenRun>(place.run);
  if (!open->run) {
    auto run = store_.ReadRunAt(place.id, place.first);
    if (!run && !IsNotFound(run.error())) return Fail(std::move(run).error());
    if (!run || (*run)->first != place.first) return nullptr;
    open->run = std::move(*run);
  }
  BodyReader reader(open->run->body);
  while (const auto record = reader.Next()) open->records.push_back(*record);
  std::lock_guard lock(mutex_);
  last_run_ = open;
  return open;
}

Result<std::optional<Offset>> EventLookup::FindRecent(std::string_view topic, std::string_view id,
                                                      Timestamp stored_after) {
  POSTROAD_ASSIGN(const std::vector<FeedPosition> positions,
                  dedup_.Find(EventFingerprint(topic, id)));
  for (const FeedPosition position : positions) {
    POSTROAD_ASSIGN(const std::optional<Offset> offset, Same(topic, id, position, stored_after));
    if (offset) return offset;
  }
  return std::nullopt;
}

Result<std::optional<Offset>> EventLookup::Search(TopicId topic, std::string_view id, Offset from,
                                                  Timestamp until, size_t max_bytes) {
  for (size_t bytes = 0; bytes < max_bytes;) {
    POSTROAD_ASSIGN(const std::vector<RunPtr> runs, store_.ReadRuns(topic, from, kReadBytes));
    if (runs.empty()) break;
    for (const RunPtr& run : runs) {
      if (run->stored_at > until) return std::nullopt;
      if (const auto offset = FindInRun(*run, id)) return offset;
      bytes += run->body.size();
    }
    from = runs.back()->end();
  }
  return std::nullopt;
}

Result<Offset> EventLookup::FindEvent(std::string_view topic, std::string_view id) {
  POSTROAD_ASSIGN(std::optional<Offset> offset, FindRecent(topic, id, kEarliestTime));
  if (offset) return *offset;
  POSTROAD_ASSIGN(const store::TopicInfo info, store_.FindTopic(topic));
  if (const auto made = UuidV7Time(id)) {
    POSTROAD_ASSIGN(const Offset from, store_.OffsetAtTime(info.id, *made - kUuidEarly));
    POSTROAD_ASSIGN(offset, Search(info.id, id, from, *made + kUuidLate, kUuidSearchBytes));
    if (offset) return *offset;
  }
  const uint64_t kept = info.next - info.first;
  const Offset from = info.next - std::min(kept, kLastEvents);
  POSTROAD_ASSIGN(offset, Search(info.id, id, from, kLatestTime, kLastBytes));
  if (offset) return *offset;
  return Fail(ErrorCode::kNotFound, "No event of this id is known in this topic.", "event_id");
}

}  // namespace postroad::journal
