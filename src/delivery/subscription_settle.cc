// The state machine's settlements, deadlines and retries.
#include <algorithm>
#include <limits>

#include "delivery/subscription_state.h"

namespace postroad::delivery {
namespace {

int64_t Nanos(MonotonicTime t) { return t.time_since_epoch().count(); }

}  // namespace

Slot* SubscriptionState::InFlight(MemberIndex member, uint64_t sequence) {
  Slot* slot = window_.Find(sequence);
  if (slot == nullptr || slot->state != SlotState::kInFlight || slot->member != member) {
    return nullptr;
  }
  return slot;
}

// Settles an event that is in no member's list, and lets the next one of its key go.
void SubscriptionState::Finish(uint64_t sequence, Slot& slot) {
  const uint64_t key = slot.key;
  const uint64_t follower = slot.next_of_key;
  window_.Settle(sequence, slot);
  if (key == 0) return;
  if (follower == kNoSequence) {
    chains_.Erase(key);
  } else {
    Unblock(follower);
  }
}

void SubscriptionState::Unblock(uint64_t sequence) {
  Slot* slot = window_.Find(sequence);
  while (slot->state == SlotState::kDropped) {
    const uint64_t key = slot->key;
    const uint64_t follower = slot->next_of_key;
    window_.Settle(sequence, *slot);
    if (follower == kNoSequence) return chains_.Erase(key);
    sequence = follower;
    slot = window_.Find(sequence);
  }
  --blocked_;
  MakeReady(sequence, *slot);
}

void SubscriptionState::MakeReady(uint64_t sequence, Slot& slot) {
  slot.state = SlotState::kReady;
  if (sequence >= next_fresh_ && sequence < kResendBit) {
    ++fresh_ready_;  // Assign comes by
    return;
  }
  ready_.push_back(sequence);
  std::ranges::push_heap(ready_, std::greater{});
}

void SubscriptionState::FinishAcked(uint64_t sequence, Slot& slot) {
  if (slot.failures > 0 || report_all_ || sequence >= kResendBit) [[unlikely]] {
    settled_.push_back({sequence, slot.failures});
  }
  ++acked_total_;
  Unlink(slot);
  Finish(sequence, slot);
}

bool SubscriptionState::Ack(MemberIndex member, uint64_t sequence) {
  Slot* slot = InFlight(member, sequence);
  if (slot == nullptr) return false;
  FinishAcked(sequence, *slot);
  return true;
}

uint64_t SubscriptionState::AckUpTo(MemberIndex member, uint64_t sequence) {
  const bool to_itself = InFlight(member, sequence) != nullptr;
  const uint64_t kind = sequence & kResendBit;
  uint64_t count = 0;
  for (uint64_t s = members_[member].first; s != kNoSequence;) {
    Slot& slot = *window_.Find(s);
    const uint64_t next = slot.next;
    const bool last = to_itself && s == sequence;
    if (s <= sequence && (s & kResendBit) == kind) {
      FinishAcked(s, slot);
      ++count;
    }
    if (last) break;
    s = next;
  }
  return count;
}

Outcome SubscriptionState::Failed(uint64_t sequence, Slot& slot, std::optional<Duration> delay,
                                  int64_t now) {
  if (slot.failures < std::numeric_limits<uint16_t>::max()) ++slot.failures;
  if (slot.failures >= options_.max_attempts) {
    slot.state = SlotState::kDying;
    ++dying_;
    return Outcome::kDying;
  }
  const auto& schedule = options_.retry_schedule;
  if (!delay) delay = schedule[std::min<size_t>(slot.failures, schedule.size()) - 1];
  slot.state = SlotState::kRetrying;
  slot.when = now + delay->count();
  ++retrying_;
  retries_.emplace_back(slot.when, sequence);
  std::ranges::push_heap(retries_, std::greater{});
  return Outcome::kRetrying;
}

Outcome SubscriptionState::Nack(MemberIndex member, uint64_t sequence,
                                std::optional<Duration> delay, MonotonicTime now) {
  Slot* slot = InFlight(member, sequence);
  if (slot == nullptr) return Outcome::kUnknown;
  Unlink(*slot);
  return Failed(sequence, *slot, delay, Nanos(now));
}

bool SubscriptionState::GiveBack(MemberIndex member, uint64_t sequence) {
  Slot* slot = InFlight(member, sequence);
  if (slot == nullptr) return false;
  Unlink(*slot);
  MakeReady(sequence, *slot);
  return true;
}

bool SubscriptionState::Extend(MemberIndex member, uint64_t sequence, Duration by,
                               MonotonicTime now) {
  Slot* slot = InFlight(member, sequence);
  if (slot == nullptr) return false;
  slot->extended = true;
  slot->when = Nanos(now + by);
  if (extended_.size() > 2 * in_flight_ + 64) {  // mostly of deadlines moved again
    std::erase_if(extended_, [&](const Due& due) {
      const Slot* s = window_.Find(due.second);
      return s == nullptr || s->state != SlotState::kInFlight || !s->extended ||
             s->when != due.first;
    });
    std::ranges::make_heap(extended_, std::greater{});
  }
  extended_.emplace_back(slot->when, sequence);
  std::ranges::push_heap(extended_, std::greater{});
  return true;
}

bool SubscriptionState::Terminate(MemberIndex member, uint64_t sequence) {
  Slot* slot = InFlight(member, sequence);
  if (slot == nullptr) return false;
  Unlink(*slot);
  if (slot->failures < std::numeric_limits<uint16_t>::max()) ++slot->failures;
  slot->state = SlotState::kDying;
  ++dying_;
  return true;
}

void SubscriptionState::DeadStored(uint64_t sequence) {
  Slot* slot = window_.Find(sequence);
  if (slot == nullptr || slot->state != SlotState::kDying) return;
  --dying_;
  Finish(sequence, *slot);
}

bool SubscriptionState::Drop(uint64_t sequence) {
  Slot* slot = window_.Find(sequence);
  if (slot == nullptr) return false;
  switch (slot->state) {
    case SlotState::kSettled:
    case SlotState::kDropped:
      return false;
    case SlotState::kBlocked:  // stays in its key's chain
      slot->state = SlotState::kDropped;
      --blocked_;
      return true;
    case SlotState::kInFlight:
      Unlink(*slot);
      break;
    case SlotState::kRetrying:
      --retrying_;
      break;
    case SlotState::kDying:
      --dying_;
      break;
    case SlotState::kReady:
      if (sequence >= next_fresh_ && sequence < kResendBit) --fresh_ready_;
      break;
  }
  Finish(sequence, *slot);
  return true;
}

void SubscriptionState::Expire(uint64_t sequence, Slot& slot, int64_t now,
                               std::vector<Expiry>& expired) {
  Unlink(slot);
  const Outcome outcome = Failed(sequence, slot, std::nullopt, now);
  expired.push_back({sequence, slot.failures, outcome == Outcome::kDying});
}

void SubscriptionState::ExpireDefault(int64_t now, std::vector<Expiry>& expired) {
  default_check_ = INT64_MAX;
  for (const MemberState& member : members_) {
    for (uint64_t s = member.first; s != kNoSequence;) {
      Slot& slot = *window_.Find(s);
      const uint64_t next = slot.next;
      if (!slot.extended) {
        if (slot.when > now) {
          default_check_ = std::min(default_check_, slot.when);
          break;
        }
        Expire(s, slot, now, expired);
      }
      s = next;
    }
  }
}

void SubscriptionState::ExpireExtended(int64_t now, std::vector<Expiry>& expired) {
  while (!extended_.empty() && extended_.front().first <= now) {
    const auto [when, sequence] = extended_.front();
    std::ranges::pop_heap(extended_, std::greater{});
    extended_.pop_back();
    Slot* slot = window_.Find(sequence);
    if (slot == nullptr || slot->state != SlotState::kInFlight || !slot->extended) continue;
    if (slot->when == when) Expire(sequence, *slot, now, expired);
  }
}

void SubscriptionState::Tick(MonotonicTime time, std::vector<Expiry>& expired) {
  const int64_t now = Nanos(time);
  if (default_check_ <= now) ExpireDefault(now, expired);
  ExpireExtended(now, expired);
  while (!retries_.empty() && retries_.front().first <= now) {
    const auto [due, sequence] = retries_.front();
    std::ranges::pop_heap(retries_, std::greater{});
    retries_.pop_back();
    Slot* slot = window_.Find(sequence);
    if (slot == nullptr || slot->state != SlotState::kRetrying || slot->when != due) continue;
    --retrying_;
    MakeReady(sequence, *slot);
  }
  window_.Shrink();
}

std::optional<MonotonicTime> SubscriptionState::NextWake() const {
  int64_t next = default_check_;
  if (!extended_.empty()) next = std::min(next, extended_.front().first);
  if (!retries_.empty()) next = std::min(next, retries_.front().first);
  if (next == INT64_MAX) return std::nullopt;
  return MonotonicTime(Duration(next));
}

}  // namespace postroad::delivery
