// See format.h. Here: the raw format, and what is the same in all.
#include "kafka/format.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cctype>
#include <chrono>
#include <memory>
#include <span>

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
  if (name == kTimeHeader || name == kContentTypeHeader || name == kTombstoneHeader) return true;
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

std::string Hex(std::span<const unsigned char> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 0x0F];
  }
  return text;
}

// The key's length goes first, so that where it ends is part of what is hashed.
std::array<unsigned char, 32> HashOfKeyAndValue(const MessageView& message) {
  const std::string_view key = message.key.value_or("");
  const std::string length = message.key ? std::to_string(key.size()) + ":" : "-:";
  std::array<unsigned char, 32> hash{};
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  for (const std::string_view part : {std::string_view(length), key, message.value}) {
    EVP_DigestUpdate(context.get(), part.data(), part.size());
  }
  EVP_DigestFinal_ex(context.get(), hash.data(), nullptr);
  return hash;
}

bool IsCloudEvent(Format format) {
  return format == Format::kCloudEventsStructured || format == Format::kCloudEventsBinary;
}

bool IsTombstone(const EventView& event) {
  return event.payload.empty() && event.Header(kTombstoneHeader) == "true";
}

// What stands in for the format where there is no value that could have it.
Format TombstoneFormat(Format format) {
  return IsCloudEvent(format) ? Format::kCloudEventsBinary : Format::kRaw;
}

// Version 5, of bytes that begin with the namespace.
std::string UuidOf(const std::string& bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  EVP_Digest(bytes.data(), bytes.size(), hash.data(), nullptr, EVP_sha1(), nullptr);
  hash[6] = static_cast<unsigned char>((hash[6] & 0x0F) | 0x50);
  hash[8] = static_cast<unsigned char>((hash[8] & 0x3F) | 0x80);
  std::string id = Hex(std::span(hash).first(16));
  for (const size_t at : {8, 13, 18, 23}) id.insert(at, 1, '-');
  return id;
}

bool IsUuid(std::string_view id) {
  if (id.size() != 36) return false;
  for (size_t i = 0; i < id.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? id[i] != '-' : std::isxdigit(static_cast<unsigned char>(id[i])) == 0) return false;
  }
  return true;
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
  message.tombstone = IsTombstone(event);
  if (message.tombstone) format = TombstoneFormat(format);
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
  if (event.time && !IsCloudEvent(format)) AddHeader(message, kTimeHeader, FormatTime(*event.time));
  const size_t fields = message.headers.size();
  for (const auto& [name, value] : event.headers) {
    if (message.tombstone && name == kTombstoneHeader) continue;  // its null says it
    const auto begin = message.headers.begin();
    const auto same = [&](const auto& header) { return header.first == name; };
    if (std::none_of(begin, begin + static_cast<ptrdiff_t>(fields), same)) {
      AddHeader(message, name, value);
    }
  }
}

Result<Event> DecodeMessage(Format format, const MessageView& message, std::string_view id_header) {
  if (message.tombstone) {
    format = message.Header("ce_specversion") ? Format::kCloudEventsBinary : Format::kRaw;
  }
  POSTROAD_ASSIGN(Event event, DecodeFields(format, message));
  if (message.tombstone) TakeHeader(event, kTombstoneHeader, "true");
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

std::string IdFromRecord(std::string_view cluster_id, const MessageView& message) {
  std::string record(kUrlNamespace);
  record.append("kafka://").append(cluster_id).append("/").append(message.topic);
  record += "/" + std::to_string(message.partition) + "/" + std::to_string(message.offset);
  const auto time = std::chrono::floor<std::chrono::milliseconds>(message.time.time_since_epoch());
  record += "/" + std::to_string(time.count()) + "/" + Hex(HashOfKeyAndValue(message));
  return UuidOf(record);
}

void AddSourceToId(std::string_view source, Event& event) {
  if (IsUuid(event.id)) return;
  event.id.insert(0, std::string(source) + "#");
  if (event.id.size() > kMaxIdBytes) event.id = UuidOf(std::string(kUrlNamespace) + event.id);
}

}  // namespace postroad::kafka
