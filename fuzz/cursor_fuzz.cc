// Cursors: whatever is taken is spelled as we spell it, and every position survives. A first byte
// of 'r' lets the rest through with the right CRC, so that what lies behind it is reached too.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/cursor.h"

namespace {

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

// Bit by bit, to be another than the one under test.
uint32_t SlowCrc32(std::string_view bytes) {
  uint32_t crc = 0xffffffff;
  for (const char byte : bytes) {
    crc ^= static_cast<uint8_t>(byte);
    for (int i = 0; i < 8; ++i) crc = (crc & 1) != 0 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
  }
  return ~crc;
}

std::string Base64Url(std::string_view bytes) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  for (size_t bit = 0; bit < bytes.size() * 8; bit += 6) {
    uint32_t value = 0;
    for (size_t i = bit; i < bit + 6; ++i) {
      const uint32_t byte = i / 8 < bytes.size() ? static_cast<uint8_t>(bytes[i / 8]) : 0;
      value = value << 1 | (byte >> (7 - i % 8) & 1);
    }
    text.push_back(kAlphabet[value]);
  }
  return text;
}

std::string WithCrc(std::string_view position) {
  std::string bytes(position);
  const uint32_t crc = SlowCrc32(position);
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(crc >> shift));
  return Base64Url(bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string text = bytes.starts_with('r') ? WithCrc(bytes.substr(1)) : std::string(bytes);
  const auto cursor = postroad::DecodeCursor(text, "cursor");
  if (!cursor) {
    Require(cursor.error().reason == "BAD_CURSOR", "a refusal says BAD_CURSOR");
    return 0;
  }
  Require(postroad::EncodeCursor(*cursor) == text, "a cursor has one spelling");
  const auto again = postroad::DecodeCursor(postroad::EncodeCursor(*cursor), "cursor");
  Require(again && *again == *cursor, "a cursor survives");
  return 0;
}
