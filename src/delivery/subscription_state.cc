// The state machine's inputs, members and assignments. Settling is in subscription_settle.cc.
#include "delivery/subscription_state.h"

#include <algorithm>
#include <bit>

namespace postroad::delivery {
namespace {

constexpr uint64_t kSmallestRing = 16 << 10;
constexpr uint64_t kLargestRing = 1 << 20;
constexpr uint64_t kPrefetch = 8192;

uint64_t RingSlots(const StateOptions& options) {
  return std::clamp(std::bit_ceil(uint64_t{options.max_in_flight} * 2), kSmallestRing,
                    kLargestRing);
}
int64_t Nanos(MonotonicTime t) { return t.time_since_epoch().count(); }

}  // namespace

SubscriptionState::SubscriptionState(StateOptions options)
    : options_(std::move(options)), window_(RingSlots(options_)) {}

void SubscriptionState::SetOptions(StateOptions options, MonotonicTime now) {
  options_ = std::move(options);
  // Deadlines of one member must rise with its deliveries, so a shorter one applies to all at once.
  const int64_t latest = Nanos(now + options_.ack_deadline);
  for (MemberState& member : members_) {
    for (uint64_t s = member.first; s != kNoSequence;) {
      Slot& slot = *window_.Find(s);
      if (!slot.extended) slot.when = std::min(slot.when, latest);
      s = slot.next;
    }
  }
  default_check_ = std::min(default_check_, latest);
}

void SubscriptionState::Reset(uint64_t sequence) {
  window_.Reset(sequence);
  chains_.Clear();
  next_fresh_ = sequence;
  fresh_ready_ = 0;
  ready_.clear();
  retries_.clear();
  extended_.clear();
  default_check_ = INT64_MAX;
  in_flight_ = retrying_ = blocked_ = dying_ = 0;
  for (MemberIndex i = 0; i < members_.size(); ++i) {
    members_[i].first = members_[i].last = kNoSequence;
    members_[i].in_flight = 0;
    UpdateRoom(members_[i], i);
  }
}

void SubscriptionState::Restore(const std::vector<UnsettledEvent>& unsettled, uint64_t end,
                                MonotonicTime now) {
  Reset(end);
  for (const UnsettledEvent& event : unsettled) {
    Slot& slot = window_.AddStraggler(event.sequence);
    slot.failures = static_cast<uint16_t>(event.failures);
    slot.when = Nanos(event.due);
    Enchain(event.sequence, slot, event.key);
    if (slot.state == SlotState::kBlocked) continue;
    if (event.due > now) {
      slot.state = SlotState::kRetrying;
      ++retrying_;
      retries_.emplace_back(slot.when, event.sequence);
    } else {
      MakeReady(event.sequence, slot);
    }
  }
  std::ranges::make_heap(retries_, std::greater{});
}

// Puts the event behind the last unsettled one of its key, or makes it ready (to be counted).
void SubscriptionState::Enchain(uint64_t sequence, Slot& slot, uint64_t key) {
  slot.state = SlotState::kReady;
  if (!options_.by_key || key == 0) return;
  slot.key = key;
  const uint64_t before = chains_.Push(key, sequence, kNoSequence);
  if (before == kNoSequence) return;
  window_.Find(before)->next_of_key = sequence;
  slot.state = SlotState::kBlocked;
  ++blocked_;
}

void SubscriptionState::Ingest(uint64_t sequence, uint64_t key) {
  Slot& slot = window_.Append(sequence);
  Enchain(sequence, slot, key);
  if (slot.state == SlotState::kReady) ++fresh_ready_;
  if (next_fresh_ < window_.base()) [[unlikely]]
    FollowRing();
}

void SubscriptionState::SkipTo(uint64_t sequence) {
  window_.SkipTo(sequence);
  if (next_fresh_ < window_.base()) FollowRing();
}

// The ring moved on over events that did not go out yet: they are stragglers now, found by the
// heap.
void SubscriptionState::FollowRing() {
  auto it = window_.stragglers().lower_bound(next_fresh_);
  const uint64_t base = window_.base();
  next_fresh_ = base;
  for (; it != window_.stragglers().end() && it->first < base; ++it) {
    if (it->second.state != SlotState::kReady) continue;
    --fresh_ready_;
    ready_.push_back(it->first);
    std::ranges::push_heap(ready_, std::greater{});
  }
}

void SubscriptionState::IngestResend(uint64_t sequence, uint64_t key) {
  Slot& slot = window_.AddStraggler(sequence);
  Enchain(sequence, slot, key);
  if (slot.state == SlotState::kReady) MakeReady(sequence, slot);
}

uint64_t SubscriptionState::Wanted() const {
  if (retrying_ + blocked_ + dying_ >= options_.max_parked) return 0;
  if (in_flight_ >= options_.max_in_flight) return 0;
  const uint64_t could = std::min({room_, options_.max_in_flight - in_flight_, kPrefetch});
  const uint64_t here = fresh_ready_ + ready_.size();
  return could > here ? could - here : 0;
}

MemberIndex SubscriptionState::Join(uint32_t max_in_flight) {
  MemberIndex index;
  if (free_members_.empty()) {
    index = static_cast<MemberIndex>(members_.size());
    members_.emplace_back();
  } else {
    index = free_members_.back();
    free_members_.pop_back();
  }
  members_[index] = MemberState{.joined = true, .max_in_flight = max_in_flight};
  return index;
}

void SubscriptionState::Leave(MemberIndex index) {
  MemberState& member = members_[index];
  while (member.first != kNoSequence) {
    const uint64_t sequence = member.first;
    Slot& slot = *window_.Find(sequence);
    Unlink(slot);
    MakeReady(sequence, slot);
  }
  member.credit = 0;
  member.joined = false;
  UpdateRoom(member, index);
  free_members_.push_back(index);
}

void SubscriptionState::AddCredit(MemberIndex index, uint64_t events) {
  MemberState& member = members_[index];
  member.credit = std::min<uint64_t>(member.credit + std::min<uint64_t>(events, 1 << 30), 1 << 30);
  UpdateRoom(member, index);
}

void SubscriptionState::WithdrawCredit(MemberIndex index) {
  members_[index].credit = 0;
  UpdateRoom(members_[index], index);
}

// Keeps eligible_ and room_ true after a change of credit or in_flight.
void SubscriptionState::UpdateRoom(MemberState& member, MemberIndex index) {
  uint64_t room = member.credit;
  if (member.max_in_flight != 0) {
    room = std::min(
        room, member.max_in_flight - std::min<uint64_t>(member.max_in_flight, member.in_flight));
  }
  room_ += room - member.room;
  member.room = room;
  if ((room > 0) == (member.eligible != SIZE_MAX)) [[likely]]
    return;
  if (room > 0) {
    member.eligible = eligible_.size();
    eligible_.push_back(index);
    return;
  }
  eligible_[member.eligible] = eligible_.back();
  members_[eligible_.back()].eligible = member.eligible;
  eligible_.pop_back();
  member.eligible = SIZE_MAX;
}

void SubscriptionState::Link(MemberState& member, uint64_t sequence, Slot& slot) {
  slot.prev = member.last;
  slot.next = kNoSequence;
  if (member.last == kNoSequence) {
    member.first = sequence;
  } else {
    window_.Find(member.last)->next = sequence;
  }
  member.last = sequence;
  ++member.in_flight;
  ++in_flight_;
}

void SubscriptionState::Unlink(Slot& slot) {
  MemberState& member = members_[slot.member];
  if (slot.prev == kNoSequence) {
    member.first = slot.next;
  } else {
    window_.Find(slot.prev)->next = slot.next;
  }
  if (slot.next == kNoSequence) {
    member.last = slot.prev;
  } else {
    window_.Find(slot.next)->prev = slot.prev;
  }
  slot.prev = slot.next = kNoSequence;
  slot.extended = false;
  --member.in_flight;
  --in_flight_;
  if (member.max_in_flight != 0) UpdateRoom(member, slot.member);
}

// The next event to go out, or kNoSequence. It is taken off its queue.
uint64_t SubscriptionState::NextReady() {
  while (!ready_.empty()) {
    const uint64_t sequence = ready_.front();
    std::ranges::pop_heap(ready_, std::greater{});
    ready_.pop_back();
    const Slot* slot = window_.Find(sequence);
    if (slot != nullptr && slot->state == SlotState::kReady) return sequence;
  }
  if (fresh_ready_ == 0) return kNoSequence;
  next_fresh_ = std::max(next_fresh_, window_.base());
  while (window_.Find(next_fresh_)->state != SlotState::kReady) ++next_fresh_;
  --fresh_ready_;
  return next_fresh_++;
}

void SubscriptionState::GiveTo(MemberIndex index, uint64_t sequence, int64_t now,
                               std::vector<Assignment>& out) {
  MemberState& member = members_[index];
  Slot& slot = *window_.Find(sequence);
  slot.state = SlotState::kInFlight;
  slot.member = index;
  slot.when = now + options_.ack_deadline.count();
  Link(member, sequence, slot);
  --member.credit;
  UpdateRoom(member, index);
  out.push_back({index, slot.failures + 1u, sequence});
}

void SubscriptionState::Assign(MonotonicTime now, size_t max, std::vector<Assignment>& out) {
  const int64_t nanos = Nanos(now);
  bool any = false;
  for (; max > 0 && in_flight_ < options_.max_in_flight && !eligible_.empty(); --max) {
    const uint64_t sequence = NextReady();
    if (sequence == kNoSequence) break;
    if (turn_ >= eligible_.size()) turn_ = 0;
    GiveTo(eligible_[turn_++], sequence, nanos, out);
    any = true;
  }
  if (any) default_check_ = std::min(default_check_, nanos + options_.ack_deadline.count());
}

void SubscriptionState::Lost(uint64_t sequence) {
  Slot* slot = window_.Find(sequence);
  if (slot == nullptr || slot->state != SlotState::kInFlight) return;
  const MemberIndex member = slot->member;
  Unlink(*slot);
  Finish(sequence, *slot);
  AddCredit(member, 1);
}

void SubscriptionState::Return(uint64_t sequence) {
  Slot* slot = window_.Find(sequence);
  if (slot == nullptr || slot->state != SlotState::kInFlight) return;
  const MemberIndex member = slot->member;
  Unlink(*slot);
  MakeReady(sequence, *slot);
  AddCredit(member, 1);
}

uint64_t SubscriptionState::floor() const {
  const auto& stragglers = window_.stragglers();
  if (stragglers.empty()) return window_.base();
  return std::min(stragglers.begin()->first, window_.base());
}

std::vector<UnsettledEvent> SubscriptionState::Unsettled() const {
  std::vector<UnsettledEvent> events;
  const auto add = [&](uint64_t sequence, const Slot& slot) {
    if (slot.state == SlotState::kSettled || slot.state == SlotState::kDropped) return;
    const int64_t due = slot.state == SlotState::kRetrying ? slot.when : 0;
    events.push_back({sequence, slot.key, slot.failures, MonotonicTime(Duration(due))});
  };
  for (const auto& [sequence, slot] : window_.stragglers()) {
    if (sequence < kResendBit) add(sequence, slot);
  }
  for (uint64_t s = window_.base(); s < save_end(); ++s) add(s, *window_.Find(s));
  return events;
}

const Slot* SubscriptionState::Find(uint64_t sequence) const {
  const Slot* slot = window_.Find(sequence);
  return slot == nullptr || slot->state == SlotState::kSettled ? nullptr : slot;
}

}  // namespace postroad::delivery
