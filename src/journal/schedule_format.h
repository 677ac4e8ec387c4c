// Keys and values of Table::kSchedule (docs/formats/tables.md).
#ifndef POSTROAD_JOURNAL_SCHEDULE_FORMAT_H_
#define POSTROAD_JOURNAL_SCHEDULE_FORMAT_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "journal/journal.h"

namespace postroad::journal {

// An event that waits, with what it is found by.
struct ScheduledItem {
  Scheduled event;
  std::vector<std::string> search_keys;
};

// Due time and sequence: what tells events apart and orders them; 16 bytes.
std::string SchedulePlace(Timestamp due, uint64_t sequence);
inline constexpr size_t kSchedulePlaceBytes = 16;

// "d" place: the event. The other keys lead to a place.
std::string ScheduleDueKey(std::string_view place);
std::string ScheduleIdPrefix(std::string_view id);
std::string ScheduleIdKey(std::string_view topic, std::string_view id);
std::string ScheduleTopicPrefix(std::string_view topic);
std::string ScheduleSearchPrefix(std::string_view search_key);
// "n": how many wait (8), the next sequence (8).
inline constexpr char kScheduleCountKey[] = "n";

std::string EncodeScheduled(const ScheduledItem& item);
// Nothing if it is malformed.
std::optional<ScheduledItem> DecodeScheduled(std::string_view place, std::string_view value);

// A place as a page token, and back; nothing if it is none.
std::string PageToken(std::string_view place);
std::optional<std::string> ParsePageToken(std::string_view token);

// The smallest key that is greater than all that start with `prefix`.
std::string PrefixEnd(std::string prefix);

}  // namespace postroad::journal

#endif  // POSTROAD_JOURNAL_SCHEDULE_FORMAT_H_
