// Reading protobuf's wire format as protobuf's own parser does: what that accepts and refuses, this
// does too (tests/core and fuzz/ compare the two).
#ifndef POSTROAD_CORE_EVENT_WIRE_H_
#define POSTROAD_CORE_EVENT_WIRE_H_

#include <cstdint>
#include <string_view>

namespace postroad::wire {

enum class Type : uint8_t {
  kVarint = 0,
  kFixed64 = 1,
  kBytes = 2,
  kGroup = 3,
  kEnd = 4,
  kFixed32 = 5
};

constexpr uint32_t Tag(uint32_t field, Type type) {
  return field << 3 | static_cast<uint32_t>(type);
}

// How deep messages and groups may nest; protobuf's default.
inline constexpr int kMaxDepth = 100;

// Moves through one message. Every call but AtEnd returns false once the bytes are malformed, and
// then fault() and offset() say what is wrong and where.
class Reader {
 public:
  explicit Reader(std::string_view message)
      : begin_(message.data()), at_(begin_), end_(begin_ + message.size()) {}

  bool AtEnd() const { return at_ == end_; }

  bool ReadTag(uint32_t& tag) {
    if (at_ < end_ && static_cast<uint8_t>(*at_) < 0x80) [[likely]] {
      tag = static_cast<uint8_t>(*at_++);
      return true;
    }
    return ReadLongTag(tag);
  }

  // A varint; what exceeds 64 bits is dropped, as protobuf does.
  bool ReadVarint(uint64_t& value) {
    if (at_ < end_ && static_cast<uint8_t>(*at_) < 0x80) [[likely]] {
      value = static_cast<uint8_t>(*at_++);
      return true;
    }
    return ReadLongVarint(value);
  }

  // A length and that many bytes.
  bool ReadBytes(std::string_view& bytes) {
    uint32_t size = 0;
    if (!ReadSize(size)) [[unlikely]]
      return false;
    if (size > static_cast<size_t>(end_ - at_)) [[unlikely]]
      return Fail("a length runs past the end");
    bytes = {at_, size};
    at_ += size;
    return true;
  }

  // Restricts reading to the length-delimited message that comes; `outer` remembers what to give to
  // Leave once AtEnd.
  bool Enter(const char*& outer) {
    std::string_view message;
    if (!ReadBytes(message)) return false;
    outer = end_;
    at_ = message.data();
    end_ = at_ + message.size();
    return true;
  }
  void Leave(const char* outer) { end_ = outer; }

  // Skips a field whose tag was read; groups in it nest at most `depth` deep.
  bool Skip(uint32_t tag, int depth);

  const char* fault() const { return fault_; }
  size_t offset() const { return static_cast<size_t>(at_ - begin_); }

 private:
  bool ReadSize(uint32_t& size) {
    if (at_ < end_ && static_cast<uint8_t>(*at_) < 0x80) [[likely]] {
      size = static_cast<uint8_t>(*at_++);
      return true;
    }
    return ReadLongSize(size);
  }
  bool ReadLongTag(uint32_t& tag);
  bool ReadLongVarint(uint64_t& value);
  bool ReadLongSize(uint32_t& size);
  bool SkipValue(uint32_t tag);
  bool SkipGroup(uint32_t tag, int depth);
  bool Advance(size_t bytes);
  bool Fail(const char* fault) {
    fault_ = fault;
    return false;
  }

  const char* begin_;
  const char* at_;
  const char* end_;
  const char* fault_ = nullptr;
};

}  // namespace postroad::wire

#endif  // POSTROAD_CORE_EVENT_WIRE_H_
