#include "journal/retention.h"

#include <algorithm>
#include <unordered_set>

#include "core/bytes.h"
#include "core/event.h"

namespace postroad::journal {
namespace {

constexpr size_t kEntriesPerStep = 1024;
// Value: the feed position before which every topic that grew has been held to its limits (8), and
// the fingerprint of the rules that set these (8): under other rules all topics are looked at
// again.
constexpr char kLimitsKey[] = "journal/limits_from";

uint64_t FingerprintOfLimits(const TopicRules& rules) {
  std::string text;
  for (const TopicRule& rule : rules.rules()) {
    text.append(rule.pattern.text()).push_back('\0');
    for (const auto& limit : {rule.retention_count, rule.retention_bytes}) {
      text.append(limit ? std::to_string(*limit) : "").push_back('\0');
    }
  }
  return EventFingerprint("", text);
}

bool IsNotFound(const Error& error) { return error.code == ErrorCode::kNotFound; }

}  // namespace

Retention::Retention(store::Store& store, const TopicRules& rules, Duration dedup_window,
                     HotTail& tail, JournalMetrics& metrics)
    : store_(store), rules_(rules), dedup_window_(dedup_window), tail_(tail), metrics_(metrics) {
  ages_.try_emplace(TopicSettings().retention_age);
  for (const TopicRule& rule : rules.rules()) {
    if (rule.retention_age) ages_.try_emplace(*rule.retention_age);
    has_limits_ =
        has_limits_ || rule.retention_count.value_or(0) > 0 || rule.retention_bytes.value_or(0) > 0;
  }
  ages_.erase(Duration::zero());
}

Status Retention::Apply(Timestamp now) {
  for (const auto& [age, from] : ages_) POSTROAD_TRY(ApplyAge(age, now));
  if (has_limits_) POSTROAD_TRY(ApplyLimits());
  return TrimFeed(now);
}

Status Retention::Trim(TopicId topic, Offset before) {
  const auto info = store_.FindTopicById(topic);
  if (!info) return IsNotFound(info.error()) ? Status() : Fail(info.error());
  if (before <= info->first) return {};
  const auto first = store_.TrimTopic(topic, before);
  if (!first) return IsNotFound(first.error()) ? Status() : Fail(first.error());
  tail_.TrimTopic(topic, *first);
  metrics_.retention_events.Add(static_cast<double>(*first - info->first));
  return {};
}

Status Retention::ApplyAge(Duration age, Timestamp now) {
  FeedPosition& from = ages_[age];
  POSTROAD_ASSIGN(const FeedPosition to, store_.PositionAtTime(now - age));
  while (from < to) {
    POSTROAD_ASSIGN(const std::vector<store::FeedEntry> entries,
                    store_.ReadFeed(from, kEntriesPerStep));
    Doomed doomed;
    FeedPosition next = to;  // nothing is left before it
    for (const store::FeedEntry& entry : entries) {
      if (entry.position >= to) break;
      next = entry.position + entry.count;
      if (rules_.For(entry.topic_name).retention_age != age) continue;
      Offset& before = doomed[entry.topic];
      before = std::max(before, entry.first + entry.count);
    }
    for (const auto& [topic, before] : doomed) POSTROAD_TRY(Trim(topic, before));
    from = next;
  }
  return {};
}

Status Retention::ApplyLimits() {
  if (!limits_loaded_) {
    POSTROAD_ASSIGN(const auto saved, store_.Get(store::Table::kMeta, kLimitsKey));
    if (saved && saved->size() == 16 &&
        GetBig64(saved->data() + 8) == FingerprintOfLimits(rules_)) {
      limits_from_ = FeedPosition(GetBig64(saved->data()));
    }
    limits_loaded_ = true;
  }
  const FeedPosition begin = limits_from_;
  const FeedPosition end = tail_.feed_end();
  while (limits_from_ < end) {
    POSTROAD_ASSIGN(const std::vector<store::FeedEntry> entries,
                    store_.ReadFeed(limits_from_, kEntriesPerStep));
    std::unordered_set<TopicId> seen;
    for (const store::FeedEntry& entry : entries) {
      if (seen.insert(entry.topic).second) POSTROAD_TRY(ApplyLimits(entry));
    }
    if (entries.empty()) break;
    limits_from_ = entries.back().position + entries.back().count;
  }
  if (begin == limits_from_) return {};
  std::string value;
  PutBig64(value, limits_from_.value());
  PutBig64(value, FingerprintOfLimits(rules_));
  const std::vector<store::Mutation> put = {
      {store::Mutation::Kind::kPut, store::Table::kMeta, kLimitsKey, std::move(value)}};
  return store_.Write(put, false);
}

Status Retention::ApplyLimits(const store::FeedEntry& entry) {
  const TopicSettings settings = rules_.For(entry.topic_name);
  if (settings.retention_count == 0 && settings.retention_bytes == 0) return {};
  const auto info = store_.FindTopicById(entry.topic);
  if (!info) return IsNotFound(info.error()) ? Status() : Fail(info.error());
  Offset before = info->first;
  if (settings.retention_count > 0 && info->next - info->first > settings.retention_count) {
    before = info->next - settings.retention_count;
  }
  if (settings.retention_bytes > 0 && info->bytes > settings.retention_bytes) {
    POSTROAD_ASSIGN(const Offset first, FirstWithin(*info, settings.retention_bytes));
    before = std::max(before, first);
  }
  return Trim(info->id, before);
}

// The first offset of the newest runs that hold at least `max_bytes`: what is before may go.
Result<Offset> Retention::FirstWithin(const store::TopicInfo& info, uint64_t max_bytes) {
  if (info.first == info.next) return info.next;
  POSTROAD_ASSIGN(const RunPtr last, store_.ReadRunAt(info.id, info.next - 1));
  const uint64_t end = last->bytes_before + last->body.size();
  const uint64_t wanted = end > max_bytes ? end - max_bytes : 0;
  // The last run that begins at or before the byte `wanted`, by halving the offsets.
  Offset low = info.first;
  for (Offset high = info.next; high - low > 1;) {
    const Offset middle = low + (high - low) / 2;
    POSTROAD_ASSIGN(const RunPtr run, store_.ReadRunAt(info.id, middle));
    if (run->bytes_before > wanted) {
      high = run->first > low ? run->first : low + 1;
    } else {
      low = middle;
    }
  }
  POSTROAD_ASSIGN(const RunPtr run, store_.ReadRunAt(info.id, low));
  return run->first;
}

Status Retention::TrimFeed(Timestamp now) {
  FeedPosition from;
  FeedPosition before;
  for (bool alive = false; !alive;) {
    POSTROAD_ASSIGN(const std::vector<store::FeedEntry> entries,
                    store_.ReadFeed(from, kEntriesPerStep));
    std::unordered_map<TopicId, Offset> firsts;
    for (const store::FeedEntry& entry : entries) {
      auto it = firsts.find(entry.topic);
      if (it == firsts.end()) {
        const auto info = store_.FindTopicById(entry.topic);
        if (!info && !IsNotFound(info.error())) return Fail(info.error());
        it = firsts.emplace(entry.topic, info ? info->first : Offset(UINT64_MAX)).first;
      }
      alive = entry.first + entry.count > it->second || entry.stored_at >= now - dedup_window_;
      if (alive) break;
      before = entry.position + entry.count;
    }
    if (entries.empty()) break;
    from = entries.back().position + entries.back().count;
  }
  return before == FeedPosition() ? Status() : store_.TrimFeed(before);
}

}  // namespace postroad::journal
