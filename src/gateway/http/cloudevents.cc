// See cloudevents.h. CloudEvents 1.0.2, with its JSON format and HTTP binding.
#include "gateway/http/cloudevents.h"

#include <boost/json/serialize.hpp>
#include <boost/url/pct_string_view.hpp>

#include "core/base64.h"
#include "core/event_rules.h"
#include "gateway/json/event_json.h"

namespace postroad::gateway {

namespace json = boost::json;

namespace {

constexpr std::string_view kPrefix = "ce-";

// Gathers attributes, from wherever they come, into an event.
class CloudEventBuilder {
 public:
  CloudEventBuilder(std::string topic, std::string_view field)
      : topic_(std::move(topic)), field_(field) {}

  Status Set(std::string_view name, std::string value) {
    if (name == "specversion") return TakeVersion(value);
    if (name == "id")
      event_.id = std::move(value);
    else if (name == "source")
      source_ = std::move(value);
    else if (name == "type")
      event_.type = std::move(value);
    else if (name == "datacontenttype")
      event_.content_type = std::move(value);
    else if (name == "partitionkey")
      event_.key = std::move(value);
    else if (name == "time")
      return TakeTime(name, value, event_.time);
    else if (name == "deliverat")
      return TakeTime(name, value, event_.deliver_at);
    else
      event_.headers.emplace_back(name, std::move(value));
    return {};
  }
  Event& event() { return event_; }

  Result<Event> Finish() {
    if (!versioned_) return Invalid(Path("specversion"), "is needed: 1.0");
    if (event_.id.empty()) return Invalid(Path("id"), "is needed");
    if (event_.type.empty()) return Invalid(Path("type"), "is needed");
    if (source_.empty()) return Invalid(Path("source"), "is needed");
    std::string_view named = source_;
    if (named.starts_with('/')) named.remove_prefix(1);
    event_.topic = topic_.empty() ? std::string(named) : topic_;
    if (event_.topic != named) event_.headers.emplace_back("source", source_);
    return std::move(event_);
  }
  std::string Path(std::string_view name) const { return FieldPath(field_, name); }

 private:
  Status TakeVersion(const std::string& value) {
    versioned_ = true;
    if (value == "1.0") return {};
    return Invalid(Path("specversion"), "must be 1.0");
  }
  Status TakeTime(std::string_view name, const std::string& value,
                  std::optional<Timestamp>& out) const {
    auto time = ParseTime(value, std::chrono::system_clock::now());
    if (!time) return Invalid(Path(name), time.error().message);
    out = *time;
    return {};
  }

  const std::string topic_;
  const std::string field_;
  std::string source_;
  bool versioned_ = false;
  Event event_;
};

Status TakeData(const json::value& data, CloudEventBuilder& builder) {
  Event& event = builder.event();
  const bool is_json = event.content_type.empty() || IsJsonType(event.content_type);
  if (const auto* text = data.if_string(); text != nullptr && !is_json) {
    event.payload.assign(text->data(), text->size());
    return {};
  }
  event.payload = json::serialize(data);
  if (event.content_type.empty()) event.content_type = "application/json";
  return {};
}

Status TakeMember(std::string_view name, const json::value& value, CloudEventBuilder& builder) {
  if (const auto* text = value.if_string()) {
    return builder.Set(name, std::string(text->data(), text->size()));
  }
  if (value.is_null()) return {};
  if (value.is_object() || value.is_array()) {
    return Invalid(builder.Path(name), "must be a string, a number or a boolean");
  }
  return builder.Set(name, json::serialize(value));
}

// A header value may be a quoted string (RFC 9110, 5.6.4).
Result<std::string> Unquoted(const std::string& path, std::string_view value) {
  if (!value.starts_with('"')) return std::string(value);
  std::string text;
  for (size_t i = 1; i < value.size(); ++i) {
    if (value[i] == '"' && i + 1 == value.size()) return text;
    if (value[i] == '"') break;
    if (value[i] == '\\' && i + 1 < value.size()) ++i;
    text.push_back(value[i]);
  }
  return Invalid(path, "begins with a quote, and is no quoted string");
}

// Header values are percent-encoded UTF-8 behind that (HTTP binding, 3.1.3.2).
Result<std::string> Decoded(const std::string& path, std::string_view quoted) {
  POSTROAD_ASSIGN(const std::string value, Unquoted(path, quoted));
  const auto text = boost::urls::make_pct_string_view({value.data(), value.size()});
  if (!text) return Invalid(path, "is not percent-encoded text");
  return text->decode();
}

}  // namespace

Result<Event> ReadCloudEvent(const json::value& value, const std::string& topic,
                             std::string_view field) {
  const auto* object = value.if_object();
  if (object == nullptr) return Invalid(std::string(field), "must be a JSON object");
  CloudEventBuilder builder(topic, field);
  for (const auto& member : *object) {
    const std::string_view name(member.key().data(), member.key().size());
    if (name == "data" || name == "data_base64") continue;
    POSTROAD_TRY(TakeMember(name, member.value(), builder));
  }
  const json::value* data = object->if_contains("data");
  const json::value* base64 = object->if_contains("data_base64");
  if (data != nullptr && base64 != nullptr) {
    return Invalid(builder.Path("data_base64"), "may not stand beside data");
  }
  if (data != nullptr) POSTROAD_TRY(TakeData(*data, builder));
  if (base64 != nullptr) {
    const auto* text = base64->if_string();
    if (text == nullptr || !FromBase64({text->data(), text->size()}, builder.event().payload)) {
      return Invalid(builder.Path("data_base64"), "is not base64");
    }
  }
  return builder.Finish();
}

Result<std::vector<Event>> ReadCloudEvents(const json::value& value, const std::string& topic) {
  const auto* array = value.if_array();
  if (array == nullptr) return Invalid("events", "must be an array of CloudEvents");
  std::vector<Event> events;
  for (const json::value& item : *array) {
    POSTROAD_ASSIGN(Event event,
                    ReadCloudEvent(item, topic, "events[" + std::to_string(events.size()) + "]"));
    events.push_back(std::move(event));
  }
  return events;
}

bool IsBinaryCloudEvent(const HttpRequest& request) {
  return request.head.count("ce-specversion") > 0;
}

Result<Event> ReadBinaryCloudEvent(const HttpRequest& request, std::string body,
                                   const std::string& topic) {
  CloudEventBuilder builder(topic, "events[0]");
  for (const auto& header : request.head) {
    std::string name(header.name_string().data(), header.name_string().size());
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (!name.starts_with(kPrefix)) continue;
    if (request.head.count(header.name_string()) > 1) return Invalid(name, "may stand once only");
    POSTROAD_ASSIGN(std::string value,
                    Decoded(name, {header.value().data(), header.value().size()}));
    POSTROAD_TRY(builder.Set(std::string_view(name).substr(kPrefix.size()), std::move(value)));
  }
  builder.event().content_type = request.Header("Content-Type");
  if (const auto trace = request.Header("traceparent");
      IsTraceparent(trace) && !ViewOf(builder.event()).Header(kTraceparentHeader)) {
    builder.event().headers.emplace_back(kTraceparentHeader, trace);
  }
  builder.event().payload = std::move(body);
  return builder.Finish();
}

}  // namespace postroad::gateway
