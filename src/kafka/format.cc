// See format.h. Here: the raw format, and what is the same in all.
#include "kafka/format.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "core/base64.h"
#include "core/event_rules.h"
#include "core/utf8.h"
#include "kafka/format_parts.h"

namespace postroad::kafka {

namespace json = boost::json;

namespace {

// RFC 4122's namespace for URLs.
constexpr std::string_view kUrlNamespace(
    "\x6b\xa7\xb8\x11\x9d\xad\x11\xd1\x80\xb4\x00\xc0\x4f\xd4\x30\xc8", 16);
constexpr std::string_view kKeyHeader = "kafka-key";
constexpr std::string_view kEncodingSuffix = ".encoding";

void EncodeRaw(const EventView& event, Message& message) {
  message.value = event.payload;
  AddHeader(message, kIdHeader, event.id);
  AddHeader(message, kTopicHeader, event.topic);
  if (!event.type.empty()) AddHeader(message, kTypeHeader, event.type);
  if (!event.content_type.empty()) AddHeader(message, kContentTypeHeader, event.content_type);
}

Event DecodeRaw(const MessageView& message) {
  Event event;
  event.payload = message.value;
  event.id = message.Header(kIdHeader).value_or("");
  event.topic = message.Header(kTopicHeader).value_or("");
  event.type = message.Header(kTypeHeader).value_or("");
  event.content_type = message.Header(kContentTypeHeader).value_or("");
  return event;
}

// Headers that stand for fields of events.
bool IsField(Format format, std::string_view name) {
  if (name == kTimeHeader || name == kContentTypeHeader) return true;
  if (format != Format::kRaw) return name.starts_with("ce_") && format != Format::kEnvelope;
  return name == kIdHeader || name == kTopicHeader || name == kTypeHeader;
}

void TakeKey(const MessageView& message, Event& event) {
  if (!message.key) return;
  if (IsValidUtf8(*message.key)) {
    event.key = *message.key;
    return;
  }
  event.key = Base64(*message.key);
  TakeHeader(event, std::string(kKeyHeader) + std::string(kEncodingSuffix), "base64");
}

Result<Event> DecodeFields(Format format, const MessageView& message) {
  switch (format) {
    case Format::kEnvelope:
      return DecodeEnvelope(message);
    case Format::kCloudEventsStructured:
    case Format::kCloudEventsBinary:
      return DecodeCloudEvent(message);
    case Format::kRaw:
      break;
  }
  return DecodeRaw(message);
}

}  // namespace

void AppendMember(std::string& out, std::string_view name, std::string_view text) {
  if (out.back() != '{') out += ',';
  out += '"';
  out += name;
  out += "\":";
  out += json::serialize(json::string_view(text.data(), text.size()));
}

Result<json::object> ParseObject(std::string_view value) {
  boost::system::error_code error;
  json::value parsed = json::parse({value.data(), value.size()}, error);
  if (error) return Invalid("value", "is no JSON: " + error.message());
  if (!parsed.is_object()) return Invalid("value", "is no JSON object");
  return std::move(parsed.get_object());
}

void TakeHeader(Event& event, std::string_view name, std::string_view value) {
  const auto same = [&](const auto& header) { return header.first == name; };
  const auto found = std::ranges::find_if(event.headers, same);
  if (found != event.headers.end()) {
    found->second = value;
  } else {
    event.headers.emplace_back(name, value);
  }
}

Status TakeTime(std::string_view name, std::string_view text, std::optional<Timestamp>& out) {
  const auto time = ParseTime(text, kEarliestTime);
  if (!time) return Invalid(std::string(name), time.error().message);
  out = *time;
  return {};
}

void EncodeMessage(Format format, const EventView& event, Timestamp now, Message& message) {
  message.Clear();
  if (!event.key.empty()) message.key = event.key;
  switch (format) {
    case Format::kEnvelope:
      EncodeEnvelope(event, now, message);
      break;
    case Format::kCloudEventsStructured:
      EncodeCloudEvent(event, true, message);
      break;
    case Format::kCloudEventsBinary:
      EncodeCloudEvent(event, false, message);
      break;
    case Format::kRaw:
      EncodeRaw(event, message);
      break;
  }
  const bool cloud_event = format != Format::kEnvelope && format != Format::kRaw;
  if (event.time && !cloud_event) AddHeader(message, kTimeHeader, FormatTime(*event.time));
  const size_t fields = message.headers.size();
  for (const auto& [name, value] : event.headers) {
    const auto begin = message.headers.begin();
    const auto same = [&](const auto& header) { return header.first == name; };
    if (std::none_of(begin, begin + static_cast<ptrdiff_t>(fields), same)) {
      AddHeader(message, name, value);
    }
  }
}

Result<Event> DecodeMessage(Format format, const MessageView& message, std::string_view id_header) {
  POSTROAD_ASSIGN(Event event, DecodeFields(format, message));
  TakeKey(message, event);
  for (const auto& [name, value] : message.headers) {
    if (IsField(format, name)) continue;
    if (IsValidUtf8(value)) {
      TakeHeader(event, name, value);
    } else {
      TakeHeader(event, name, Base64(value));
      TakeHeader(event, std::string(name) + std::string(kEncodingSuffix), "base64");
    }
  }
  if (const auto time = message.Header(kTimeHeader)) {
    POSTROAD_TRY(TakeTime(kTimeHeader, *time, event.time));
  }
  if (!event.time && message.time > kEarliestTime) event.time = message.time;
  if (!id_header.empty()) event.id = message.Header(id_header).value_or(event.id);
  return event;
}

std::string IdFromPlace(std::string_view cluster_id, const MessageView& message) {
  std::string place(kUrlNamespace);
  place.append("kafka://").append(cluster_id).append("/").append(message.topic);
  place += "/" + std::to_string(message.partition) + "/" + std::to_string(message.offset);
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  EVP_Digest(place.data(), place.size(), hash.data(), nullptr, EVP_sha1(), nullptr);
  hash[6] = static_cast<unsigned char>((hash[6] & 0x0F) | 0x50);
  hash[8] = static_cast<unsigned char>((hash[8] & 0x3F) | 0x80);
  std::string id;
  for (size_t i = 0; i < 16; ++i) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    if (i == 4 || i == 6 || i == 8 || i == 10) id += '-';
    id += kDigits[hash[i] >> 4];
    id += kDigits[hash[i] & 0x0F];
  }
  return id;
}

}  // namespace postroad::kafka
