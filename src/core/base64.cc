// See base64.h.
#include "core/base64.h"

#include <algorithm>
#include <cstdint>

namespace postroad {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string Base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t word = 0;
    const size_t have = std::min<size_t>(3, bytes.size() - i);
    for (size_t j = 0; j < 3; ++j) {
      word = word << 8 | (j < have ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    }
    for (size_t j = 0; j < 4; ++j) {
      out += j <= have ? kAlphabet[word >> (18 - 6 * j) & 63] : '=';
    }
  }
  return out;
}

bool FromBase64(std::string_view text, std::string& bytes) {
  bytes.clear();
  if (text.size() % 4 != 0) return false;
  for (size_t i = 0; i < text.size(); i += 4) {
    uint32_t word = 0;
    size_t have = 0;
    for (size_t j = 0; j < 4; ++j) {
      const char c = text[i + j];
      const size_t value = kAlphabet.find(c);
      const bool padding = c == '=' && i + 4 == text.size() && j >= 2;
      if (value == std::string_view::npos && !padding) return false;
      if (!padding && have != j) return false;  // a letter after the padding
      word = word << 6 | (padding ? 0U : static_cast<uint32_t>(value));
      have += padding ? 0 : 1;
    }
    for (size_t j = 0; j + 1 < have; ++j) bytes += static_cast<char>(word >> (16 - 8 * j));
  }
  return true;
}

}  // namespace postroad
