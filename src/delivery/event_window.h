// Where a subscription's unsettled events are kept: a ring indexed by sequence number for the
// recent ones, and a map for stragglers, so that one event that waits for days does not hold memory
// for all that came after it.
#ifndef POSTROAD_DELIVERY_EVENT_WINDOW_H_
#define POSTROAD_DELIVERY_EVENT_WINDOW_H_

#include <cstdint>
#include <map>
#include <vector>

namespace postroad::delivery {

// No sequence number.
inline constexpr uint64_t kNoSequence = ~uint64_t{0};

enum class SlotState : uint8_t {
  kSettled,   // nothing more to do; outside the ring: not there at all
  kReady,     // goes out when a member has room
  kBlocked,   // waits for an earlier one of its key
  kInFlight,  // with a member
  kRetrying,  // failed; waits for its due time
  kDying,     // exhausted or terminated; becomes settled once its dead letter is durable
  kDropped,   // settled from outside while blocked; goes when its turn comes
};

// One event. Links are sequence numbers, so that a slot can move.
struct Slot {
  uint64_t key = 0;             // hash of its key, 0: in no order
  int64_t when = 0;             // in flight: deadline; retrying: due (monotonic ns)
  uint64_t prev = kNoSequence;  // in flight: the member's deliveries, oldest first
  uint64_t next = kNoSequence;
  uint64_t next_of_key = kNoSequence;  // the one that waits for this one
  uint32_t member = 0;
  uint16_t failures = 0;  // attempts that failed
  SlotState state = SlotState::kSettled;
  bool extended = false;  // its deadline is not the default one
};

class EventWindow {
 public:
  // The ring grows up to `max_ring` slots, a power of two.
  explicit EventWindow(uint64_t max_ring) : max_ring_(max_ring) {}

  // Ring: [base, end). Everything below base is settled, unless it is a straggler.
  uint64_t base() const { return base_; }
  uint64_t end() const { return end_; }
  // The slot of an event that is not settled (or still in the ring), else null. Stays where it is
  // until the next Append, SkipTo or Trim.
  Slot* Find(uint64_t sequence) {
    if (sequence - base_ < end_ - base_) return &At(sequence);
    if (stragglers_.empty()) [[likely]]
      return nullptr;
    const auto it = stragglers_.find(sequence);
    return it == stragglers_.end() ? nullptr : &it->second;
  }
  const Slot* Find(uint64_t sequence) const {
    return const_cast<EventWindow*>(this)->Find(sequence);
  }

  // The slot of `sequence`, which must be at or after end(); those skipped are settled.
  Slot& Append(uint64_t sequence);
  // As if events up to `sequence` had come and were settled.
  void SkipTo(uint64_t sequence);
  // A slot outside the ring, for events of before a restart and dead letters sent again.
  Slot& AddStraggler(uint64_t sequence) { return stragglers_[sequence]; }
  // Forgets what is settled: a straggler, or the ring's beginning.
  void Settle(uint64_t sequence, Slot& slot) {
    slot.state = SlotState::kSettled;
    if (sequence == base_) {
      while (base_ != end_ && At(base_).state == SlotState::kSettled) ++base_;
    } else if (sequence - base_ >= end_ - base_) {
      stragglers_.erase(sequence);
    }
  }
  // Empties it; the next event is `sequence` or later.
  void Reset(uint64_t sequence);
  // Gives memory back after a burst, once the ring is empty.
  void Shrink();

  const std::map<uint64_t, Slot>& stragglers() const { return stragglers_; }
  uint64_t ring_slots() const { return ring_.size(); }

 private:
  Slot& At(uint64_t sequence) { return ring_[sequence & (ring_.size() - 1)]; }
  void MakeRoom();

  uint64_t max_ring_;
  std::vector<Slot> ring_;
  uint64_t base_ = 0;
  uint64_t end_ = 0;
  std::map<uint64_t, Slot> stragglers_;
};

}  // namespace postroad::delivery

#endif  // POSTROAD_DELIVERY_EVENT_WINDOW_H_
