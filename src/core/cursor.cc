// Cursors as text: base64url over a tag, the position and a CRC (docs/formats/cursor.md).
#include "core/cursor.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <optional>

#include "core/bytes.h"

namespace postroad {
namespace {

constexpr char kTopicTag = 0x01;
constexpr char kFeedTag = 0x02;
constexpr size_t kMaxPartitions = 1024;
constexpr size_t kCrcBytes = 4;
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// CRC-32 as in zlib, gzip and PNG: every language that a client is written in has it.
uint32_t Crc32(std::string_view bytes) {
  static constexpr auto kTable = [] {
    std::array<uint32_t, 256> table{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t c = i;
      for (int bit = 0; bit < 8; ++bit) c = (c & 1) != 0 ? 0xedb88320 ^ (c >> 1) : c >> 1;
      table[i] = c;
    }
    return table;
  }();
  uint32_t crc = 0xffffffff;
  for (const char byte : bytes) crc = kTable[(crc ^ static_cast<uint8_t>(byte)) & 0xff] ^ crc >> 8;
  return ~crc;
}

std::string ToBase64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  uint32_t buffer = 0;
  int bits = 0;
  for (const char byte : bytes) {
    buffer = buffer << 8 | static_cast<uint8_t>(byte);
    for (bits += 8; bits >= 6; bits -= 6) text.push_back(kAlphabet[buffer >> (bits - 6) & 0x3f]);
  }
  if (bits > 0) text.push_back(kAlphabet[buffer << (6 - bits) & 0x3f]);
  return text;
}

std::optional<std::string> FromBase64(std::string_view text) {
  static constexpr auto kValues = [] {
    std::array<int8_t, 256> values{};
    values.fill(-1);
    for (size_t i = 0; i < kAlphabet.size(); ++i) {
      values[static_cast<uint8_t>(kAlphabet[i])] = static_cast<int8_t>(i);
    }
    return values;
  }();
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  uint32_t buffer = 0;
  int bits = 0;
  for (const char c : text) {
    const int8_t value = kValues[static_cast<uint8_t>(c)];
    if (value < 0) return std::nullopt;
    buffer = buffer << 6 | static_cast<uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push_back(static_cast<char>(buffer >> bits));
  }
  return bytes;
}

void PutPosition(std::string& out, const TopicCursor& cursor) {
  out.push_back(kTopicTag);
  PutBig64(out, cursor.epoch.value());
  PutBig32(out, cursor.topic_hash);
  PutVarint(out, cursor.next.value());
}

void PutPosition(std::string& out, const FeedCursor& cursor) {
  out.push_back(kFeedTag);
  PutBig64(out, cursor.epoch.value());
  PutVarint(out, cursor.next.size());
  for (const FeedPosition next : cursor.next) PutVarint(out, next.value());
}

std::optional<Epoch> TakeEpoch(std::string_view& in) {
  if (in.size() < 8) return std::nullopt;
  const Epoch epoch(GetBig64(&in.front()));
  in.remove_prefix(8);
  return epoch;
}

std::optional<Cursor> TakeTopicCursor(std::string_view in) {
  const auto epoch = TakeEpoch(in);
  if (!epoch || in.size() < 4) return std::nullopt;
  const uint32_t hash = GetBig32(&in.front());
  in.remove_prefix(4);
  const auto next = TakeVarint(in);
  if (!next || !in.empty()) return std::nullopt;
  return TopicCursor{*epoch, Offset(*next), hash};
}

std::optional<Cursor> TakeFeedCursor(std::string_view in) {
  const auto epoch = TakeEpoch(in);
  if (!epoch) return std::nullopt;
  const auto partitions = TakeVarint(in);
  if (!partitions || *partitions == 0 || *partitions > kMaxPartitions) return std::nullopt;
  FeedCursor cursor{*epoch, {}};
  cursor.next.reserve(*partitions);
  for (uint64_t i = 0; i < *partitions; ++i) {
    const auto next = TakeVarint(in);
    if (!next) return std::nullopt;
    cursor.next.emplace_back(*next);
  }
  if (!in.empty()) return std::nullopt;
  return cursor;
}

std::optional<Cursor> TakeCursor(std::string_view bytes) {
  if (bytes.size() < 1 + kCrcBytes) return std::nullopt;
  const char tag = bytes.front();
  bytes.remove_suffix(kCrcBytes);
  bytes.remove_prefix(1);
  if (tag == kTopicTag) return TakeTopicCursor(bytes);
  if (tag == kFeedTag) return TakeFeedCursor(bytes);
  return std::nullopt;
}

}  // namespace

std::string EpochText(Epoch epoch) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(epoch.value()));
  return text;
}

uint32_t TopicCursorHash(std::string_view topic) { return Crc32(topic); }

std::string EncodeCursor(const Cursor& cursor) {
  std::string bytes;
  std::visit([&bytes](const auto& c) { PutPosition(bytes, c); }, cursor);
  PutBig32(bytes, Crc32(bytes));
  return ToBase64(bytes);
}

Result<Cursor> DecodeCursor(std::string_view text, std::string_view field) {
  constexpr size_t kLongest = 24 + 14 * kMaxPartitions;
  if (text.size() <= kLongest) {
    const auto bytes = FromBase64(text);
    auto cursor = bytes ? TakeCursor(*bytes) : std::nullopt;
    // Encoding it again also compares the CRC and refuses every other spelling of the same cursor.
    if (cursor && EncodeCursor(*cursor) == text) return *std::move(cursor);
  }
  return Invalid(std::string(field),
                 "is no cursor of this server; use one exactly as it was received, or start from "
                 "the beginning, the end or a time",
                 "BAD_CURSOR");
}

}  // namespace postroad
