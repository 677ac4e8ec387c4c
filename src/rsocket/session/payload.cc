// See payload.h.
#include "rsocket/session/payload.h"

#include <algorithm>
#include <utility>

#include "core/bytes.h"

namespace postroad::rsocket {
namespace {

constexpr size_t kMetadataLengthBytes = 3;

bool HasInitialN(FrameType type) {
  return type == FrameType::kRequestStream || type == FrameType::kRequestChannel;
}

uint16_t Flags(const MessageHead& head, bool metadata, bool last) {
  uint16_t flags = 0;
  if (metadata) flags |= kFlagMetadata;
  if (!last) flags |= kFlagFollows;
  if (head.type == FrameType::kPayload && head.next) flags |= kFlagNext;
  if (head.complete && last) flags |= kFlagComplete;
  return flags;
}

std::string Header(const MessageHead& head, bool metadata, bool last) {
  std::string bytes;
  AppendHeader(head.stream, head.type, Flags(head, metadata, last), bytes);
  if (HasInitialN(head.type)) PutBig32(bytes, head.initial_n);
  return bytes;
}

// Cuts one message into frames.
class Cutter {
 public:
  Cutter(const MessageHead& head, const EncodedPayload& payload, size_t max_frame)
      : head_(head), owner_(payload.owner()), max_frame_(max_frame) {
    const PayloadView view = payload.view();
    metadata_left_ = view.metadata.has_value();
    metadata_ = view.metadata.value_or("");
    data_ = view.data;
  }

  void Cut(std::vector<OutFrame>& out) {
    do {
      out.push_back(Next());
      // What follows the first frame is PAYLOAD, whatever the message opens with.
      head_ = {.stream = head_.stream, .next = true, .complete = head_.complete};
    } while (metadata_left_ || !data_.empty());
  }

 private:
  OutFrame Next() {
    size_t room = max_frame_ - kFrameHeaderBytes - (HasInitialN(head_.type) ? 4 : 0);
    const bool metadata = metadata_left_;
    std::string_view piece;
    if (metadata) {
      room -= kMetadataLengthBytes;
      piece = Take(metadata_, room);
      room -= piece.size();
      metadata_left_ = !metadata_.empty();
    }
    const std::string_view data = metadata_left_ ? std::string_view() : Take(data_, room);
    const bool last = !metadata_left_ && data_.empty();
    OutFrame frame{.head = Header(head_, metadata, last), .owner = owner_};
    if (metadata) {
      frame.head.push_back(static_cast<char>(piece.size() >> 16));
      frame.head.push_back(static_cast<char>(piece.size() >> 8));
      frame.head.push_back(static_cast<char>(piece.size()));
    }
    // Metadata and data stand one behind the other in the buffer.
    frame.body = metadata ? std::string_view(piece.data(), piece.size() + data.size()) : data;
    return frame;
  }
  static std::string_view Take(std::string_view& from, size_t most) {
    const std::string_view taken = from.substr(0, most);
    from.remove_prefix(taken.size());
    return taken;
  }

  MessageHead head_;
  const std::shared_ptr<const std::string> owner_;
  const size_t max_frame_;
  bool metadata_left_ = false;
  std::string_view metadata_, data_;
};

}  // namespace

EncodedPayload::EncodedPayload(const PayloadView& payload) {
  if (payload.metadata) metadata_size_ = static_cast<uint32_t>(payload.metadata->size());
  if (!payload.metadata && payload.data.empty()) return;
  std::string bytes;
  bytes.reserve(kMetadataLengthBytes + payload.size());
  AppendPayload(payload, bytes);
  bytes_ = std::make_shared<const std::string>(std::move(bytes));
}

PayloadView EncodedPayload::view() const {
  std::string_view all = bytes();
  PayloadView view;
  if (metadata_size_) {
    view.metadata = all.substr(kMetadataLengthBytes, *metadata_size_);
    all.remove_prefix(kMetadataLengthBytes + *metadata_size_);
  }
  view.data = all;
  return view;
}

uint32_t OutFrame::stream() const { return GetBig32(head.data()) & kMaxStreamId; }

void AppendMessage(const MessageHead& head, const EncodedPayload& payload, size_t max_frame,
                   std::vector<OutFrame>& out) {
  const size_t fixed = kFrameHeaderBytes + (HasInitialN(head.type) ? 4 : 0);
  if (fixed + payload.bytes().size() <= max_frame) {
    out.push_back({Header(head, payload.has_metadata(), true), payload.owner(), payload.bytes()});
    return;
  }
  Cutter(head, payload, std::max(max_frame, kMinFragmentBytes)).Cut(out);
}

}  // namespace postroad::rsocket
