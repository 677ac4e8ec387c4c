// UTF-8 validation: sixteen ASCII bytes at a time, and byte by byte through the rest.
#include "core/utf8.h"

#include <cstdint>
#include <cstring>

namespace postroad {
namespace {

constexpr uint64_t kHighBits = 0x8080808080808080;

// The first byte of [p, end) that is not ASCII, or `end`.
const char* SkipAscii(const char* p, const char* end) {
  while (end - p >= 16) {
    uint64_t words[2];
    std::memcpy(words, p, sizeof words);
    if ((words[0] | words[1]) & kHighBits) break;
    p += 16;
  }
  while (p < end && static_cast<uint8_t>(*p) < 0x80) ++p;
  return p;
}

// The length of the well-formed multi-byte character at `p`, or 0 (RFC 3629, section 4).
size_t CharacterBytes(const char* p, const char* end) {
  const auto left = static_cast<size_t>(end - p);
  const auto at = [p](size_t i) { return static_cast<uint8_t>(p[i]); };
  const auto tail = [&](size_t i) { return (at(i) & 0xc0) == 0x80; };
  const uint8_t first = at(0);
  if (first < 0xc2) return 0;
  if (first < 0xe0) return left >= 2 && tail(1) ? 2 : 0;
  if (first < 0xf0) {
    if (left < 3 || !tail(1) || !tail(2)) return 0;
    if (first == 0xe0 && at(1) < 0xa0) return 0;   // overlong
    if (first == 0xed && at(1) >= 0xa0) return 0;  // a surrogate
    return 3;
  }
  if (first > 0xf4 || left < 4 || !tail(1) || !tail(2) || !tail(3)) return 0;
  if (first == 0xf0 && at(1) < 0x90) return 0;   // overlong
  if (first == 0xf4 && at(1) >= 0x90) return 0;  // beyond U+10FFFF
  return 4;
}

}  // namespace

bool IsValidUtf8(std::string_view text) {
  const char* p = text.data();
  const char* const end = p + text.size();
  while ((p = SkipAscii(p, end)) < end) {
    const size_t bytes = CharacterBytes(p, end);
    if (bytes == 0) return false;
    p += bytes;
  }
  return true;
}

std::string_view Utf8Prefix(std::string_view text, size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<uint8_t>(text[bytes]) & 0xc0) == 0x80) --bytes;
  return text.substr(0, bytes);
}

std::string MendUtf8(std::string_view text) {
  std::string mended;
  const char* p = text.data();
  const char* const end = p + text.size();
  while (p < end) {
    const char* const good = p;
    p = SkipAscii(p, end);
    size_t bytes = 0;
    while (p < end && (bytes = CharacterBytes(p, end)) > 0) p = SkipAscii(p + bytes, end);
    mended.append(good, p);
    if (p == end) break;
    mended += "\uFFFD";
    ++p;
  }
  return mended;
}

}  // namespace postroad
