// Reads big-endian fields from the front of bytes and remembers where the first fault was. Used by
// the decoders of frames and metadata only.
#ifndef POSTROAD_RSOCKET_FRAMING_BYTE_READER_H_
#define POSTROAD_RSOCKET_FRAMING_BYTE_READER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace postroad::rsocket {

// After a fault every read gives zeros and empty views; the first fault stays.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return fault_.empty(); }
  bool AtEnd() const { return offset_ == bytes_.size(); }
  size_t offset() const { return offset_; }
  size_t remaining() const { return bytes_.size() - offset_; }
  size_t fault_offset() const { return fault_offset_; }
  const std::string& fault() const { return fault_; }

  uint8_t U8(const char* what) { return static_cast<uint8_t>(Integer(1, what)); }
  uint16_t U16(const char* what) { return static_cast<uint16_t>(Integer(2, what)); }
  uint32_t U24(const char* what) { return static_cast<uint32_t>(Integer(3, what)); }
  uint32_t U32(const char* what) { return static_cast<uint32_t>(Integer(4, what)); }
  uint64_t U64(const char* what) { return Integer(8, what); }
  // 31 and 63 bits: the highest is reserved, and not looked at.
  uint32_t U31(const char* what) { return U32(what) & 0x7fffffff; }
  uint64_t U63(const char* what) { return U64(what) & 0x7fffffffffffffff; }

  // `size` bytes, whose length stands at `length_offset`. `cause` says what usually leads there.
  std::string_view Bytes(size_t size, size_t length_offset, const char* what, const char* cause) {
    if (ok() && size > remaining()) Fail(length_offset, TooLong(size, what, cause));
    if (!ok()) return {};
    offset_ += size;
    return bytes_.substr(offset_ - size, size);
  }
  std::string_view Rest() {
    if (!ok()) return {};
    const std::string_view rest = bytes_.substr(offset_);
    offset_ = bytes_.size();
    return rest;
  }

  void Fail(size_t offset, std::string fault) {
    if (!ok()) return;
    fault_offset_ = offset;
    fault_ = std::move(fault);
  }

 private:
  uint64_t Integer(size_t size, const char* what) {
    if (ok() && size > remaining()) {
      Fail(offset_, std::string(what) + " needs " + std::to_string(size) + " bytes and there are " +
                        std::to_string(remaining()));
    }
    if (!ok()) return 0;
    uint64_t value = 0;
    for (size_t i = 0; i < size; ++i) value = value << 8 | static_cast<uint8_t>(bytes_[offset_++]);
    return value;
  }
  std::string TooLong(size_t size, const char* what, const char* cause) const {
    std::string text = std::string(what) + " is said to have " + std::to_string(size) +
                       " bytes, and " + std::to_string(remaining()) + " are left";
    if (*cause != 0) text += std::string("; likely cause: ") + cause;
    return text;
  }

  const std::string_view bytes_;
  size_t offset_ = 0;
  size_t fault_offset_ = 0;
  std::string fault_;
};

}  // namespace postroad::rsocket

#endif  // POSTROAD_RSOCKET_FRAMING_BYTE_READER_H_
