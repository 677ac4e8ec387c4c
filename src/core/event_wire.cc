// The uncommon ways of protobuf's wire format: long varints, unknown fields, groups.
#include "core/event_wire.h"

#include <climits>

namespace postroad::wire {
namespace {

constexpr Type TypeOf(uint32_t tag) { return static_cast<Type>(tag & 7); }

}  // namespace

bool Reader::ReadLongTag(uint32_t& tag) {
  uint32_t value = 0;
  for (int i = 0; i < 5 && at_ + i < end_; ++i) {
    const auto byte = static_cast<uint8_t>(at_[i]);
    value |= static_cast<uint32_t>(byte & 0x7f) << (7 * i);
    if (byte >= 0x80) continue;
    at_ += i + 1;
    tag = value;
    return true;
  }
  return Fail("a tag is cut off or too long");
}

bool Reader::ReadLongVarint(uint64_t& value) {
  uint64_t sum = 0;
  for (int i = 0; i < 10 && at_ + i < end_; ++i) {
    const auto byte = static_cast<uint8_t>(at_[i]);
    sum |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte >= 0x80) continue;
    at_ += i + 1;
    value = sum;
    return true;
  }
  return Fail("a varint is cut off or too long");
}

bool Reader::ReadLongSize(uint32_t& size) {
  uint64_t value = 0;
  for (int i = 0; i < 5 && at_ + i < end_; ++i) {
    const auto byte = static_cast<uint8_t>(at_[i]);
    value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte >= 0x80) continue;
    // Protobuf keeps sixteen bytes of slop below the largest int.
    if (value > INT_MAX - 16) return Fail("a length is over 2 GiB");
    at_ += i + 1;
    size = static_cast<uint32_t>(value);
    return true;
  }
  return Fail("a length is cut off or too long");
}

bool Reader::Advance(size_t bytes) {
  if (static_cast<size_t>(end_ - at_) < bytes) return Fail("a fixed-size value is cut off");
  at_ += bytes;
  return true;
}

bool Reader::SkipValue(uint32_t tag) {
  if (tag >> 3 == 0) return Fail("a field has the number 0");
  uint64_t varint;
  std::string_view bytes;
  switch (TypeOf(tag)) {
    case Type::kVarint:
      return ReadVarint(varint);
    case Type::kFixed64:
      return Advance(8);
    case Type::kBytes:
      return ReadBytes(bytes);
    case Type::kFixed32:
      return Advance(4);
    case Type::kEnd:
      return Fail("a group ends that was not begun");
    default:
      return Fail("a field has an unknown wire type");
  }
}

bool Reader::SkipGroup(uint32_t tag, int depth) {
  uint32_t open[kMaxDepth];
  int groups = 0;
  do {
    if (TypeOf(tag) == Type::kGroup) {
      if (tag >> 3 == 0) return Fail("a field has the number 0");
      if (groups == depth) return Fail("groups are nested too deep");
      open[groups++] = tag;
    } else if (TypeOf(tag) == Type::kEnd) {
      if (open[--groups] + 1 != tag) return Fail("a group is ended by another's end");
    } else if (!SkipValue(tag)) {
      return false;
    }
    if (groups > 0 && !ReadTag(tag)) return false;
  } while (groups > 0);
  return true;
}

bool Reader::Skip(uint32_t tag, int depth) {
  return TypeOf(tag) == Type::kGroup ? SkipGroup(tag, depth) : SkipValue(tag);
}

}  // namespace postroad::wire
