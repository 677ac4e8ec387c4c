// The record codec: postroad.v1.Event in protobuf's wire format, without protobuf's allocations.
#include "core/event.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "core/bytes.h"
#include "core/event_wire.h"
#include "core/names.h"
#include "core/record.h"

namespace postroad {
namespace {

using wire::Reader;
using wire::Type;

// Every tag of the record is one byte.
constexpr uint8_t kIdTag = wire::Tag(1, Type::kBytes);
constexpr uint8_t kTopicTag = wire::Tag(2, Type::kBytes);
constexpr uint8_t kKeyTag = wire::Tag(3, Type::kBytes);
constexpr uint8_t kTypeTag = wire::Tag(4, Type::kBytes);
constexpr uint8_t kContentTypeTag = wire::Tag(5, Type::kBytes);
constexpr uint8_t kPayloadTag = wire::Tag(6, Type::kBytes);
constexpr uint8_t kHeadersTag = wire::Tag(7, Type::kBytes);
constexpr uint8_t kTimeTag = wire::Tag(8, Type::kBytes);
constexpr uint8_t kDeliverAtTag = wire::Tag(9, Type::kBytes);
constexpr uint8_t kSearchKeysTag = wire::Tag(10, Type::kBytes);
// Inside a header: a map entry.
constexpr uint8_t kHeaderNameTag = wire::Tag(1, Type::kBytes);
constexpr uint8_t kHeaderValueTag = wire::Tag(2, Type::kBytes);
// Inside a time: google.protobuf.Timestamp.
constexpr uint8_t kSecondsTag = wire::Tag(1, Type::kVarint);
constexpr uint8_t kNanosTag = wire::Tag(2, Type::kVarint);
// Of a body's entry: EventBatch.events.
constexpr uint8_t kEntryTag = wire::Tag(4, Type::kBytes);

constexpr int64_t kNanosPerSecond = 1'000'000'000;

// A google.protobuf.Timestamp.
struct WireTime {
  bool present = false;
  int64_t seconds = 0;
  int32_t nanos = 0;
};

// Times that are none (nanos beyond a second) or that nanoseconds cannot hold become the earliest
// Timestamp there is, which no check of a time lets pass.
std::optional<Timestamp> FromWire(const WireTime& t) {
  if (!t.present) return std::nullopt;
  constexpr int64_t kLimit = std::numeric_limits<int64_t>::max() / kNanosPerSecond - 1;
  const bool valid = t.nanos >= 0 && t.nanos < kNanosPerSecond;
  if (!valid || t.seconds < -kLimit || t.seconds > kLimit) return Timestamp::min();
  return FromNanos(t.seconds * kNanosPerSecond + t.nanos);
}

WireTime ToWire(Timestamp t) {
  const int64_t count = ToNanos(t);
  int64_t seconds = count / kNanosPerSecond;
  auto nanos = static_cast<int32_t>(count % kNanosPerSecond);
  if (nanos < 0) {
    nanos += static_cast<int32_t>(kNanosPerSecond);
    --seconds;
  }
  return {true, seconds, nanos};
}

// --- Parsing ---

// Merges into `t`, as protobuf does with a message field that comes twice.
bool ReadTime(Reader& in, WireTime& t) {
  const char* outer;
  if (!in.Enter(outer)) return false;
  t.present = true;
  while (!in.AtEnd()) {
    uint32_t tag;
    if (!in.ReadTag(tag)) return false;
    uint64_t value;
    if (tag == kSecondsTag) {
      if (!in.ReadVarint(value)) return false;
      t.seconds = static_cast<int64_t>(value);
    } else if (tag == kNanosTag) {
      if (!in.ReadVarint(value)) return false;
      t.nanos = static_cast<int32_t>(value);
    } else if (!in.Skip(tag, wire::kMaxDepth - 1)) {
      return false;
    }
  }
  in.Leave(outer);
  return true;
}

// The last of equal names wins. Past the limit on headers names are not compared any more: the
// event will be refused for their number, and comparing all with all would be slow.
void SetHeader(EventView& out, std::string_view name, std::string_view value) {
  if (out.headers.size() <= kMaxHeaders) {
    for (auto& header : out.headers) {
      if (header.first != name) continue;
      header.second = value;
      return;
    }
  }
  out.headers.emplace_back(name, value);
}

bool ReadHeader(Reader& in, EventView& out) {
  const char* outer;
  if (!in.Enter(outer)) return false;
  std::string_view name;
  std::string_view value;
  while (!in.AtEnd()) {
    uint32_t tag;
    if (!in.ReadTag(tag)) return false;
    if (tag == kHeaderNameTag) {
      if (!in.ReadBytes(name)) return false;
    } else if (tag == kHeaderValueTag) {
      if (!in.ReadBytes(value)) return false;
    } else if (!in.Skip(tag, wire::kMaxDepth - 1)) {
      return false;
    }
  }
  in.Leave(outer);
  SetHeader(out, name, value);
  return true;
}

bool ReadSearchKey(Reader& in, EventView& out) {
  std::string_view key;
  if (!in.ReadBytes(key)) return false;
  out.search_keys.push_back(key);
  return true;
}

bool ReadField(Reader& in, uint32_t tag, EventView& out, WireTime& time, WireTime& deliver_at) {
  switch (tag) {
    case kIdTag:
      return in.ReadBytes(out.id);
    case kTopicTag:
      return in.ReadBytes(out.topic);
    case kKeyTag:
      return in.ReadBytes(out.key);
    case kTypeTag:
      return in.ReadBytes(out.type);
    case kContentTypeTag:
      return in.ReadBytes(out.content_type);
    case kPayloadTag:
      return in.ReadBytes(out.payload);
    case kHeadersTag:
      return ReadHeader(in, out);
    case kTimeTag:
      return ReadTime(in, time);
    case kDeliverAtTag:
      return ReadTime(in, deliver_at);
    case kSearchKeysTag:
      return ReadSearchKey(in, out);
    default:
      return in.Skip(tag, wire::kMaxDepth);
  }
}

std::unexpected<Error> Malformed(const Reader& in) {
  return Invalid({},
                 std::string("not a well-formed event: ") + in.fault() + " at byte " +
                     std::to_string(in.offset()),
                 "MALFORMED_EVENT");
}

// --- Encoding ---

size_t BytesSize(size_t size) { return 1 + VarintSize(size) + size; }
size_t TextSize(std::string_view text) { return text.empty() ? 0 : BytesSize(text.size()); }

size_t TimeBodySize(const WireTime& t) {
  return (t.seconds == 0 ? 0 : 1 + VarintSize(static_cast<uint64_t>(t.seconds))) +
         (t.nanos == 0 ? 0 : 1 + VarintSize(static_cast<uint64_t>(t.nanos)));
}
size_t TimeSize(const std::optional<Timestamp>& t) {
  return t ? BytesSize(TimeBodySize(ToWire(*t))) : 0;
}

size_t HeaderBodySize(std::string_view name, std::string_view value) {
  return BytesSize(name.size()) + BytesSize(value.size());
}

char* WriteVarint(char* out, uint64_t value) {
  while (value >= 0x80) {
    *out++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<char>(value);
  return out;
}

char* WriteBytes(char* out, uint8_t tag, std::string_view bytes) {
  *out++ = static_cast<char>(tag);
  out = WriteVarint(out, bytes.size());
  if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
  return out + bytes.size();
}

char* WriteText(char* out, uint8_t tag, std::string_view text) {
  return text.empty() ? out : WriteBytes(out, tag, text);
}

char* WriteTime(char* out, uint8_t tag, const std::optional<Timestamp>& t) {
  if (!t) return out;
  const WireTime time = ToWire(*t);
  *out++ = static_cast<char>(tag);
  out = WriteVarint(out, TimeBodySize(time));
  if (time.seconds != 0) {
    *out++ = static_cast<char>(kSecondsTag);
    out = WriteVarint(out, static_cast<uint64_t>(time.seconds));
  }
  if (time.nanos != 0) {
    *out++ = static_cast<char>(kNanosTag);
    out = WriteVarint(out, static_cast<uint64_t>(time.nanos));
  }
  return out;
}

// Fields in the order of their numbers, as protobuf writes them.
char* WriteRecord(char* out, const EventView& event) {
  out = WriteText(out, kIdTag, event.id);
  out = WriteText(out, kKeyTag, event.key);
  out = WriteText(out, kTypeTag, event.type);
  out = WriteText(out, kContentTypeTag, event.content_type);
  out = WriteText(out, kPayloadTag, event.payload);
  for (const auto& [name, value] : event.headers) {
    *out++ = static_cast<char>(kHeadersTag);
    out = WriteVarint(out, HeaderBodySize(name, value));
    out = WriteBytes(out, kHeaderNameTag, name);
    out = WriteBytes(out, kHeaderValueTag, value);
  }
  out = WriteTime(out, kTimeTag, event.time);
  out = WriteTime(out, kDeliverAtTag, event.deliver_at);
  for (const auto& key : event.search_keys) out = WriteBytes(out, kSearchKeysTag, key);
  return out;
}

}  // namespace

void EventView::Clear() {
  id = topic = key = type = content_type = payload = {};
  headers.clear();
  time.reset();
  deliver_at.reset();
  search_keys.clear();
}

std::optional<std::string_view> EventView::Header(std::string_view name) const {
  const auto found = std::ranges::find(headers, name, [](const auto& h) { return h.first; });
  if (found == headers.end()) return std::nullopt;
  return found->second;
}

Event EventView::ToEvent() const {
  Event event{.id = std::string(id),
              .topic = std::string(topic),
              .key = std::string(key),
              .type = std::string(type),
              .content_type = std::string(content_type),
              .payload = std::string(payload),
              .headers = {headers.begin(), headers.end()},
              .time = time,
              .deliver_at = deliver_at,
              .search_keys = {search_keys.begin(), search_keys.end()}};
  return event;
}

EventView ViewOf(const Event& event) {
  return {.id = event.id,
          .topic = event.topic,
          .key = event.key,
          .type = event.type,
          .content_type = event.content_type,
          .payload = event.payload,
          .headers = {event.headers.begin(), event.headers.end()},
          .time = event.time,
          .deliver_at = event.deliver_at,
          .search_keys = {event.search_keys.begin(), event.search_keys.end()}};
}

Status ParseRecord(std::string_view record, EventView& out) {
  out.Clear();
  WireTime time;
  WireTime deliver_at;
  Reader in(record);
  while (!in.AtEnd()) {
    uint32_t tag;
    if (!in.ReadTag(tag) || !ReadField(in, tag, out, time, deliver_at)) [[unlikely]] {
      return Malformed(in);
    }
  }
  out.time = FromWire(time);
  out.deliver_at = FromWire(deliver_at);
  return {};
}

size_t RecordSize(const EventView& event) {
  size_t size = TextSize(event.id) + TextSize(event.key) + TextSize(event.type) +
                TextSize(event.content_type) + TextSize(event.payload) + TimeSize(event.time) +
                TimeSize(event.deliver_at);
  for (const auto& [name, value] : event.headers) size += BytesSize(HeaderBodySize(name, value));
  for (const auto& key : event.search_keys) size += BytesSize(key.size());
  return size;
}

size_t AppendToBody(const EventView& event, std::string& body) {
  const size_t record = RecordSize(event);
  const size_t entry = BytesSize(record);
  const size_t before = body.size();
  // The second argument is no use: libstdc++ 12 hands in the capacity it grew to.
  body.resize_and_overwrite(before + entry, [&](char* bytes, size_t) {
    char* out = bytes + before;
    *out++ = static_cast<char>(kEntryTag);
    WriteRecord(WriteVarint(out, record), event);
    return before + entry;
  });
  return entry;
}

void AppendRecord(const EventView& event, std::string& out) {
  const size_t before = out.size(), size = RecordSize(event);
  out.resize_and_overwrite(before + size, [&](char* bytes, size_t) {
    WriteRecord(bytes + before, event);
    return before + size;
  });
}

std::string EncodeRecord(const EventView& event) {
  std::string record;
  AppendRecord(event, record);
  return record;
}

std::optional<std::string_view> BodyReader::Next() {
  if (rest_.empty() || !ok_) return std::nullopt;
  Reader in(rest_);
  uint32_t tag;
  std::string_view record;
  ok_ = in.ReadTag(tag) && tag == kEntryTag && in.ReadBytes(record);
  if (!ok_) [[unlikely]]
    return std::nullopt;
  rest_.remove_prefix(in.offset());
  return record;
}

Result<std::string_view> SkipRecords(std::string_view body, uint32_t n) {
  BodyReader reader(body);
  for (uint32_t i = 0; i < n; ++i) {
    if (reader.Next()) continue;
    return Fail(ErrorCode::kDataLoss,
                "a body has " + std::to_string(i) + (reader.ok() ? "" : " well-formed") +
                    " records where at least " + std::to_string(n) + " are due",
                {}, "MALFORMED_BODY");
  }
  return reader.rest();
}

uint64_t EventFingerprint(std::string_view topic, std::string_view id) {
  const size_t size = topic.size() + 1 + id.size();
  char local[kMaxNameBytes + 1 + kMaxIdBytes];  // enough for every topic and id within the limits
  std::string heap;
  if (size > sizeof local) heap.resize(size);
  char* const bytes = heap.empty() ? local : heap.data();
  topic.copy(bytes, topic.size());
  bytes[topic.size()] = '\0';
  id.copy(bytes + topic.size() + 1, id.size());
  const uint64_t hash = XXH3_64bits(bytes, size);
  return hash == 0 ? 1 : hash;
}

}  // namespace postroad
