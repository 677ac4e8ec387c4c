// UUIDv7: 48 bits of milliseconds, then 74 random bits that count up within a millisecond.
#include "core/uuid.h"

#include <array>
#include <bit>
#include <cstdint>
#include <random>

namespace postroad {
namespace {

constexpr size_t kTextBytes = 36;
constexpr uint64_t kRandBMask = (uint64_t{1} << 62) - 1;

// xoshiro256++: fast, and long enough a state that no two threads share a sequence.
class Random {
 public:
  Random() {
    std::random_device device;
    for (auto& word : state_) word = (uint64_t{device()} << 32) | device();
    state_[0] |= 1;  // an all-zero state would stay so
  }

  uint64_t Next() {
    const uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

 private:
  std::array<uint64_t, 4> state_;
};

// One thread's sequence: (millis, rand_a, rand_b) only ever grows, also when the clock jumps back.
struct Sequence {
  Random random;
  uint64_t millis = 0;
  uint64_t rand_a = 0;  // 12 bits
  uint64_t rand_b = 0;  // 62 bits

  void Advance(uint64_t now_millis) {
    if (now_millis > millis) {
      millis = now_millis;
      // The upper half of the range is left free for counting up (RFC 9562, 6.2, method 2).
      rand_a = random.Next() & 0x7ff;
      rand_b = random.Next() & kRandBMask;
      return;
    }
    rand_b += 1 + (random.Next() & 0xffffffff);
    if (rand_b <= kRandBMask) return;
    rand_b &= kRandBMask;
    if (++rand_a <= 0xfff) return;
    rand_a = 0;
    ++millis;
  }
};

void PutHex(char*& out, uint64_t value, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
    *out++ = "0123456789abcdef"[(value >> shift) & 0xf];
  }
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsUuid(std::string_view text) {
  if (text.size() != kTextBytes) return false;
  for (size_t i = 0; i < kTextBytes; ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : HexDigit(text[i]) < 0) return false;
  }
  return true;
}

}  // namespace

std::string NewUuidV7(Timestamp now) {
  thread_local Sequence sequence;
  const int64_t millis = ToNanos(now) / 1'000'000;
  sequence.Advance(millis > 0 ? static_cast<uint64_t>(millis) : 0);
  std::string text(kTextBytes, '-');
  char* p = text.data();
  PutHex(p, sequence.millis >> 16, 8);
  ++p;
  PutHex(p, sequence.millis & 0xffff, 4);
  ++p;
  PutHex(p, 0x7000 | sequence.rand_a, 4);
  ++p;
  PutHex(p, 0x8000 | (sequence.rand_b >> 48), 4);
  ++p;
  PutHex(p, sequence.rand_b & 0xffff'ffff'ffff, 12);
  return text;
}

std::optional<Timestamp> UuidV7Time(std::string_view text) {
  if (!IsUuid(text) || text[14] != '7') return std::nullopt;
  if ((HexDigit(text[19]) & 0xc) != 0x8) return std::nullopt;
  int64_t millis = 0;
  for (size_t i = 0; i < 13; ++i) {
    if (i != 8) millis = millis << 4 | HexDigit(text[i]);
  }
  constexpr int64_t kLatestMillis = INT64_MAX / 1'000'000;
  if (millis > kLatestMillis) return std::nullopt;
  return FromNanos(millis * 1'000'000);
}

}  // namespace postroad
