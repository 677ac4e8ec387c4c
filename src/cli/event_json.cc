#include "cli/event_json.h"

#include <boost/json.hpp>
#include <utility>

#include "cli/text.h"
#include "core/names.h"
#include "core/utf8.h"

namespace postroad::cli {
namespace json = boost::json;
namespace {

json::string_view View(std::string_view text) { return {text.data(), text.size()}; }
std::string_view View(const json::string& text) { return {text.data(), text.size()}; }

void AddText(json::object& object, const char* name, std::string_view text) {
  if (!text.empty()) object[name] = View(text);
}

Result<std::string> TextOf(std::string_view name, const json::value& value) {
  if (!value.is_string()) return Invalid(std::string(name), "must be a string");
  return std::string(View(value.get_string()));
}

Status TakeTime(std::string_view name, const json::value& value, std::optional<Timestamp>& out) {
  POSTROAD_ASSIGN(const std::string text, TextOf(name, value));
  auto time = ParseTime(text, std::chrono::system_clock::now());
  if (!time) return Invalid(std::string(name), time.error().message);
  out = *time;
  return {};
}

Status TakePayload(const json::value& value, Event& event) {
  if (value.is_string()) {
    event.payload = View(value.get_string());
  } else {
    event.payload = json::serialize(value);
    if (event.content_type.empty()) event.content_type = "application/json";
  }
  return {};
}

Status TakeBase64(const json::value& value, Event& event) {
  POSTROAD_ASSIGN(const std::string text, TextOf("payload_base64", value));
  if (!FromBase64(text, event.payload)) return Invalid("payload_base64", "is not base64");
  return {};
}

Status TakeHeaders(const json::value& value, Event& event) {
  if (!value.is_object()) return Invalid("headers", "must be an object of strings");
  for (const auto& member : value.get_object()) {
    const std::string name(member.key().data(), member.key().size());
    POSTROAD_ASSIGN(std::string text, TextOf("headers." + name, member.value()));
    event.headers.emplace_back(name, std::move(text));
  }
  return {};
}

Status TakeSearchKeys(const json::value& value, Event& event) {
  if (!value.is_array()) return Invalid("search_keys", "must be an array of strings");
  for (const json::value& key : value.get_array()) {
    POSTROAD_ASSIGN(std::string text, TextOf("search_keys", key));
    event.search_keys.push_back(std::move(text));
  }
  return {};
}

std::string* TextField(Event& event, std::string_view name) {
  if (name == "id") return &event.id;
  if (name == "topic") return &event.topic;
  if (name == "key") return &event.key;
  if (name == "type") return &event.type;
  if (name == "content_type") return &event.content_type;
  return nullptr;
}

Status TakeField(std::string_view name, const json::value& value, Event& event) {
  if (value.is_null() && name != "payload") return {};
  if (std::string* field = TextField(event, name)) {
    POSTROAD_ASSIGN(*field, TextOf(name, value));
    return {};
  }
  if (name == "payload") return TakePayload(value, event);
  if (name == "payload_base64") return TakeBase64(value, event);
  if (name == "headers") return TakeHeaders(value, event);
  if (name == "search_keys") return TakeSearchKeys(value, event);
  if (name == "time") return TakeTime(name, value, event.time);
  if (name == "deliver_at") return TakeTime(name, value, event.deliver_at);
  if (name == "offset" || name == "stored_at" || name == "attempt") return {};
  const std::string near =
      NearestName(name, {"id", "topic", "key", "type", "content_type", "payload", "payload_base64",
                         "headers", "search_keys", "time", "deliver_at"});
  return Invalid(std::string(name), "is no field of an event" +
                                        (near.empty() ? "" : ", did you mean '" + near + "'?"));
}

}  // namespace

void AddBytes(json::object& object, std::string_view name, std::string_view bytes) {
  if (IsValidUtf8(bytes)) {
    object[View(name)] = View(bytes);
  } else {
    object[View(std::string(name) + "_base64")] = Base64(bytes);
  }
}

void AddEvent(json::object& object, const EventView& event) {
  AddText(object, "id", event.id);
  AddText(object, "key", event.key);
  AddText(object, "type", event.type);
  AddText(object, "content_type", event.content_type);
  AddBytes(object, "payload", event.payload);
  if (!event.headers.empty()) {
    json::object headers;
    for (const auto& [name, value] : event.headers) headers[View(name)] = View(value);
    object["headers"] = std::move(headers);
  }
  if (event.time) object["time"] = FormatTime(*event.time);
  if (event.deliver_at) object["deliver_at"] = FormatTime(*event.deliver_at);
  if (!event.search_keys.empty()) {
    json::array keys;
    for (const auto& key : event.search_keys) keys.emplace_back(View(key));
    object["search_keys"] = std::move(keys);
  }
}

Result<Event> ParseEventJson(std::string_view text) {
  json::error_code error;
  const json::value value = json::parse(View(text), error);
  if (error) return Invalid("", "is not JSON: " + error.message());
  if (!value.is_object()) return Invalid("", "is not a JSON object");
  const json::object& object = value.get_object();
  Event event;
  // First, as TakePayload looks at it.
  if (const auto* type = object.if_contains("content_type")) {
    POSTROAD_TRY(TakeField("content_type", *type, event));
  }
  for (const auto& member : object) {
    POSTROAD_TRY(TakeField({member.key().data(), member.key().size()}, member.value(), event));
  }
  return event;
}

}  // namespace postroad::cli
