// Walks protobuf wire bytes field by field, for messages too hot or too foreign to be worth a
// generated class.
#ifndef POSTROAD_CLIENTS_CPP_CLIENT_WIRE_H_
#define POSTROAD_CLIENTS_CPP_CLIENT_WIRE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/time.h"

namespace postroad::client {

struct WireField {
  uint32_t number = 0;
  uint64_t value = 0;      // of a varint or fixed field
  std::string_view bytes;  // of a length-delimited field
};

class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}
  // The next field into `out`; false at the end or where the bytes are malformed (see ok()).
  bool Next(WireField& out);
  bool ok() const { return ok_; }

 private:
  bool Bad() {
    ok_ = false;
    return false;
  }
  std::string_view rest_;
  bool ok_ = true;
};

// A google.protobuf.Timestamp; out-of-range values are clamped to the accepted times.
Timestamp WireTimestamp(std::string_view bytes);

inline void PutVarintField(std::string& out, uint32_t number, uint64_t value) {
  PutVarint(out, number << 3);
  PutVarint(out, value);
}
inline void PutBytesField(std::string& out, uint32_t number, std::string_view bytes) {
  PutVarint(out, number << 3 | 2);
  PutVarint(out, bytes.size());
  out.append(bytes);
}

}  // namespace postroad::client

#endif  // POSTROAD_CLIENTS_CPP_CLIENT_WIRE_H_
