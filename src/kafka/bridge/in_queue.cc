// See in_queue.h.
#include "kafka/bridge/in_queue.h"

#include <algorithm>
#include <utility>

namespace postroad::kafka {
namespace {

// What is read between two looks at everything else.
constexpr size_t kPollMessages = 1'000;

}  // namespace

bool InQueue::Full(bool busy) const {
  switch (options_.backpressure) {
    case Backpressure::kPause:
      return busy && Waits(options_.batch_events);
    case Backpressure::kBuffer:
      return Waits(options_.buffer_events);
    default:
      return false;  // what comes then is dealt with in Offer
  }
}

bool InQueue::Waits(uint64_t events) const {
  return items_.size() >= events || bytes_ >= options_.buffer_bytes;
}

size_t InQueue::Room() const {
  if (options_.backpressure == Backpressure::kBuffer) {
    return std::min<size_t>(kPollMessages, options_.buffer_events - items_.size());
  }
  return std::min<size_t>(kPollMessages, options_.batch_events);
}

InQueue::Answer InQueue::Offer(const Partition& partition, int64_t offset, bool busy) {
  if (!busy || !Waits(options_.buffer_events)) return {};
  switch (options_.backpressure) {
    case Backpressure::kError:
      return {.verdict = Verdict::kOverrun};
    case Backpressure::kDrop:
      skipped_[partition] = offset + 1;
      return {.verdict = Verdict::kDrop, .dropped = 1};
    case Backpressure::kLatest: {
      const size_t dropped = items_.size();
      for (const Item& item : items_) skipped_[item.partition] = item.offset + 1;
      items_.clear();
      bytes_ = 0;
      return {.dropped = dropped};
    }
    default:
      return {};
  }
}

void InQueue::Push(Item item) {
  bytes_ += item.bytes;
  items_.push_back(std::move(item));
}

Items InQueue::Take(size_t most, size_t most_bytes) {
  Items taken;
  size_t bytes = 0;
  while (!items_.empty() && taken.size() < most && bytes < most_bytes) {
    bytes += items_.front().bytes;
    taken.push_back(std::move(items_.front()));
    items_.pop_front();
  }
  bytes_ -= bytes;
  return taken;
}

Offsets InQueue::TakeSkipped() {
  if (!items_.empty()) return {};
  return std::exchange(skipped_, {});
}

void InQueue::Forget(const std::set<Partition>& partitions) {
  for (const Partition& partition : partitions) skipped_.erase(partition);
  std::erase_if(items_, [&](const Item& item) { return partitions.contains(item.partition); });
  bytes_ = 0;
  for (const Item& item : items_) bytes_ += item.bytes;
}

void InQueue::Clear() {
  items_.clear();
  bytes_ = 0;
  skipped_.clear();
}

}  // namespace postroad::kafka
