// gRPC messages as bytes: building them around stored bytes without copying those, and parsing them
// so that an error names the field at fault.
#ifndef POSTROAD_GATEWAY_GRPC_MESSAGE_H_
#define POSTROAD_GATEWAY_GRPC_MESSAGE_H_

#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "core/error.h"
#include "core/time.h"

namespace postroad::gateway {

// Protobuf's wire format, written by hand. Zero and empty are left out, as proto3 does.
namespace put {

inline void Tag(std::string& out, uint32_t field, uint32_t type) {
  PutVarint(out, field << 3 | type);
}
inline void Number(std::string& out, uint32_t field, uint64_t value) {
  if (value == 0) return;
  Tag(out, field, 0);
  PutVarint(out, value);
}
inline void Length(std::string& out, uint32_t field, size_t bytes) {
  Tag(out, field, 2);
  PutVarint(out, bytes);
}
inline void Text(std::string& out, uint32_t field, std::string_view text) {
  if (text.empty()) return;
  Length(out, field, text.size());
  out.append(text);
}
// google.protobuf.Timestamp.
void Time(std::string& out, uint32_t field, Timestamp time);

}  // namespace put

// A message made of small written parts and of large parts that are shared with their owner.
class MessageBuilder {
 public:
  // Where written parts go.
  std::string& text() { return text_; }
  // Appends bytes that `owner` keeps alive: by reference if they are many, else as a copy.
  void Append(std::string_view bytes, const std::shared_ptr<const void>& owner);
  grpc::ByteBuffer Finish();

 private:
  void FlushText();

  std::string text_;
  std::vector<grpc::Slice> slices_;
};

// A message of its own bytes.
grpc::ByteBuffer ToBuffer(std::string bytes);

// The bytes of a message in one piece; valid as long as this lives. Copies only what came in parts.
class FlatMessage {
 public:
  explicit FlatMessage(const grpc::ByteBuffer& buffer);
  std::string_view bytes() const {
    return {reinterpret_cast<const char*>(slice_.begin()), slice_.size()};
  }

 private:
  grpc::Slice slice_;
};

// INVALID_ARGUMENT naming the field that is malformed or not UTF-8.
Status ParseMessage(std::string_view bytes, google::protobuf::Message& message);

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_GRPC_MESSAGE_H_
