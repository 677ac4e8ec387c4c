// Big-endian integers and varints in byte strings, for keys and formats.
#ifndef POSTROAD_CORE_BYTES_H_
#define POSTROAD_CORE_BYTES_H_

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace postroad {

inline void PutBig64(std::string& out, uint64_t v) {
  v = __builtin_bswap64(v);
  out.append(reinterpret_cast<const char*>(&v), sizeof v);
}
inline void PutBig32(std::string& out, uint32_t v) {
  v = __builtin_bswap32(v);
  out.append(reinterpret_cast<const char*>(&v), sizeof v);
}
// `p` must have 4 writable bytes.
inline void SetBig32(char* p, uint32_t v) {
  v = __builtin_bswap32(v);
  std::memcpy(p, &v, sizeof v);
}
// `p` must have 8 readable bytes.
inline uint64_t GetBig64(const char* p) {
  uint64_t v;
  std::memcpy(&v, p, sizeof v);
  return __builtin_bswap64(v);
}
// `p` must have 4 readable bytes.
inline uint32_t GetBig32(const char* p) {
  uint32_t v;
  std::memcpy(&v, p, sizeof v);
  return __builtin_bswap32(v);
}

// Protobuf's base-128 varint.
inline void PutVarint(std::string& out, uint64_t v) {
  while (v >= 0x80) {
    out.push_back(static_cast<char>(v | 0x80));
    v >>= 7;
  }
  out.push_back(static_cast<char>(v));
}
// Takes a varint from the front of `in`; nothing (and `in` unchanged) if there is none whole.
inline std::optional<uint64_t> TakeVarint(std::string_view& in) {
  uint64_t v = 0;
  for (size_t i = 0; i < in.size() && i < 10; ++i) {
    const auto byte = static_cast<uint8_t>(in[i]);
    v |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      in.remove_prefix(i + 1);
      return v;
    }
  }
  return std::nullopt;
}
inline size_t VarintSize(uint64_t v) { return (std::bit_width(v | 1) + 6) / 7; }

static_assert(std::endian::native == std::endian::little,
              "Postroad's formats assume little-endian");

}  // namespace postroad

#endif  // POSTROAD_CORE_BYTES_H_
