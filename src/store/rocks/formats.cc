// Keys and values of the embedded store (docs/formats/store.md). All integers are big-endian.
#include "store/rocks/formats.h"

#include "core/bytes.h"
#include "store/rocks/crc32c.h"

namespace postroad::store {
namespace {

constexpr char kVersion = 1;
constexpr size_t kCrcEnd = 5;  // version, crc
constexpr size_t kRunFixedBytes = 25;
constexpr size_t kTrimFixedBytes = 33;

void PutTime(std::string& out, Timestamp t) { PutBig64(out, static_cast<uint64_t>(ToNanos(t))); }
Timestamp GetTime(const char* p) { return FromNanos(static_cast<int64_t>(GetBig64(p))); }

void SetBig64(char* p, uint64_t v) {
  SetBig32(p, static_cast<uint32_t>(v >> 32));
  SetBig32(p + 4, static_cast<uint32_t>(v));
}

bool IsVersion(std::string_view value, size_t at_least) {
  return value.size() >= at_least && value[0] == kVersion;
}

}  // namespace

void PutRunKey(std::string& out, TopicId topic, Offset first) {
  PutBig64(out, topic.value());
  PutBig64(out, first.value());
}

std::string RunKey(TopicId topic, Offset first) {
  std::string key;
  PutRunKey(key, topic, first);
  return key;
}

std::optional<RunPlace> ParseRunKey(std::string_view key) {
  if (key.size() != 16) return std::nullopt;
  return RunPlace{TopicId(GetBig64(key.data())), Offset(GetBig64(key.data() + 8))};
}

void PutRunHeader(std::string& out, std::string_view key, const RunHeader& header,
                  std::string_view body) {
  const size_t begin = out.size(), name = header.topic_name.size();
  const size_t end = begin + kRunFixedBytes + VarintSize(name) + name;
  out.resize_and_overwrite(end, [&](char* bytes, size_t) {
    char* p = bytes + begin;
    *p = kVersion;
    SetBig32(p + kCrcEnd, header.count);
    SetBig64(p + 9, static_cast<uint64_t>(ToNanos(header.stored_at)));
    SetBig64(p + 17, header.bytes_before);
    p += kRunFixedBytes;
    size_t rest = name;
    for (; rest >= 0x80; rest >>= 7) *p++ = static_cast<char>(rest | 0x80);
    *p++ = static_cast<char>(rest);
    header.topic_name.copy(p, name);
    return end;
  });
  const std::string_view rest = std::string_view(out).substr(begin + kCrcEnd);
  const uint32_t crc = ExtendCrc32c(ExtendCrc32c(ExtendCrc32c(0, key), rest), body);
  SetBig32(out.data() + begin + 1, crc);
}

std::optional<RunHeader> ParseRunHeader(std::string_view value) {
  if (!IsVersion(value, kRunFixedBytes)) return std::nullopt;
  std::string_view rest = value.substr(kRunFixedBytes);
  const auto name_bytes = TakeVarint(rest);
  if (!name_bytes || *name_bytes > rest.size()) return std::nullopt;
  return RunHeader{.count = GetBig32(value.data() + kCrcEnd),
                   .stored_at = GetTime(value.data() + 9),
                   .bytes_before = GetBig64(value.data() + 17),
                   .topic_name = rest.substr(0, *name_bytes),
                   .size = value.size() - rest.size() + *name_bytes};
}

bool RunChecksumHolds(std::string_view key, std::string_view value) {
  if (!IsVersion(value, kRunFixedBytes)) return false;
  return GetBig32(value.data() + 1) == ExtendCrc32c(ExtendCrc32c(0, key), value.substr(kCrcEnd));
}

std::string NumberKey(uint64_t number) {
  std::string key;
  PutBig64(key, number);
  return key;
}

std::optional<uint64_t> ParseNumberKey(std::string_view key) {
  if (key.size() != 8) return std::nullopt;
  return GetBig64(key.data());
}

FeedValueBuilder::FeedValueBuilder(Timestamp stored_at) : value_(1, kVersion) {
  PutTime(value_, stored_at);
}

void FeedValueBuilder::Add(TopicId topic, std::string_view name, Offset first, uint32_t count) {
  PutVarint(value_, topic.value());
  // An empty name stands for the name before it, since a busy topic has many runs in a commit.
  if (topic == previous_) name = {};
  PutVarint(value_, name.size());
  value_.append(name);
  PutVarint(value_, first.value());
  PutVarint(value_, count);
  previous_ = topic;
}

bool ParseFeedValue(FeedPosition first, std::string_view value, std::vector<FeedEntry>& out) {
  const auto time = FeedValueTime(value);
  if (!time) return false;
  value.remove_prefix(9);
  std::string_view name;
  while (!value.empty()) {
    const auto topic = TakeVarint(value);
    const auto name_bytes = TakeVarint(value);
    if (!topic || !name_bytes || *name_bytes > value.size()) return false;
    if (*name_bytes > 0) name = value.substr(0, *name_bytes);
    value.remove_prefix(*name_bytes);
    const auto offset = TakeVarint(value);
    const auto count = TakeVarint(value);
    if (!offset || !count || name.empty() || *count == 0 || *count > UINT32_MAX) return false;
    out.push_back({first, TopicId(*topic), std::string(name), Offset(*offset),
                   static_cast<uint32_t>(*count), *time});
    first += *count;
  }
  return true;
}

std::optional<Timestamp> FeedValueTime(std::string_view value) {
  if (!IsVersion(value, 9)) return std::nullopt;
  return GetTime(value.data() + 1);
}

void PutTopicValue(std::string& out, const TopicValue& topic) {
  out.push_back(kVersion);
  PutBig64(out, topic.id.value());
  PutTime(out, topic.created);
}

std::optional<TopicValue> ParseTopicValue(std::string_view value) {
  if (!IsVersion(value, 17)) return std::nullopt;
  return TopicValue{TopicId(GetBig64(value.data() + 1)), GetTime(value.data() + 9)};
}

std::string EncodeTrimValue(const TrimValue& trim) {
  std::string out(1, kVersion);
  PutBig64(out, trim.first);
  PutBig64(out, trim.next);
  PutBig64(out, trim.bytes);
  PutTime(out, trim.last);
  return out += trim.name;
}

std::optional<TrimValue> ParseTrimValue(std::string_view value) {
  if (!IsVersion(value, kTrimFixedBytes)) return std::nullopt;
  return TrimValue{GetBig64(value.data() + 1), GetBig64(value.data() + 9),
                   GetBig64(value.data() + 17), GetTime(value.data() + 25),
                   std::string(value.substr(kTrimFixedBytes))};
}

}  // namespace postroad::store
