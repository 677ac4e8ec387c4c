// See postroad/outbox.h.
#include "postroad/outbox.h"

#include <chrono>
#include <cstdio>

#include "core/names.h"
#include "core/uuid.h"

namespace postroad::outbox {
namespace {

void AppendJson(std::string& json, const std::string& text) {
  json += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      json += escape;
    } else {
      json += c;
    }
  }
  json += '"';
}

std::optional<std::string> IfAny(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

std::optional<std::string> HeadersJson(const Event& event) {
  if (event.headers.empty()) return std::nullopt;
  std::string json;
  for (const auto& [name, value] : event.headers) {
    json += json.empty() ? '{' : ',';
    AppendJson(json, name);
    json += ':';
    AppendJson(json, value);
  }
  return json + "}";
}

std::optional<std::string> KeysJson(const Event& event) {
  if (event.search_keys.empty()) return std::nullopt;
  std::string json;
  for (const std::string& key : event.search_keys) {
    json += json.empty() ? '[' : ',';
    AppendJson(json, key);
  }
  return json + "]";
}

std::optional<std::string> KeysArray(const Event& event) {
  if (event.search_keys.empty()) return std::nullopt;
  std::string array;
  for (const std::string& key : event.search_keys) {
    array += array.empty() ? "{\"" : ",\"";
    for (const char c : key) {
      if (c == '"' || c == '\\') array += '\\';
      array += c;
    }
    array += '"';
  }
  return array + "}";
}

// To the microsecond, which is what the databases hold.
std::string SqlTime(Timestamp time) {
  std::string text = FormatTime(std::chrono::floor<std::chrono::microseconds>(time));
  text[text.find('T')] = ' ';
  text.pop_back();  // Z
  return text;
}

// No database's text holds it: what is behind it would be cut off, or the row refused.
Status CheckNoNul(const Event& event) {
  const auto check = [](const std::string& text, const char* field) -> Status {
    if (text.find('\0') == text.npos) return {};
    return Invalid(field, "has a byte 0, which no text in a database can have", "NUL");
  };
  POSTROAD_TRY(check(event.key, "key"));
  POSTROAD_TRY(check(event.type, "type"));
  POSTROAD_TRY(check(event.content_type, "content_type"));
  for (const std::string& key : event.search_keys) POSTROAD_TRY(check(key, "search_keys"));
  return {};
}

}  // namespace

Result<Row> MakeRow(const Event& event) {
  const Timestamp now = std::chrono::system_clock::now();
  POSTROAD_TRY(CheckTopicName(event.topic, "topic"));
  if (IsSystemTopic(event.topic)) {
    return Invalid("topic", "topics that begin with '_' are Postroad's own", "SYSTEM_TOPIC");
  }
  Row row{.event_id = event.id.empty() ? NewUuidV7(now) : event.id,
          .topic = event.topic,
          .payload = event.payload,
          .key = IfAny(event.key),
          .type = IfAny(event.type),
          .content_type = IfAny(event.content_type),
          .headers = HeadersJson(event),
          .search_keys = KeysJson(event),
          .search_key_array = KeysArray(event),
          .time = SqlTime(event.time.value_or(now))};
  if (event.deliver_at) row.deliver_at = SqlTime(*event.deliver_at);
  EventView checked = ViewOf(event);
  checked.id = row.event_id;
  if (!checked.time) checked.time = now;
  POSTROAD_TRY(CheckEvent(checked, {}));
  POSTROAD_TRY(CheckNoNul(event));
  return row;
}

}  // namespace postroad::outbox
