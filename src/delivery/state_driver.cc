// The naive model: one map of unsettled events, searched from end to end.
#include "delivery/state_driver.h"

#include <algorithm>

namespace postroad::delivery {
namespace {

using std::chrono::seconds;

StateOptions OptionsFrom(uint64_t byte) {
  return {.ack_deadline = seconds(10),
          .retry_schedule = {seconds(1), seconds(5)},
          .max_attempts = static_cast<uint32_t>(1 + byte % 4),
          .by_key = (byte & 16) != 0,
          .max_in_flight = static_cast<uint32_t>(1 + (byte >> 5) * 9),
          .max_parked = 50};
}

}  // namespace

StateDriver::StateDriver(std::span<const uint8_t> bytes)
    : options_(OptionsFrom(bytes.empty() ? 0 : bytes[0])),
      state_(options_),
      bytes_(bytes),
      at_(1) {}

std::string StateDriver::Run(std::span<const uint8_t> bytes) {
  StateDriver driver(bytes);
  while (driver.at_ < bytes.size() && driver.problem_.empty()) driver.Step();
  return driver.problem_;
}

uint64_t StateDriver::Byte() { return at_ < bytes_.size() ? bytes_[at_++] : 0; }

void StateDriver::Expect(bool ok, const std::string& what) {
  if (!ok && problem_.empty()) problem_ = what + " (at byte " + std::to_string(at_) + ")";
}

void StateDriver::Step() {
  const uint64_t op = Byte() % 20;
  op < 12 ? StepInput(op) : StepSettle(op);
  CheckWhole();
}

void StateDriver::StepInput(uint64_t op) {
  switch (op) {
    case 0:
    case 1:
    case 2:
      return Ingest();
    case 3:
      next_ += Byte() * 300;  // beyond the ring now and then
      return state_.SkipTo(next_);
    case 4:
      return Resend();
    case 5:
      return Join();
    case 6:
      return Byte() % 4 == 0 ? Leave() : void();
    case 7:
    case 8: {
      if (members_.empty()) return;
      const MemberIndex member = PickMember();
      const uint64_t credit = Byte() % 32;
      members_[member].credit += credit;
      return state_.AddCredit(member, credit);
    }
    case 9:
    case 10:
      return Assign();
    default:
      return Byte() % 8 == 0 ? SaveAndRestore() : Tick();
  }
}

void StateDriver::StepSettle(uint64_t op) {
  if (op == 18) return SettleDying();
  if (op == 19) return Byte() % 8 == 0 ? DropOne() : void();
  if (members_.empty()) return;
  const uint64_t sequence = PickSequence();
  const MemberIndex member = PickMember();
  switch (op) {
    case 12:
    case 13:
      return Ack(sequence, member);
    case 14:
      return AckUpTo(sequence, member);
    case 15:
      return Nack(sequence, member);
    case 16:
      return Extend(sequence, member);
    default:
      return Byte() % 2 == 0 ? GiveBack(sequence, member) : Terminate(sequence, member);
  }
}

void StateDriver::Ingest() {
  const uint64_t count = 1 + Byte() % 16;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t byte = Byte();
    next_ += byte % 5 == 0 ? byte / 5 : 0;  // filtered ones
    const uint64_t key = byte >> 5;
    events_[next_] = {.key = options_.by_key ? key : 0, .order = order_++};
    state_.Ingest(next_++, key);
  }
}

void StateDriver::Resend() {
  const uint64_t key = Byte() % 8;
  events_[next_resend_] = {.key = options_.by_key ? key : 0, .order = order_++};
  state_.IngestResend(next_resend_++, key);
}

void StateDriver::Join() {
  if (members_.size() >= 5) return;
  const auto max = static_cast<uint32_t>(Byte() % 4 == 0 ? 1 + Byte() % 8 : 0);
  const MemberIndex member = state_.Join(max);
  Expect(!members_.contains(member), "a member's index given twice");
  members_[member] = {.max_in_flight = max};
}

void StateDriver::Leave() {
  if (members_.empty()) return;
  const MemberIndex member = PickMember();
  state_.Leave(member);
  members_.erase(member);
  for (auto& [sequence, event] : events_) {
    if (event.where == Where::kInFlight && event.member == member) event.where = Where::kWaiting;
  }
}

uint64_t StateDriver::InFlight(MemberIndex member) const {
  return std::ranges::count_if(events_, [&](const auto& e) {
    return e.second.where == Where::kInFlight && e.second.member == member;
  });
}

bool StateDriver::Blocked(const ModelEvent& event) const {
  return event.key != 0 && std::ranges::any_of(events_, [&](const auto& e) {
           return e.second.key == event.key && e.second.order < event.order;
         });
}

void StateDriver::CheckAssignment(const Assignment& a) {
  const auto it = events_.find(a.sequence);
  if (it == events_.end()) return Expect(false, "a settled event was sent");
  ModelEvent& event = it->second;
  Expect(event.where == Where::kWaiting, "an event was sent that is not waiting");
  Expect(!Blocked(event), "an event overtook an earlier one of its key");
  Expect(a.attempt == event.failures + 1, "a wrong attempt number");
  for (const auto& [sequence, other] : events_) {
    const bool same_kind = (sequence & kResendBit) == (a.sequence & kResendBit);
    if (sequence >= a.sequence || !same_kind || other.where != Where::kWaiting) continue;
    Expect(Blocked(other), "an event was sent before an earlier one that was ready");
  }
  ModelMember& member = members_[a.member];
  Expect(member.credit > 0, "sent without credit");
  --member.credit;
  event.where = Where::kInFlight;
  event.member = a.member;
  event.sent = sent_++;
  event.when = now_ + options_.ack_deadline;
  Expect(member.max_in_flight == 0 || InFlight(a.member) <= member.max_in_flight,
         "more in flight than the member allows");
}

void StateDriver::Assign() {
  const size_t max = 1 + Byte() % 64;
  std::vector<Assignment> assignments;
  state_.Assign(now_, max, assignments);
  for (const Assignment& a : assignments) CheckAssignment(a);
  if (assignments.size() < max) CheckNothingLeft();
  if (!assignments.empty() && Byte() % 16 == 0) {  // retention took it
    const Assignment& a = assignments.back();
    state_.Lost(a.sequence);
    events_.erase(a.sequence);
    ++members_[a.member].credit;
  }
}

void StateDriver::CheckNothingLeft() {
  if (state_.in_flight() >= options_.max_in_flight) return;
  const bool room = std::ranges::any_of(members_, [&](const auto& m) {
    const auto& [index, member] = m;
    return member.credit > 0 &&
           (member.max_in_flight == 0 || InFlight(index) < member.max_in_flight);
  });
  if (!room) return;
  for (const auto& [sequence, event] : events_) {
    Expect(event.where != Where::kWaiting || Blocked(event), "a ready event was not sent");
  }
}

bool StateDriver::Held(uint64_t sequence, MemberIndex member) const {
  const auto it = events_.find(sequence);
  return it != events_.end() && it->second.where == Where::kInFlight && it->second.member == member;
}

void StateDriver::Ack(uint64_t sequence, MemberIndex member) {
  const bool held = Held(sequence, member);
  Expect(state_.Ack(member, sequence) == held, "ack of a wrong one taken, or of a right one not");
  if (held) events_.erase(sequence);
}

void StateDriver::AckUpTo(uint64_t sequence, MemberIndex member) {
  const uint64_t sent_by = Held(sequence, member) ? events_[sequence].sent : sent_;
  const uint64_t count = state_.AckUpTo(member, sequence);
  const uint64_t erased = std::erase_if(events_, [&](const auto& e) {
    return e.second.where == Where::kInFlight && e.second.member == member && e.first <= sequence &&
           e.second.sent <= sent_by && (e.first & kResendBit) == (sequence & kResendBit);
  });
  Expect(count == erased, "ack up to settled others");
}

void StateDriver::Fail(ModelEvent& event, std::optional<Duration> delay) {
  ++event.failures;
  if (event.failures >= options_.max_attempts) {
    event.where = Where::kDying;
    return;
  }
  const auto& schedule = options_.retry_schedule;
  event.where = Where::kRetrying;
  event.when =
      now_ + delay.value_or(schedule[std::min<size_t>(event.failures, schedule.size()) - 1]);
}

void StateDriver::Nack(uint64_t sequence, MemberIndex member) {
  const uint64_t byte = Byte();
  const std::optional<Duration> delay =
      byte % 2 == 0 ? std::nullopt : std::optional<Duration>(seconds(byte / 16));
  const bool held = Held(sequence, member);
  const Outcome outcome = state_.Nack(member, sequence, delay, now_);
  Expect((outcome != Outcome::kUnknown) == held, "nack of a wrong one");
  if (!held) return;
  Fail(events_[sequence], delay);
  Expect((outcome == Outcome::kDying) == (events_[sequence].where == Where::kDying),
         "a nack's outcome");
}

void StateDriver::Extend(uint64_t sequence, MemberIndex member) {
  const Duration by = seconds(1 + Byte() % 32);
  const bool held = Held(sequence, member);
  Expect(state_.Extend(member, sequence, by, now_) == held, "extend of a wrong one");
  if (held) events_[sequence].when = now_ + by;
}

void StateDriver::GiveBack(uint64_t sequence, MemberIndex member) {
  const bool held = Held(sequence, member);
  Expect(state_.GiveBack(member, sequence) == held, "giving back a wrong one");
  if (held) events_[sequence].where = Where::kWaiting;
}

void StateDriver::Terminate(uint64_t sequence, MemberIndex member) {
  const bool held = Held(sequence, member);
  Expect(state_.Terminate(member, sequence) == held, "terminate of a wrong one");
  if (!held) return;
  events_[sequence].where = Where::kDying;
  ++events_[sequence].failures;
}

void StateDriver::SettleDying() {
  const auto it =
      std::ranges::find_if(events_, [](const auto& e) { return e.second.where == Where::kDying; });
  if (it == events_.end()) return;
  state_.DeadStored(it->first);
  events_.erase(it);
}

void StateDriver::DropOne() {
  const uint64_t sequence = PickSequence();
  const bool known = events_.erase(sequence) > 0;
  Expect(state_.Drop(sequence) == known, "drop");
}

void StateDriver::Tick() {
  now_ += std::chrono::milliseconds(Byte() * 50);
  std::vector<Expiry> expired;
  state_.Tick(now_, expired);
  uint64_t due = 0;
  for (auto& [sequence, event] : events_) {
    if (event.where == Where::kInFlight && event.when <= now_) {
      ++due;
      Expect(std::ranges::any_of(expired, [&](const Expiry& e) { return e.sequence == sequence; }),
             "an expired attempt was not ended");
      Fail(event, std::nullopt);
    } else if (event.where == Where::kRetrying && event.when <= now_) {
      event.where = Where::kWaiting;
    }
  }
  Expect(due == expired.size(), "an attempt was ended before its deadline");
  for (const auto& [sequence, event] : events_) {
    if (event.where != Where::kInFlight && event.where != Where::kRetrying) continue;
    Expect(state_.NextWake().has_value() && *state_.NextWake() <= event.when,
           "the next wake-up is late");
  }
}

// What a restart does: members are gone, what was with them waits, dead letters come in again.
void StateDriver::SaveAndRestore() {
  const std::vector<UnsettledEvent> saved = state_.Unsettled();
  const uint64_t end = state_.save_end();
  state_ = SubscriptionState(options_);
  state_.Restore(saved, end, now_);
  members_.clear();
  for (auto it = events_.lower_bound(end); it != events_.end() && it->first < kResendBit; ++it) {
    Expect(it->second.where == Where::kWaiting, "an event was sent beyond the saved end");
  }
  std::erase_if(events_, [&](const auto& e) { return e.first >= end; });
  for (auto& [sequence, event] : events_) event.order = sequence;
  for (auto& [sequence, event] : events_) {
    if (event.where != Where::kRetrying || event.when <= now_ || Blocked(event)) {
      event.where = Where::kWaiting;
    }
  }
  order_ = next_ + 1;
  next_ = end;
}

void StateDriver::CheckWhole() {
  uint64_t in_flight = 0, retrying = 0;
  uint64_t first = UINT64_MAX;
  for (const auto& [sequence, event] : events_) {
    in_flight += event.where == Where::kInFlight;
    retrying += event.where == Where::kRetrying;
    if (sequence < kResendBit) first = std::min(first, sequence);
    Expect(state_.Find(sequence) != nullptr, "an unsettled event was forgotten");
  }
  Expect(in_flight == state_.in_flight(), "the count in flight");
  Expect(retrying == state_.retrying(), "the count retrying");
  Expect(state_.floor() <= first, "the floor passed an unsettled event");
  for (const auto& [index, member] : members_) {
    Expect(state_.credit(index) == member.credit, "a member's credit");
    Expect(state_.member_in_flight(index) == InFlight(index), "a member's count in flight");
  }
}

uint64_t StateDriver::PickSequence() {
  const uint64_t byte = Byte();
  if (events_.empty() || byte > 250) return byte;  // most likely unknown
  return std::next(events_.begin(), static_cast<ptrdiff_t>(byte % events_.size()))->first;
}

MemberIndex StateDriver::PickMember() {
  return std::next(members_.begin(), static_cast<ptrdiff_t>(Byte() % members_.size()))->first;
}

}  // namespace postroad::delivery
