// See send_queue.h.
#include "rsocket/session/send_queue.h"

#include <iterator>

#include "core/free_memory.h"

namespace postroad::rsocket {

OutFrame FrameQueue::Pop() {
  OutFrame frame = std::move(frames_[first_++]);
  bytes_ -= frame.size();
  if (first_ == frames_.size()) {
    // A burst's room is given back; that of the usual few frames is kept while there is traffic.
    if (frames_.capacity() > 16) {
      FreeMemory(frames_);
    } else {
      frames_.clear();
    }
    first_ = 0;
  } else if (first_ >= 1024 && first_ * 2 >= frames_.size()) {
    frames_.erase(frames_.begin(), frames_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  return frame;
}

void FrameQueue::PushFront(std::vector<OutFrame> frames) {
  std::vector<OutFrame> rest = TakeAll();
  frames_ = std::move(frames);
  frames_.insert(frames_.end(), std::make_move_iterator(rest.begin()),
                 std::make_move_iterator(rest.end()));
  for (const OutFrame& frame : frames_) bytes_ += frame.size();
}

std::vector<OutFrame> FrameQueue::TakeAll() {
  frames_.erase(frames_.begin(), frames_.begin() + static_cast<std::ptrdiff_t>(first_));
  first_ = 0;
  bytes_ = 0;
  return std::exchange(frames_, {});
}

void ResumeBuffer::Sent(const OutFrame& frame) {
  frames_.Push(frame);
  while (frames_.bytes() > limit_) first_ += frames_.Pop().size();
}

void ResumeBuffer::Acknowledge(uint64_t position) {
  if (position > end()) return;
  while (!frames_.empty() && first_ + frames_.front().size() <= position) {
    first_ += frames_.Pop().size();
  }
}

bool ResumeBuffer::CanResumeFrom(uint64_t position) const {
  if (position < begin()) return false;
  uint64_t at = begin();
  for (size_t i = 0; i < frames_.size() && at < position; ++i) at += frames_.at(i).size();
  return at == position;
}

std::vector<OutFrame> ResumeBuffer::Rewind(uint64_t position) {
  Acknowledge(position);
  return frames_.TakeAll();
}

}  // namespace postroad::rsocket
