// CloudEvents 1.0.2 with its Kafka binding and JSON format, mapped as docs/http.md has it: source
// is the topic, partitionkey the key, other attributes are headers.
#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "core/base64.h"
#include "core/utf8.h"
#include "kafka/format.h"
#include "kafka/format_parts.h"

namespace postroad::kafka {

namespace json = boost::json;

namespace {

constexpr std::string_view kPrefix = "ce_";
constexpr std::string_view kStructured = "application/cloudevents";
// CloudEvents need a type; events do not.
constexpr std::string_view kNoType = "postroad.event";

bool IsJson(std::string_view type) {
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return type == "application/json" || type.ends_with("+json");
}

// A header that is an attribute: of the names that CloudEvents allows.
bool IsAttribute(std::string_view name) {
  return !name.empty() && name.size() <= 20 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  });
}

bool IsCore(std::string_view name) {
  return name == "specversion" || name == "id" || name == "source" || name == "type" ||
         name == "time" || name == "datacontenttype" || name == "partitionkey" || name == "data" ||
         name == "deliverat";
}

template <typename Add>
void ForEachAttribute(const EventView& event, const Add& add) {
  add("specversion", "1.0");
  add("id", event.id);
  const auto source = event.Header("source");
  add("source", source ? std::string(*source) : "/" + std::string(event.topic));
  add("type", event.type.empty() ? kNoType : event.type);
  if (event.time) add("time", FormatTime(*event.time));
  if (!event.key.empty()) add("partitionkey", event.key);
  for (const auto& [name, value] : event.headers) {
    if (IsAttribute(name) && !IsCore(name)) add(name, value);
  }
}

void AppendData(const EventView& event, std::string& out) {
  boost::system::error_code error;
  if (IsJson(event.content_type)) {
    const json::value data = json::parse({event.payload.data(), event.payload.size()}, error);
    // A JSON string would be taken for text by readers that do not look at datacontenttype, and
    // other numbers than ours may not survive parsing: the text goes in as it is.
    if (!error) {
      out += ",\"data\":";
      out += event.payload;
      return;
    }
  }
  if (!IsJson(event.content_type) && !event.content_type.empty() && IsValidUtf8(event.payload)) {
    return AppendMember(out, "data", event.payload);
  }
  AppendMember(out, "data_base64", Base64(event.payload));
}

// Gathers attributes into an event.
class Attributes {
 public:
  Status Set(std::string_view name, std::string_view value) {
    if (name == "specversion") {
      versioned_ = value == "1.0";
      if (!versioned_) return Invalid("specversion", "must be 1.0");
    } else if (name == "id") {
      event_.id = value;
    } else if (name == "source") {
      source_ = value;
    } else if (name == "type") {
      event_.type = value == kNoType ? "" : value;
      typed_ = !value.empty();
    } else if (name == "datacontenttype") {
      event_.content_type = value;
    } else if (name == "partitionkey") {
      event_.key = value;
    } else if (name == "time") {
      return TakeTime(name, value, event_.time);
    } else if (name == "deliverat") {
      return TakeTime(name, value, event_.deliver_at);
    } else {
      TakeHeader(event_, name, value);
    }
    return {};
  }
  Event& event() { return event_; }

  Result<Event> Finish() {
    if (!versioned_) return Invalid("specversion", "is needed: 1.0");
    if (event_.id.empty()) return Invalid("id", "is needed");
    if (!typed_) return Invalid("type", "is needed");
    if (source_.empty()) return Invalid("source", "is needed");
    std::string_view named = source_;
    if (named.starts_with('/')) {
      named.remove_prefix(1);
    } else {
      TakeHeader(event_, "source", source_);
    }
    event_.topic = named;
    return std::move(event_);
  }

 private:
  Event event_;
  std::string source_;
  bool versioned_ = false, typed_ = false;
};

Status TakeData(const json::object& object, Event& event) {
  if (const json::value* base64 = object.if_contains("data_base64")) {
    const auto* text = base64->if_string();
    if (text == nullptr || !FromBase64({text->data(), text->size()}, event.payload)) {
      return Invalid("data_base64", "is not base64");
    }
    return {};
  }
  const json::value* data = object.if_contains("data");
  if (data == nullptr) return {};
  const bool is_json = event.content_type.empty() || IsJson(event.content_type);
  if (const auto* text = data->if_string(); text != nullptr && !is_json) {
    event.payload.assign(text->data(), text->size());
    return {};
  }
  event.payload = json::serialize(*data);
  if (event.content_type.empty()) event.content_type = "application/json";
  return {};
}

Result<Event> DecodeStructured(const MessageView& message) {
  POSTROAD_ASSIGN(const json::object object, ParseObject(message.value));
  Attributes attributes;
  for (const auto& member : object) {
    const std::string_view name(member.key().data(), member.key().size());
    if (name == "data" || name == "data_base64" || member.value().is_null()) continue;
    if (member.value().is_object() || member.value().is_array()) {
      return Invalid(std::string(name), "must be a string, a number or a boolean");
    }
    const auto* text = member.value().if_string();
    const std::string value =
        text != nullptr ? std::string(text->data(), text->size()) : json::serialize(member.value());
    POSTROAD_TRY(attributes.Set(name, value));
  }
  POSTROAD_TRY(TakeData(object, attributes.event()));
  return attributes.Finish();
}

Result<Event> DecodeBinary(const MessageView& message) {
  Attributes attributes;
  for (const auto& [name, value] : message.headers) {
    if (!name.starts_with(kPrefix)) continue;
    if (!IsValidUtf8(value)) return Invalid(std::string(name), "is not UTF-8");
    POSTROAD_TRY(attributes.Set(name.substr(kPrefix.size()), value));
  }
  attributes.event().content_type = message.Header(kContentTypeHeader).value_or("");
  attributes.event().payload = message.value;
  return attributes.Finish();
}

}  // namespace

void EncodeCloudEvent(const EventView& event, bool structured, Message& message) {
  if (!structured) {
    ForEachAttribute(event, [&](std::string_view name, std::string_view value) {
      AddHeader(message, std::string(kPrefix) + std::string(name), value);
    });
    if (!event.content_type.empty()) AddHeader(message, kContentTypeHeader, event.content_type);
    message.value = event.payload;
    return;
  }
  AddHeader(message, kContentTypeHeader, "application/cloudevents+json; charset=UTF-8");
  message.value = "{";
  ForEachAttribute(event, [&](std::string_view name, std::string_view value) {
    AppendMember(message.value, name, value);
  });
  if (!event.content_type.empty()) {
    AppendMember(message.value, "datacontenttype", event.content_type);
  }
  AppendData(event, message.value);
  message.value += '}';
}

Result<Event> DecodeCloudEvent(const MessageView& message) {
  const auto type = message.Header(kContentTypeHeader);
  if (type && type->starts_with(kStructured)) return DecodeStructured(message);
  if (message.Header("ce_specversion")) return DecodeBinary(message);
  return Invalid("content-type",
                 "is no CloudEvent: neither application/cloudevents+json nor headers ce_…");
}

}  // namespace postroad::kafka
