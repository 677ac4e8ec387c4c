// See stream_queue.h.
#include "event_bus/stream_queue.h"

#include <algorithm>
#include <utility>

namespace postroad::event_bus {
namespace {

constexpr size_t kMaxBytes = 32 << 20;

size_t BytesOf(const Waiting& waiting) { return waiting.event.payload.size() + 256; }

}  // namespace

bool StreamQueue::Full() const { return events_.size() >= capacity_ || bytes_ >= kMaxBytes; }

bool StreamQueue::HasRoom() const {
  const bool waits =
      strategy_ == kafka::Backpressure::kPause || strategy_ == kafka::Backpressure::kBuffer;
  return !waits || !Full();
}

void StreamQueue::Push(Waiting event) {
  bytes_ += BytesOf(event);
  events_.push_back(std::move(event));
}

StreamQueue::Offered StreamQueue::Offer(Waiting event, std::vector<uint64_t>& dropped) {
  if (Full()) {
    switch (strategy_) {
      case kafka::Backpressure::kError:
        return Offered::kOverrun;
      case kafka::Backpressure::kDrop:
        dropped.push_back(event.token);
        return Offered::kDropped;
      case kafka::Backpressure::kLatest:
        for (const Waiting& waiting : events_) dropped.push_back(waiting.token);
        events_.clear();
        bytes_ = 0;
        Push(std::move(event));
        return Offered::kDropped;
      default:
        break;
    }
  }
  Push(std::move(event));
  return Offered::kTaken;
}

std::optional<Waiting> StreamQueue::Take() {
  if (events_.empty()) return std::nullopt;
  Waiting first = std::move(events_.front());
  events_.pop_front();
  bytes_ -= BytesOf(first);
  return first;
}

std::vector<uint64_t> StreamQueue::RemoveIf(const std::function<bool(uint64_t token)>& gone) {
  std::vector<uint64_t> removed;
  std::erase_if(events_, [&](const Waiting& waiting) {
    if (!gone(waiting.token)) return false;
    removed.push_back(waiting.token);
    bytes_ -= BytesOf(waiting);
    return true;
  });
  return removed;
}

}  // namespace postroad::event_bus
