// Payloads on their way out: encoded once, shared by all the sessions that send them.
#ifndef POSTROAD_RSOCKET_SESSION_PAYLOAD_H_
#define POSTROAD_RSOCKET_SESSION_PAYLOAD_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rsocket/framing/frame.h"

namespace postroad::rsocket {

// Metadata and data as they stand in a frame behind its header. Immutable; cheap to copy.
class EncodedPayload {
 public:
  EncodedPayload() = default;
  explicit EncodedPayload(const PayloadView& payload);

  PayloadView view() const;
  bool has_metadata() const { return metadata_size_.has_value(); }
  // Metadata length, metadata and data.
  std::string_view bytes() const { return bytes_ ? std::string_view(*bytes_) : std::string_view(); }
  const std::shared_ptr<const std::string>& owner() const { return bytes_; }

 private:
  std::shared_ptr<const std::string> bytes_;  // null: no metadata and no data
  std::optional<uint32_t> metadata_size_;
};

// A frame to be sent: its head, which is the stream's own, and a body that may be shared.
struct OutFrame {
  std::string head;
  std::shared_ptr<const std::string> owner;  // of body
  std::string_view body;

  size_t size() const { return head.size() + body.size(); }
  uint32_t stream() const;
  std::string ToString() const { return head + std::string(body); }
};

// What a message opens with; its payload follows.
struct MessageHead {
  uint32_t stream = 0;
  FrameType type = FrameType::kPayload;
  uint32_t initial_n = 0;  // REQUEST_STREAM and REQUEST_CHANNEL
  bool next = false;       // PAYLOAD
  bool complete = false;   // PAYLOAD and REQUEST_CHANNEL
};

// Appends the message as one frame or, where that would exceed `max_frame`, as fragments: metadata
// first and then data, Next on every one, Complete on the last, none of them empty. `max_frame` is
// at least kMinFragmentBytes.
inline constexpr size_t kMinFragmentBytes = 64;
void AppendMessage(const MessageHead& head, const EncodedPayload& payload, size_t max_frame,
                   std::vector<OutFrame>& out);

}  // namespace postroad::rsocket

#endif  // POSTROAD_RSOCKET_SESSION_PAYLOAD_H_
