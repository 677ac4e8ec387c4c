// Future-dated events: kept in Table::kSchedule until due, found by due time, by id, by topic and
// by search key. Only the next due time is in memory. docs/formats/tables.md describes the keys.
#ifndef POSTROAD_JOURNAL_SCHEDULE_H_
#define POSTROAD_JOURNAL_SCHEDULE_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "journal/journal.h"
#include "journal/schedule_format.h"
#include "store/store.h"

namespace postroad::journal {

// Changes are planned on the committing thread: each adds mutations, which are written in one
// commit, after which Commit or Abort is called. List may be called by any thread.
class Schedule {
 public:
  Schedule(store::Store& store, uint64_t max_events) : store_(store), max_events_(max_events) {}

  Status Load();

  // RESOURCE_EXHAUSTED reason SCHEDULE_FULL if `count` more would be too many.
  Status CheckRoom(uint64_t count) const;
  // Adds an event; false if one of its topic and id waits already.
  Result<bool> Add(FutureEvent event, std::vector<store::Mutation>& mutations);
  // Whether one of this topic and id waits, counting those that this commit adds but not those that
  // it appends; the first of two looks at whether any of the topic does, which costs less.
  Result<bool> WaitsIn(std::string_view topic) const;
  Result<bool> Waits(std::string_view topic, std::string_view id) const;
  // Events due at `now`, in order of due time: some thousand or megabytes of them at most. Each is
  // to be removed in the commit that appends it.
  Result<std::vector<ScheduledItem>> Due(Timestamp now);
  void Remove(const ScheduledItem& item, std::vector<store::Mutation>& mutations);
  // NOT_FOUND if no such event waits.
  Status Change(std::string_view topic, std::string_view id, std::optional<Timestamp> due,
                std::optional<std::string> record, std::vector<store::Mutation>& mutations);
  // Gives what matches this due time, or removes it: as much as goes into one commit. `query.after`
  // is moved on, and empty at the end. Returns how many are changed.
  Result<uint64_t> Reschedule(ScheduledQuery& query, Timestamp due,
                              std::vector<store::Mutation>& mutations);
  Result<uint64_t> Cancel(ScheduledQuery& query, std::vector<store::Mutation>& mutations);

  // To be called before the mutations are written.
  void FinishGroup(std::vector<store::Mutation>& mutations);
  Status Commit();
  void Abort();

  // When the next event is due, if one waits.
  std::optional<Timestamp> next_due() const { return next_due_; }
  uint64_t count() const { return count_; }

  // As in Journal.
  Result<ScheduledPage> List(const ScheduledQuery& query) const;

 private:
  struct Page {
    std::vector<ScheduledItem> items;
    std::string next;
  };
  Result<Page> Find(const ScheduledQuery& query) const;
  Result<Page> FindById(const ScheduledQuery& query) const;
  Result<std::vector<std::string>> PlacesOfId(const ScheduledQuery& query) const;
  Result<std::optional<ScheduledItem>> Get(std::string_view place) const;
  void Put(const ScheduledItem& item, std::vector<store::Mutation>& mutations);
  Status FindNextDue();

  store::Store& store_;
  const uint64_t max_events_;

  // Of the committing thread, but for the count, which others may read.
  std::atomic<uint64_t> count_ = 0;
  uint64_t next_sequence_ = 1;
  std::optional<Timestamp> next_due_;
  // No event is before it: spares walks over what was deleted.
  std::string scan_from_;

  // Of the group being planned.
  uint64_t added_ = 0;
  uint64_t removed_ = 0;
  uint64_t sequences_ = 0;
  std::string lowest_added_;
  std::string highest_removed_;
  std::unordered_set<std::string> added_ids_;
};

}  // namespace postroad::journal

#endif  // POSTROAD_JOURNAL_SCHEDULE_H_
