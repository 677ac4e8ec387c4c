// What CheckEvent checks. Nothing is allocated for an event that keeps the rules.
#include "core/event_rules.h"

#include <algorithm>

#include "core/event.h"
#include "core/utf8.h"

namespace postroad {
namespace {

std::unexpected<Error> TooMany(size_t count, size_t most, std::string_view parent,
                               std::string_view name) {
  return Invalid(
      FieldPath(parent, name),
      "has " + std::to_string(count) + " entries, at most " + std::to_string(most) + " are allowed",
      "TOO_MANY_ENTRIES");
}

std::unexpected<Error> BadText(std::string_view text, size_t most, std::string_view parent,
                               std::string_view name) {
  if (text.size() > most) {
    return Invalid(FieldPath(parent, name),
                   "has " + std::to_string(text.size()) + " bytes, at most " +
                       std::to_string(most) + " are allowed",
                   "TOO_LONG");
  }
  return Invalid(FieldPath(parent, name), "is not valid UTF-8", "BAD_UTF8");
}

bool IsHeaderName(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7f; });
}

// For error messages, where a name may be anything of any length.
std::string HeaderField(std::string_view parent, std::string_view name) {
  if (!IsHeaderName(name) || name.size() > kMaxHeaderNameBytes) return FieldPath(parent, "headers");
  return FieldPath(parent, "headers[\"" + std::string(name) + "\"]");
}

Status CheckTime(const std::optional<Timestamp>& t, std::string_view parent,
                 std::string_view name) {
  if (!t || (*t >= kEarliestTime && *t < kLatestTime)) return {};
  return Invalid(FieldPath(parent, name), "is not a time between 1970 and 2200", "BAD_TIME");
}

Status CheckHeaders(const EventView& event, std::string_view parent) {
  if (event.headers.size() > kMaxHeaders) {
    return TooMany(event.headers.size(), kMaxHeaders, parent, "headers");
  }
  for (auto header = event.headers.begin(); header != event.headers.end(); ++header) {
    POSTROAD_TRY(CheckHeader(header->first, header->second, parent));
    const auto same = [&](const auto& other) { return other.first == header->first; };
    if (std::any_of(event.headers.begin(), header, same)) {
      return Invalid(HeaderField(parent, header->first), "is given twice", "DUPLICATE_HEADER");
    }
  }
  return {};
}

Status CheckSearchKeys(const EventView& event, std::string_view parent) {
  const auto& keys = event.search_keys;
  if (keys.size() > kMaxSearchKeys) {
    return TooMany(keys.size(), kMaxSearchKeys, parent, "search_keys");
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!keys[i].empty() && keys[i].size() <= kMaxSearchKeyBytes && IsValidUtf8(keys[i])) continue;
    const std::string name = "search_keys[" + std::to_string(i) + "]";
    if (keys[i].empty()) return Invalid(FieldPath(parent, name), "must not be empty", "EMPTY");
    return BadText(keys[i], kMaxSearchKeyBytes, parent, name);
  }
  return {};
}

}  // namespace

std::string FieldPath(std::string_view parent, std::string_view name) {
  if (parent.empty()) return std::string(name);
  return std::string(parent).append(".").append(name);
}

Status CheckText(std::string_view text, size_t most, std::string_view parent,
                 std::string_view name) {
  if (text.size() <= most && IsValidUtf8(text)) [[likely]]
    return {};
  return BadText(text, most, parent, name);
}

Status CheckHeader(std::string_view name, std::string_view value, std::string_view parent) {
  if (name.size() > kMaxHeaderNameBytes) {
    return BadText(name, kMaxHeaderNameBytes, parent, "headers");
  }
  if (!IsHeaderName(name)) {
    return Invalid(FieldPath(parent, "headers"),
                   "has a name that is empty or not all printable ASCII without blanks",
                   "BAD_HEADER_NAME");
  }
  if (value.size() <= kMaxHeaderValueBytes && IsValidUtf8(value)) [[likely]]
    return {};
  auto error = BadText(value, kMaxHeaderValueBytes, {}, {});
  error.error().field = HeaderField(parent, name);
  return error;
}

Status CheckEvent(const EventView& event, std::string_view field) {
  POSTROAD_TRY(CheckText(event.id, kMaxIdBytes, field, "id"));
  POSTROAD_TRY(CheckText(event.key, kMaxKeyBytes, field, "key"));
  POSTROAD_TRY(CheckText(event.type, kMaxTypeBytes, field, "type"));
  POSTROAD_TRY(CheckText(event.content_type, kMaxContentTypeBytes, field, "content_type"));
  POSTROAD_TRY(CheckHeaders(event, field));
  POSTROAD_TRY(CheckTime(event.time, field, "time"));
  POSTROAD_TRY(CheckTime(event.deliver_at, field, "deliver_at"));
  return CheckSearchKeys(event, field);
}

bool IsTraceparent(std::string_view text) {
  if (text.size() != 55 || text[2] != '-' || text[35] != '-' || text[52] != '-') return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (i != 2 && i != 35 && i != 52 && !hex) return false;
  }
  return true;
}

}  // namespace postroad
