// Frames that wait to be sent, and what was sent and may have to be sent again.
#ifndef POSTROAD_RSOCKET_SESSION_SEND_QUEUE_H_
#define POSTROAD_RSOCKET_SESSION_SEND_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "rsocket/session/payload.h"

namespace postroad::rsocket {

// First in, first out; costs no memory while it is empty.
class FrameQueue {
 public:
  bool empty() const { return first_ == frames_.size(); }
  size_t bytes() const { return bytes_; }
  size_t size() const { return frames_.size() - first_; }
  const OutFrame& front() const { return frames_[first_]; }
  const OutFrame& at(size_t index) const { return frames_[first_ + index]; }

  void Push(OutFrame frame) {
    bytes_ += frame.size();
    frames_.push_back(std::move(frame));
  }
  OutFrame Pop();
  // Puts `frames` before all that is in it.
  void PushFront(std::vector<OutFrame> frames);
  std::vector<OutFrame> TakeAll();
  void Clear() { TakeAll(); }

 private:
  std::vector<OutFrame> frames_;
  size_t first_ = 0;  // those before were taken
  size_t bytes_ = 0;
};

// The frames that count for resumption and were sent, from the oldest that the peer has not said to
// have received. Holds at most `limit` bytes: the oldest go first, and then the peer can resume
// only from a later position.
class ResumeBuffer {
 public:
  explicit ResumeBuffer(size_t limit = 0) : limit_(limit) {}

  // The position behind the last frame sent.
  uint64_t end() const { return first_ + frames_.bytes(); }
  // The earliest position from which all is still there.
  uint64_t begin() const { return first_; }
  size_t bytes() const { return frames_.bytes(); }

  void Sent(const OutFrame& frame);
  // The peer has received all before `position`. Positions that are no frame's end are taken for
  // the frame's beginning, those not reached yet are ignored.
  void Acknowledge(uint64_t position);
  // Whether all frames from `position` on are there, and one begins there (or the end is there).
  bool CanResumeFrom(uint64_t position) const;
  // Takes the frames from `position` on, to be sent again; what is before is forgotten.
  std::vector<OutFrame> Rewind(uint64_t position);

 private:
  size_t limit_;
  uint64_t first_ = 0;
  FrameQueue frames_;
};

}  // namespace postroad::rsocket

#endif  // POSTROAD_RSOCKET_SESSION_SEND_QUEUE_H_
