#include "journal/schedule.h"

#include <algorithm>

#include "core/bytes.h"
#include "core/event.h"

namespace postroad::journal {
namespace {

using store::Entry;
using store::Mutation;
using store::Table;

// Of what comes due in one commit, and of one look at the table.
constexpr size_t kDueEvents = 4096;
constexpr size_t kDueBytes = 2 << 20;
constexpr size_t kScanEvents = 64;
// Of what is changed in one commit (docs/semantics.md names the first), and of one page.
constexpr size_t kChangeEvents = 10'000;
constexpr size_t kPageBytes = 8 << 20;
// Index entries that one page looks at when other conditions sort most of them out.
constexpr size_t kPageScan = 100'000;

std::unexpected<Error> Corrupt() {
  return Fail(ErrorCode::kDataLoss, "The store's schedule is damaged; run `postroad store check`.",
              {}, "STORE_CORRUPT");
}

std::unexpected<Error> NotWaiting() {
  return Fail(ErrorCode::kNotFound, "No such event waits: it was delivered or cancelled.", "id");
}

bool Matches(const ScheduledItem& item, const ScheduledQuery& query) {
  return (query.topic.empty() || item.event.topic == query.topic) &&
         (query.id.empty() || item.event.id == query.id) &&
         (query.search_key.empty() ||
          std::ranges::find(item.search_keys, query.search_key) != item.search_keys.end());
}

// The event's record with this due time.
Result<std::string> RecordDueAt(std::string_view record, Timestamp due) {
  EventView event;
  POSTROAD_TRY(ParseRecord(record, event));
  event.deliver_at = due;
  return EncodeRecord(event);
}

std::string PlaceOf(const ScheduledItem& item) {
  return SchedulePlace(item.event.due, item.event.sequence);
}

// All keys that lead to the item, but its own.
std::vector<std::string> IndexKeys(const ScheduledItem& item, std::string_view place) {
  std::vector<std::string> keys;
  keys.push_back(ScheduleTopicPrefix(item.event.topic).append(place));
  for (const std::string& key : item.search_keys) {
    keys.push_back(ScheduleSearchPrefix(key).append(place));
  }
  return keys;
}

}  // namespace

Status Schedule::Load() {
  POSTROAD_ASSIGN(const std::optional<std::string> counts,
                  store_.Get(Table::kSchedule, kScheduleCountKey));
  if (counts) {
    if (counts->size() != 16) return Corrupt();
    count_ = GetBig64(counts->data());
    next_sequence_ = GetBig64(counts->data() + 8);
  }
  scan_from_ = "d";
  return FindNextDue();
}

Status Schedule::FindNextDue() {
  POSTROAD_ASSIGN(const std::vector<Entry> first,
                  store_.Scan(Table::kSchedule, scan_from_, "e", 1));
  next_due_.reset();
  if (first.empty()) return {};
  const auto item = DecodeScheduled(std::string_view(first[0].key).substr(1), first[0].value);
  if (!item) return Corrupt();
  next_due_ = item->event.due;
  return {};
}

Status Schedule::CheckRoom(uint64_t count) const {
  if (count_ + added_ + count <= max_events_) return {};
  return Fail(ErrorCode::kResourceExhausted,
              "As many future-dated events wait as may; cancel some, or post again later.",
              "deliver_at", "SCHEDULE_FULL");
}

Result<bool> Schedule::Add(FutureEvent event, std::vector<Mutation>& mutations) {
  std::string id_key = ScheduleIdKey(event.topic, event.id);
  if (added_ids_.contains(id_key)) return false;
  POSTROAD_ASSIGN(const auto waiting, store_.Get(Table::kSchedule, id_key));
  if (waiting) return false;
  ScheduledItem item{.event = {.topic = std::move(event.topic),
                               .id = std::move(event.id),
                               .due = event.due,
                               .sequence = next_sequence_ + sequences_++,
                               .record = std::move(event.record)},
                     .search_keys = std::move(event.search_keys)};
  Put(item, mutations);
  added_ids_.insert(std::move(id_key));
  ++added_;
  return true;
}

Result<bool> Schedule::WaitsIn(std::string_view topic) const {
  if (added_ > 0) return true;
  if (count_ == 0) return false;
  const std::string prefix = ScheduleTopicPrefix(topic);
  POSTROAD_ASSIGN(const std::vector<Entry> first,
                  store_.Scan(Table::kSchedule, prefix, PrefixEnd(prefix), 1));
  return !first.empty();
}

Result<bool> Schedule::Waits(std::string_view topic, std::string_view id) const {
  const std::string id_key = ScheduleIdKey(topic, id);
  if (added_ids_.contains(id_key)) return true;
  POSTROAD_ASSIGN(const auto place, store_.Get(Table::kSchedule, id_key));
  return place && ScheduleDueKey(*place) > highest_removed_;
}

void Schedule::Put(const ScheduledItem& item, std::vector<Mutation>& mutations) {
  const auto put = [&](std::string key, std::string value) {
    mutations.push_back({Mutation::Kind::kPut, Table::kSchedule, std::move(key), std::move(value)});
  };
  const std::string place = PlaceOf(item);
  std::string due_key = ScheduleDueKey(place);
  if (lowest_added_.empty() || due_key < lowest_added_) lowest_added_ = due_key;
  put(std::move(due_key), EncodeScheduled(item));
  put(ScheduleIdKey(item.event.topic, item.event.id), place);
  for (std::string& key : IndexKeys(item, place)) put(std::move(key), {});
}

void Schedule::Remove(const ScheduledItem& item, std::vector<Mutation>& mutations) {
  const auto remove = [&](std::string key) {
    mutations.push_back({Mutation::Kind::kDelete, Table::kSchedule, std::move(key), {}});
  };
  const std::string place = PlaceOf(item);
  remove(ScheduleDueKey(place));
  remove(ScheduleIdKey(item.event.topic, item.event.id));
  for (std::string& key : IndexKeys(item, place)) remove(std::move(key));
  ++removed_;
}

Result<std::vector<ScheduledItem>> Schedule::Due(Timestamp now) {
  std::vector<ScheduledItem> due;
  std::string from = scan_from_;
  const std::string to = ScheduleDueKey(SchedulePlace(now + Duration(1), 0));
  for (size_t bytes = 0; from < to && bytes < kDueBytes && due.size() < kDueEvents;) {
    POSTROAD_ASSIGN(const std::vector<Entry> entries,
                    store_.Scan(Table::kSchedule, from, to, kScanEvents));
    for (const Entry& entry : entries) {
      auto item = DecodeScheduled(std::string_view(entry.key).substr(1), entry.value);
      if (!item) return Corrupt();
      bytes += entry.value.size();
      due.push_back(std::move(*item));
      highest_removed_ = entry.key;
    }
    if (entries.size() < kScanEvents) break;
    from = entries.back().key + '\0';
  }
  if (due.empty()) POSTROAD_TRY(FindNextDue());
  return due;
}

Status Schedule::Change(std::string_view topic, std::string_view id, std::optional<Timestamp> due,
                        std::optional<std::string> record, std::vector<Mutation>& mutations) {
  POSTROAD_ASSIGN(const auto place, store_.Get(Table::kSchedule, ScheduleIdKey(topic, id)));
  if (!place) return NotWaiting();
  POSTROAD_ASSIGN(std::optional<ScheduledItem> item, Get(*place));
  if (!item) return NotWaiting();
  Remove(*item, mutations);
  item->event.due = due.value_or(item->event.due);
  if (record) {
    EventView event;
    POSTROAD_TRY(ParseRecord(*record, event));
    item->search_keys.assign(event.search_keys.begin(), event.search_keys.end());
    item->event.record = std::move(*record);
  }
  Put(*item, mutations);
  ++added_;
  return {};
}

Result<uint64_t> Schedule::Reschedule(ScheduledQuery& query, Timestamp due,
                                      std::vector<Mutation>& mutations) {
  query.limit = kChangeEvents;
  POSTROAD_ASSIGN(Page page, Find(query));
  uint64_t changed = 0;
  for (ScheduledItem& item : page.items) {
    // Among them those that an earlier commit of this call moved to where it looks later.
    if (item.event.due == due) continue;
    POSTROAD_ASSIGN(item.event.record, RecordDueAt(item.event.record, due));
    Remove(item, mutations);
    item.event.due = due;
    Put(item, mutations);
    ++changed;
  }
  added_ += changed;
  query.after = page.next;
  return changed;
}

Result<uint64_t> Schedule::Cancel(ScheduledQuery& query, std::vector<Mutation>& mutations) {
  query.limit = kChangeEvents;
  POSTROAD_ASSIGN(const Page page, Find(query));
  for (const ScheduledItem& item : page.items) Remove(item, mutations);
  query.after = page.next;
  return page.items.size();
}

void Schedule::FinishGroup(std::vector<Mutation>& mutations) {
  if (added_ == 0 && removed_ == 0) return;
  std::string counts;
  PutBig64(counts, count_ + added_ - removed_);
  PutBig64(counts, next_sequence_ + sequences_);
  mutations.push_back(
      {Mutation::Kind::kPut, Table::kSchedule, kScheduleCountKey, std::move(counts)});
}

Status Schedule::Commit() {
  const bool changed = added_ > 0 || removed_ > 0;
  count_ = count_ + added_ - removed_;
  next_sequence_ += sequences_;
  if (!highest_removed_.empty()) scan_from_ = highest_removed_ + '\0';
  if (!lowest_added_.empty() && lowest_added_ < scan_from_) scan_from_ = lowest_added_;
  Abort();
  return changed ? FindNextDue() : Status();
}

void Schedule::Abort() {
  added_ = removed_ = sequences_ = 0;
  lowest_added_.clear();
  highest_removed_.clear();
  added_ids_.clear();
}

Result<std::optional<ScheduledItem>> Schedule::Get(std::string_view place) const {
  POSTROAD_ASSIGN(const auto value, store_.Get(Table::kSchedule, ScheduleDueKey(place)));
  if (!value) return std::nullopt;
  auto item = DecodeScheduled(place, *value);
  if (!item) return Corrupt();
  return item;
}

Result<ScheduledPage> Schedule::List(const ScheduledQuery& query) const {
  POSTROAD_ASSIGN(Page page, Find(query));
  ScheduledPage result{.next = std::move(page.next)};
  for (ScheduledItem& item : page.items) result.events.push_back(std::move(item.event));
  return result;
}

Result<Schedule::Page> Schedule::Find(const ScheduledQuery& query) const {
  if (!query.id.empty()) return FindById(query);
  const std::string prefix = !query.search_key.empty() ? ScheduleSearchPrefix(query.search_key)
                             : !query.topic.empty()    ? ScheduleTopicPrefix(query.topic)
                                                       : "d";
  std::string from = prefix;
  if (!query.after.empty()) {
    const auto place = ParsePageToken(query.after);
    if (!place) return Invalid("page_token", "This is no page token of a list of events.");
    from += *place + '\0';
  }
  const bool indexed = prefix != "d";
  Page page;
  size_t bytes = 0;
  for (size_t looked = 0; looked < kPageScan;) {
    POSTROAD_ASSIGN(const std::vector<Entry> entries,
                    store_.Scan(Table::kSchedule, from, PrefixEnd(prefix), kScanEvents));
    looked += entries.size();
    for (const Entry& entry : entries) {
      const auto place = std::string_view(entry.key).substr(prefix.size());
      POSTROAD_ASSIGN(std::optional<ScheduledItem> item,
                      indexed ? Get(place) : DecodeScheduled(place, entry.value));
      page.next = PageToken(place);
      if (!item || !Matches(*item, query)) continue;
      bytes += item->event.record.size();
      page.items.push_back(std::move(*item));
      if (page.items.size() == query.limit || bytes >= kPageBytes) return page;
    }
    if (entries.size() < kScanEvents) {
      page.next.clear();
      return page;
    }
    from = entries.back().key + '\0';
  }
  return page;
}

// The first places of the events with this id, one more than the page takes, in order. An id waits
// at most once a topic, and the index is by topic: all that have it are looked at.
Result<std::vector<std::string>> Schedule::PlacesOfId(const ScheduledQuery& query) const {
  const std::string prefix = ScheduleIdPrefix(query.id);
  const std::string after =
      query.after.empty() ? std::string() : ParsePageToken(query.after).value_or(std::string());
  if (!query.after.empty() && after.empty()) {
    return Invalid("page_token", "This is no page token of a list of events.");
  }
  std::vector<std::string> places;  // a heap: the last of them is in front
  std::string from = prefix;
  while (true) {
    POSTROAD_ASSIGN(const std::vector<Entry> entries,
                    store_.Scan(Table::kSchedule, from, PrefixEnd(prefix), kScanEvents));
    for (const Entry& entry : entries) {
      const auto topic = std::string_view(entry.key).substr(prefix.size());
      if (!query.topic.empty() && topic != query.topic) continue;
      if (entry.value <= after) continue;
      places.push_back(entry.value);
      std::ranges::push_heap(places);
      if (places.size() <= query.limit + 1) continue;
      std::ranges::pop_heap(places);
      places.pop_back();
    }
    if (entries.size() < kScanEvents) break;
    from = entries.back().key + '\0';
  }
  std::ranges::sort_heap(places);
  return places;
}

Result<Schedule::Page> Schedule::FindById(const ScheduledQuery& query) const {
  Page page;
  POSTROAD_ASSIGN(const std::vector<std::string> places, PlacesOfId(query));
  for (size_t i = 0, bytes = 0; i < places.size(); ++i) {
    if (i == query.limit || bytes >= kPageBytes) {
      page.next = PageToken(places[i - 1]);
      return page;
    }
    POSTROAD_ASSIGN(std::optional<ScheduledItem> item, Get(places[i]));
    if (!item || !Matches(*item, query)) continue;
    bytes += item->event.record.size();
    page.items.push_back(std::move(*item));
  }
  return page;
}

}  // namespace postroad::journal
