// The ring of recent events: growth, and the way out of it for stragglers.
#include "delivery/event_window.h"

#include <algorithm>

namespace postroad::delivery {
namespace {

constexpr uint64_t kFirstRing = 256;

}  // namespace

Slot& EventWindow::Append(uint64_t sequence) {
  SkipTo(sequence);
  if (end_ - base_ == ring_.size()) MakeRoom();
  ++end_;
  Slot& slot = At(sequence);
  slot = Slot{};
  return slot;
}

void EventWindow::SkipTo(uint64_t sequence) {
  if (sequence <= end_) return;
  if (base_ == end_) {
    base_ = end_ = sequence;
    return;
  }
  if (sequence - end_ >= max_ring_) {  // too far to mark each: what is unsettled are stragglers
    for (; base_ != end_; ++base_) {
      if (At(base_).state != SlotState::kSettled) stragglers_[base_] = At(base_);
    }
    base_ = end_ = sequence;
    return;
  }
  while (end_ != sequence) {
    if (base_ == end_) {
      base_ = end_ = sequence;
      return;
    }
    if (end_ - base_ == ring_.size()) MakeRoom();
    ++end_;
    At(end_ - 1) = Slot{};
  }
}

void EventWindow::MakeRoom() {
  if (ring_.size() < max_ring_) {
    std::vector<Slot> larger(std::max<uint64_t>(kFirstRing, ring_.size() * 2));
    for (uint64_t s = base_; s != end_; ++s) larger[s & (larger.size() - 1)] = At(s);
    ring_ = std::move(larger);
    return;
  }
  if (At(base_).state != SlotState::kSettled) stragglers_[base_] = At(base_);
  ++base_;
  while (base_ != end_ && At(base_).state == SlotState::kSettled) ++base_;
}

void EventWindow::Reset(uint64_t sequence) {
  stragglers_.clear();
  base_ = end_ = sequence;
  ring_ = {};
}

void EventWindow::Shrink() {
  if (base_ == end_ && ring_.size() > kFirstRing) ring_ = {};
}

}  // namespace postroad::delivery
