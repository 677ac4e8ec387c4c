// Puts the fragments of one message together, within limits.
#ifndef POSTROAD_RSOCKET_SESSION_REASSEMBLY_H_
#define POSTROAD_RSOCKET_SESSION_REASSEMBLY_H_

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "rsocket/framing/frame.h"

namespace postroad::rsocket {

class Reassembly {
 public:
  // More empty fragments than this in one message are taken for a flood.
  static constexpr int kMaxEmptyFragments = 16;

  // Of the frame that opened the message: a request, or PAYLOAD.
  FrameType type = FrameType::kPayload;
  uint32_t initial_n = 0;
  bool complete = false;

  // Adds a fragment. The error says what is wrong, and the message is lost then.
  std::expected<void, std::string> Add(const PayloadView& fragment, size_t max_bytes);
  size_t bytes() const { return (metadata_ ? metadata_->size() : 0) + data_.size(); }
  // The message as it is; views of this.
  PayloadView view() const {
    return {metadata_ ? std::optional<std::string_view>(*metadata_) : std::nullopt, data_};
  }

 private:
  std::optional<std::string> metadata_;
  std::string data_;
  int empty_ = 0;
};

}  // namespace postroad::rsocket

#endif  // POSTROAD_RSOCKET_SESSION_REASSEMBLY_H_
