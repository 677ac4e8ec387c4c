// Matching events against a reader's filter.
#include "core/filter.h"

#include <algorithm>

#include "core/event_rules.h"
#include "core/utf8.h"

namespace postroad {
namespace {

constexpr size_t kMaxFilterEntries = 100;

bool TypeMatches(std::string_view wanted, std::string_view type) {
  if (wanted.ends_with('*')) return type.starts_with(wanted.substr(0, wanted.size() - 1));
  return type == wanted;
}

bool HasHeader(const EventView& event, std::string_view name, std::string_view value) {
  return std::ranges::any_of(event.headers,
                             [&](const auto& h) { return h.first == name && h.second == value; });
}

Status CheckCount(size_t entries, std::string_view field, std::string_view list) {
  if (entries <= kMaxFilterEntries) return {};
  return Invalid(FieldPath(field, list),
                 "has " + std::to_string(entries) + " entries, at most " +
                     std::to_string(kMaxFilterEntries) + " are allowed",
                 "BAD_FILTER");
}

Status CheckList(const std::vector<std::string>& entries, size_t most_bytes, bool star_ends,
                 std::string_view field, std::string_view list) {
  POSTROAD_TRY(CheckCount(entries.size(), field, list));
  for (size_t i = 0; i < entries.size(); ++i) {
    const size_t most = most_bytes + (star_ends && entries[i].ends_with('*') ? 1 : 0);
    POSTROAD_TRY(
        CheckText(entries[i], most, field, std::string(list) + "[" + std::to_string(i) + "]"));
  }
  return {};
}

}  // namespace

bool EventFilter::Matches(const EventView& event) const {
  const auto type_matches = [&](const auto& wanted) { return TypeMatches(wanted, event.type); };
  if (!types.empty() && !std::ranges::any_of(types, type_matches)) return false;
  const auto key_matches = [&](const auto& wanted) { return wanted == event.key; };
  if (!keys.empty() && !std::ranges::any_of(keys, key_matches)) return false;
  return std::ranges::all_of(
      headers, [&](const auto& wanted) { return HasHeader(event, wanted.first, wanted.second); });
}

Status CheckFilter(const EventFilter& filter, std::string_view field) {
  POSTROAD_TRY(CheckList(filter.types, kMaxTypeBytes, /*star_ends=*/true, field, "types"));
  POSTROAD_TRY(CheckList(filter.keys, kMaxKeyBytes, /*star_ends=*/false, field, "keys"));
  POSTROAD_TRY(CheckCount(filter.headers.size(), field, "headers"));
  for (const auto& [name, value] : filter.headers) {
    POSTROAD_TRY(CheckHeader(name, value, field));
  }
  return {};
}

}  // namespace postroad
