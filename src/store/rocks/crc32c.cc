// CRC-32C by the processor's instruction where it has one, else by a table.
#include "store/rocks/crc32c.h"

#include <array>
#include <cstring>

namespace postroad::store {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // reflected

constexpr std::array<uint32_t, 256> MakeTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? kPolynomial : 0);
    table[i] = crc;
  }
  return table;
}
constexpr auto kTable = MakeTable();

uint32_t ExtendByTable(uint32_t state, std::string_view data) {
  for (const char c : data) {
    state = kTable[(state ^ static_cast<uint8_t>(c)) & 0xff] ^ (state >> 8);
  }
  return state;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t ExtendByInstruction(uint32_t state,
                                                               std::string_view data) {
  const char* p = data.data();
  size_t left = data.size();
  uint64_t wide = state;
  for (; left >= 8; left -= 8, p += 8) {
    uint64_t word;
    std::memcpy(&word, p, sizeof word);
    wide = __builtin_ia32_crc32di(wide, word);
  }
  auto narrow = static_cast<uint32_t>(wide);
  for (; left > 0; --left, ++p) narrow = __builtin_ia32_crc32qi(narrow, static_cast<uint8_t>(*p));
  return narrow;
}

uint32_t Extend(uint32_t state, std::string_view data) {
  static const bool has_instruction = __builtin_cpu_supports("sse4.2");
  return has_instruction ? ExtendByInstruction(state, data) : ExtendByTable(state, data);
}
#else
uint32_t Extend(uint32_t state, std::string_view data) { return ExtendByTable(state, data); }
#endif

}  // namespace

uint32_t ExtendCrc32c(uint32_t crc, std::string_view data) { return ~Extend(~crc, data); }

}  // namespace postroad::store

// What rocksdb::crc32c::Extend is linked to where RocksDB is part of the program (CMakeLists.txt).
// NOLINTNEXTLINE(bugprone-reserved-identifier): the linker's name for it
extern "C" uint32_t __wrap__ZN7rocksdb6crc32c6ExtendEjPKcm(uint32_t crc, const char* data,
                                                           size_t size) {
  return postroad::store::ExtendCrc32c(crc, {data, size});
}
