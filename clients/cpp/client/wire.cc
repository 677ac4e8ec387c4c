#include "client/wire.h"

#include <algorithm>
#include <cstring>

namespace postroad::client {
namespace {

uint64_t LittleEndian(std::string_view bytes) {
  uint64_t v = 0;
  std::memcpy(&v, bytes.data(), bytes.size());
  return v;
}

}  // namespace

bool WireReader::Next(WireField& out) {
  if (rest_.empty()) return false;
  const auto tag = TakeVarint(rest_);
  if (!tag || *tag >> 3 == 0 || *tag >> 3 > 0x1fffffff) return Bad();
  out.number = static_cast<uint32_t>(*tag >> 3);
  out.bytes = {};
  size_t length = 0;
  switch (*tag & 7) {
    case 0: {
      const auto value = TakeVarint(rest_);
      if (!value) return Bad();
      out.value = *value;
      return true;
    }
    case 1:
      length = 8;
      break;
    case 5:
      length = 4;
      break;
    case 2: {
      const auto size = TakeVarint(rest_);
      if (!size || *size > rest_.size()) return Bad();
      out.bytes = rest_.substr(0, *size);
      rest_.remove_prefix(*size);
      return true;
    }
    default:
      return Bad();
  }
  if (rest_.size() < length) return Bad();
  out.value = LittleEndian(rest_.substr(0, length));
  rest_.remove_prefix(length);
  return true;
}

Timestamp WireTimestamp(std::string_view bytes) {
  WireReader reader(bytes);
  WireField field;
  int64_t seconds = 0;
  int64_t nanos = 0;
  while (reader.Next(field)) {
    if (field.number == 1) seconds = static_cast<int64_t>(field.value);
    if (field.number == 2) nanos = static_cast<int64_t>(field.value);
  }
  const int64_t last = ToNanos(kLatestTime) / 1'000'000'000;
  seconds = std::clamp<int64_t>(seconds, 0, last);
  nanos = std::clamp<int64_t>(nanos, 0, 999'999'999);
  return FromNanos(seconds * 1'000'000'000 + nanos);
}

}  // namespace postroad::client
