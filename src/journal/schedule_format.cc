#include "journal/schedule_format.h"

#include "core/bytes.h"

namespace postroad::journal {
namespace {

std::string Prefixed(char kind, std::string_view text) {
  std::string key(1, kind);
  PutVarint(key, text.size());
  key += text;
  return key;
}

void PutText(std::string& out, std::string_view text) {
  PutVarint(out, text.size());
  out += text;
}
bool TakeText(std::string_view& in, std::string& out) {
  const auto size = TakeVarint(in);
  if (!size || *size > in.size()) return false;
  out = in.substr(0, *size);
  in.remove_prefix(*size);
  return true;
}

}  // namespace

std::string SchedulePlace(Timestamp due, uint64_t sequence) {
  std::string place;
  PutBig64(place, static_cast<uint64_t>(ToNanos(due)));
  PutBig64(place, sequence);
  return place;
}

std::string ScheduleDueKey(std::string_view place) { return "d" + std::string(place); }
std::string ScheduleIdPrefix(std::string_view id) { return Prefixed('i', id); }
std::string ScheduleIdKey(std::string_view topic, std::string_view id) {
  return ScheduleIdPrefix(id).append(topic);
}
std::string ScheduleTopicPrefix(std::string_view topic) { return Prefixed('t', topic); }
std::string ScheduleSearchPrefix(std::string_view search_key) { return Prefixed('s', search_key); }

std::string EncodeScheduled(const ScheduledItem& item) {
  std::string out;
  PutText(out, item.event.topic);
  PutText(out, item.event.id);
  PutVarint(out, item.search_keys.size());
  for (const std::string& key : item.search_keys) PutText(out, key);
  return out.append(item.event.record);
}

std::optional<ScheduledItem> DecodeScheduled(std::string_view place, std::string_view value) {
  ScheduledItem item;
  if (place.size() != kSchedulePlaceBytes || !TakeText(value, item.event.topic) ||
      !TakeText(value, item.event.id)) {
    return std::nullopt;
  }
  const auto keys = TakeVarint(value);
  if (!keys || *keys > value.size()) return std::nullopt;
  item.search_keys.resize(*keys);
  for (std::string& key : item.search_keys) {
    if (!TakeText(value, key)) return std::nullopt;
  }
  item.event.record = value;
  item.event.due = FromNanos(static_cast<int64_t>(GetBig64(place.data())));
  item.event.sequence = GetBig64(place.data() + 8);
  return item;
}

std::string PageToken(std::string_view place) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string token;
  for (const char c : place) {
    token.push_back(kDigits[static_cast<uint8_t>(c) >> 4]);
    token.push_back(kDigits[static_cast<uint8_t>(c) & 15]);
  }
  return token;
}

std::optional<std::string> ParsePageToken(std::string_view token) {
  if (token.size() != kSchedulePlaceBytes * 2) return std::nullopt;
  std::string place;
  for (size_t i = 0; i < token.size(); i += 2) {
    uint8_t byte = 0;
    for (const char c : token.substr(i, 2)) {
      const bool digit = c >= '0' && c <= '9';
      if (!digit && (c < 'a' || c > 'f')) return std::nullopt;
      byte = static_cast<uint8_t>(byte << 4 | (digit ? c - '0' : c - 'a' + 10));
    }
    place.push_back(static_cast<char>(byte));
  }
  return place;
}

std::string PrefixEnd(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (!prefix.empty()) ++prefix.back();
  return prefix;
}

}  // namespace postroad::journal
