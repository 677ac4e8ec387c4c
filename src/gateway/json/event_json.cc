// See event_json.h.
#include "gateway/json/event_json.h"

#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <utility>

#include "core/base64.h"
#include "core/names.h"
#include "core/utf8.h"

namespace postroad::gateway {
namespace json = boost::json;
namespace {

json::string_view View(std::string_view text) { return {text.data(), text.size()}; }
std::string_view View(const json::string& text) { return {text.data(), text.size()}; }

void AddText(json::object& object, const char* name, std::string_view text) {
  if (!text.empty()) object[name] = View(text);
}

// Where a value stands in its request, for errors.
struct Place {
  std::string_view event;  // "events[3]"; may be empty
  std::string_view name;   // "key"

  std::string Path(std::string_view below = {}) const {
    std::string path(event);
    if (!path.empty()) path += '.';
    path += name;
    return path.append(below);
  }
};

Result<std::string> TextOf(const json::value& value, std::string path) {
  if (!value.is_string()) return Invalid(std::move(path), "must be a string");
  return std::string(View(value.get_string()));
}

Status TakeTime(Place place, const json::value& value, std::optional<Timestamp>& out) {
  POSTROAD_ASSIGN(const std::string text, TextOf(value, place.Path()));
  auto time = ParseTime(text, std::chrono::system_clock::now());
  if (!time) return Invalid(place.Path(), time.error().message);
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

Status TakeBase64(Place place, const json::value& value, Event& event) {
  POSTROAD_ASSIGN(const std::string text, TextOf(value, place.Path()));
  if (!FromBase64(text, event.payload)) return Invalid(place.Path(), "is not base64");
  return {};
}

Status TakeHeaders(Place place, const json::value& value, Event& event) {
  if (!value.is_object()) return Invalid(place.Path(), "must be an object of strings");
  for (const auto& member : value.get_object()) {
    const std::string name(member.key().data(), member.key().size());
    POSTROAD_ASSIGN(std::string text, TextOf(member.value(), place.Path("." + name)));
    event.headers.emplace_back(name, std::move(text));
  }
  return {};
}

Status TakeSearchKeys(Place place, const json::value& value, Event& event) {
  if (!value.is_array()) return Invalid(place.Path(), "must be an array of strings");
  for (const json::value& key : value.get_array()) {
    const std::string index = "[" + std::to_string(event.search_keys.size()) + "]";
    POSTROAD_ASSIGN(std::string text, TextOf(key, place.Path(index)));
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

// What readers are given beside the event.
bool IsOfReading(std::string_view name) {
  return name == "offset" || name == "position" || name == "stored_at" || name == "cursor" ||
         name == "attempt";
}

Status TakeField(Place place, const json::value& value, Event& event) {
  const std::string_view name = place.name;
  if (value.is_null() && name != "payload") return {};
  if (std::string* field = TextField(event, name)) {
    POSTROAD_ASSIGN(*field, TextOf(value, place.Path()));
    return {};
  }
  if (name == "payload") return TakePayload(value, event);
  if (name == "payload_base64") return TakeBase64(place, value, event);
  if (name == "headers") return TakeHeaders(place, value, event);
  if (name == "search_keys") return TakeSearchKeys(place, value, event);
  if (name == "time") return TakeTime(place, value, event.time);
  if (name == "deliver_at") return TakeTime(place, value, event.deliver_at);
  if (IsOfReading(name)) return {};
  const std::string near =
      NearestName(name, {"id", "topic", "key", "type", "content_type", "payload", "payload_base64",
                         "headers", "search_keys", "time", "deliver_at"});
  return Invalid(place.Path(), "is no field of an event" +
                                   (near.empty() ? "" : ", did you mean '" + near + "'?"));
}

// Looks at JSON text without keeping anything of it.
struct NoValues {
  static constexpr size_t max_object_size = SIZE_MAX;
  static constexpr size_t max_array_size = SIZE_MAX;
  static constexpr size_t max_key_size = SIZE_MAX;
  static constexpr size_t max_string_size = SIZE_MAX;
  using Text = json::string_view;
  using Code = json::error_code;

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_array_begin(Code&) { return true; }
  bool on_array_end(size_t, Code&) { return true; }
  bool on_object_begin(Code&) { return true; }
  bool on_object_end(size_t, Code&) { return true; }
  bool on_string_part(Text, size_t, Code&) { return true; }
  bool on_string(Text, size_t, Code&) { return true; }
  bool on_key_part(Text, size_t, Code&) { return true; }
  bool on_key(Text, size_t, Code&) { return true; }
  bool on_number_part(Text, Code&) { return true; }
  bool on_int64(int64_t, Text, Code&) { return true; }
  bool on_uint64(uint64_t, Text, Code&) { return true; }
  bool on_double(double, Text, Code&) { return true; }
  bool on_bool(bool, Code&) { return true; }
  bool on_null(Code&) { return true; }
  bool on_comment_part(Text, Code&) { return true; }
  bool on_comment(Text, Code&) { return true; }
};

bool IsJsonButNoString(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos || text[begin] == '"') return false;
  text = text.substr(0, text.find_last_not_of(kBlanks) + 1);
  json::basic_parser<NoValues> parser({});
  json::error_code error;
  const size_t read = parser.write_some(false, text.data(), text.size(), error);
  return !error && read == text.size();
}

void AddNames(json::object& object, const EventView& event) {
  AddText(object, "id", event.id);
  AddText(object, "key", event.key);
  AddText(object, "type", event.type);
  AddText(object, "content_type", event.content_type);
}

void AddRest(json::object& object, const EventView& event) {
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

}  // namespace

void AddBytes(json::object& object, std::string_view name, std::string_view bytes) {
  if (IsValidUtf8(bytes)) {
    object[View(name)] = View(bytes);
  } else {
    object[View(std::string(name) + "_base64")] = Base64(bytes);
  }
}

bool IsJsonType(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  while (content_type.ends_with(' ')) content_type.remove_suffix(1);
  return content_type == "application/json" || content_type.ends_with("+json");
}

void AppendWithPayload(json::object object, const EventView& event, std::string& out) {
  const bool as_is = IsJsonType(event.content_type) && IsJsonButNoString(event.payload);
  if (!as_is) AddBytes(object, "payload", event.payload);
  out.append(json::serialize(object));
  if (!as_is) return;
  out.back() = object.empty() ? '{' : ',';
  out.append("\"payload\":");
  const size_t begin = out.size();
  out.append(event.payload);
  // Line ends in JSON are white space.
  for (size_t i = begin; i < out.size(); ++i) {
    if (out[i] == '\n' || out[i] == '\r') out[i] = ' ';
  }
  out.push_back('}');
}

void AddEvent(json::object& object, const EventView& event) {
  AddNames(object, event);
  AddBytes(object, "payload", event.payload);
  AddRest(object, event);
}

void AddAttributes(json::object& object, const EventView& event) {
  AddNames(object, event);
  AddRest(object, event);
}

Result<Event> ReadEvent(const json::value& value, std::string_view field) {
  if (!value.is_object()) return Invalid(std::string(field), "is not a JSON object");
  const json::object& object = value.get_object();
  Event event;
  // First, as TakePayload looks at it.
  if (const auto* type = object.if_contains("content_type")) {
    POSTROAD_TRY(TakeField({field, "content_type"}, *type, event));
  }
  for (const auto& member : object) {
    const std::string_view name(member.key().data(), member.key().size());
    POSTROAD_TRY(TakeField({field, name}, member.value(), event));
  }
  return event;
}

Result<Event> ParseEventJson(std::string_view text) {
  json::error_code error;
  const json::value value = json::parse(View(text), error);
  if (error) return Invalid("", "is not JSON: " + error.message());
  return ReadEvent(value, {});
}

}  // namespace postroad::gateway
