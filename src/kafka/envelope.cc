// The JSON envelope: see format.h.
#include "core/base64.h"
#include "core/utf8.h"
#include "kafka/format_parts.h"

namespace postroad::kafka {

namespace json = boost::json;

namespace {

constexpr std::string_view kEncoding = "payloadEncoding";

// A member that is a string; empty where it is absent or null.
Result<std::string_view> Text(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains({name.data(), name.size()});
  if (value == nullptr || value->is_null()) return std::string_view();
  if (!value->is_string()) return Invalid(std::string(name), "must be a string");
  const json::string& text = value->get_string();
  return std::string_view(text.data(), text.size());
}

Result<std::string_view> Needed(const json::object& object, std::string_view name) {
  POSTROAD_ASSIGN(const std::string_view text, Text(object, name));
  if (text.empty()) return Invalid(std::string(name), "is needed");
  return text;
}

Status TakePayload(const json::object& object, Event& event) {
  if (!object.contains("payload")) return Invalid("payload", "is needed");
  POSTROAD_ASSIGN(const std::string_view payload, Text(object, "payload"));
  POSTROAD_ASSIGN(const std::string_view encoding, Text(object, kEncoding));
  if (encoding.empty()) {
    event.payload = payload;
  } else if (encoding != "base64") {
    return Invalid(std::string(kEncoding), "must be base64");
  } else if (!FromBase64(payload, event.payload)) {
    return Invalid("payload", "is not base64");
  }
  return {};
}

}  // namespace

void EncodeEnvelope(const EventView& event, Timestamp now, Message& message) {
  std::string& out = message.value;
  out = "{";
  AppendMember(out, "topic", event.topic);
  AppendMember(out, "uuid", event.id);
  AppendMember(out, "timestamp", FormatTime(now));
  AppendMember(out, "msgType", event.type);
  AppendMember(out, "mimeType", event.content_type);
  if (IsValidUtf8(event.payload)) {
    AppendMember(out, "payload", event.payload);
  } else {
    AppendMember(out, "payload", Base64(event.payload));
    AppendMember(out, kEncoding, "base64");
  }
  out += '}';
}

Result<Event> DecodeEnvelope(const MessageView& message) {
  POSTROAD_ASSIGN(const json::object object, ParseObject(message.value));
  Event event;
  POSTROAD_ASSIGN(event.id, Needed(object, "uuid"));
  POSTROAD_ASSIGN(event.topic, Needed(object, "topic"));
  POSTROAD_ASSIGN(event.type, Text(object, "msgType"));
  POSTROAD_ASSIGN(event.content_type, Text(object, "mimeType"));
  POSTROAD_ASSIGN(const std::string_view time, Text(object, "timestamp"));
  if (!time.empty()) POSTROAD_TRY(TakeTime("timestamp", time, event.time));
  POSTROAD_TRY(TakePayload(object, event));
  return event;
}

}  // namespace postroad::kafka
