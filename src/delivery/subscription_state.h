// The heart of a subscription, as a pure state machine: which events are unsettled, who has them,
// when they are due again. No I/O, no clock, no threads; time is passed in.
//
// Events are sequence numbers (offsets, feed positions; with the top bit set, dead letters sent
// again). See README.md for the states of an event. Memory: a ring slot of 48 bytes for each event
// between the oldest recent unsettled one and the end (at most max(16 Ki, 2 × max_in_flight)
// slots), and a map entry for each older unsettled one: no more than max_in_flight + max_parked of
// those.
#ifndef POSTROAD_DELIVERY_SUBSCRIPTION_STATE_H_
#define POSTROAD_DELIVERY_SUBSCRIPTION_STATE_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "core/time.h"
#include "delivery/event_window.h"
#include "delivery/key_chains.h"

namespace postroad::delivery {

// Marks the sequence numbers of dead letters sent again.
inline constexpr uint64_t kResendBit = uint64_t{1} << 63;

struct StateOptions {
  Duration ack_deadline = std::chrono::seconds(30);
  std::vector<Duration> retry_schedule;  // at least one
  uint32_t max_attempts = 1;
  bool by_key = false;
  uint32_t max_in_flight = 10'000;
  // Retrying, blocked and dying events beyond which no more input is asked for.
  uint32_t max_parked = 100'000;
};

using MemberIndex = uint32_t;

struct Assignment {
  MemberIndex member = 0;
  uint32_t attempt = 1;
  uint64_t sequence = 0;
};
// An attempt ended by its deadline.
struct Expiry {
  uint64_t sequence = 0;
  uint32_t failures = 0;
  bool dying = false;
};
// An event that is done, of those worth telling of (see ReportAll).
struct SettledEvent {
  uint64_t sequence = 0;
  uint32_t failures = 0;
};
// An unsettled event as it is saved and restored.
struct UnsettledEvent {
  uint64_t sequence = 0;
  uint64_t key = 0;
  uint32_t failures = 0;
  MonotonicTime due{};
};
enum class Outcome { kUnknown, kRetrying, kDying };

class SubscriptionState {
 public:
  explicit SubscriptionState(StateOptions options);

  void SetOptions(StateOptions options, MonotonicTime now);
  // Forgets every event; the next one is `sequence` or later. Members and credits stay.
  void Reset(uint64_t sequence);
  // Takes up what was saved: rising sequences, before anything else was ingested.
  void Restore(const std::vector<UnsettledEvent>& unsettled, uint64_t end, MonotonicTime now);

  // The next event, at or after read_end(); those skipped count as settled. `key` is 0 without one.
  void Ingest(uint64_t sequence, uint64_t key);
  // Nothing for this subscription before `sequence`.
  void SkipTo(uint64_t sequence);
  // A dead letter to be sent again; rising numbers with kResendBit.
  void IngestResend(uint64_t sequence, uint64_t key);
  // How many more events could go out at once: 0 without credits, at the limits, or enough is here.
  uint64_t Wanted() const;
  uint64_t read_end() const { return window_.end(); }

  MemberIndex Join(uint32_t max_in_flight);
  // What it has goes out again at once, before newer ones; the attempt does not count.
  void Leave(MemberIndex member);
  void AddCredit(MemberIndex member, uint64_t events);
  // Nothing goes out to it until it has credit again.
  void WithdrawCredit(MemberIndex member);

  // Gives at most `max` events to members that have room, in turn; takes their credits.
  void Assign(MonotonicTime now, size_t max, std::vector<Assignment>& out);
  // Takes back an assignment whose event is lost to retention: it is settled, the credit returned.
  void Lost(uint64_t sequence);
  // Takes back an assignment that could not be carried out; the event goes out again, uncounted.
  void Return(uint64_t sequence);

  bool Ack(MemberIndex member, uint64_t sequence);
  // How many were settled; the rule is SettleKind::kAckUpTo's.
  uint64_t AckUpTo(MemberIndex member, uint64_t sequence);
  Outcome Nack(MemberIndex member, uint64_t sequence, std::optional<Duration> delay,
               MonotonicTime now);
  bool Extend(MemberIndex member, uint64_t sequence, Duration by, MonotonicTime now);
  // The event goes out again, uncounted. False: unknown.
  bool GiveBack(MemberIndex member, uint64_t sequence);
  // False: unknown. Else it is dying.
  bool Terminate(MemberIndex member, uint64_t sequence);
  // The dead letter of a dying event is durable.
  void DeadStored(uint64_t sequence);
  // Settles an event whatever its state; false if there is none.
  bool Drop(uint64_t sequence);

  // Ends attempts whose deadline is over, and makes ready what is due.
  void Tick(MonotonicTime now, std::vector<Expiry>& expired);
  // When to Tick; may be early, never late.
  std::optional<MonotonicTime> NextWake() const;

  // Also tell of events that were acked at their first attempt (somebody awaits receipts).
  void ReportAll(bool all) { report_all_ = all; }
  // Acked events that had failed before, or were sent again, or any with ReportAll; since last
  // time.
  std::vector<SettledEvent> TakeSettled() { return std::exchange(settled_, {}); }

  // Every event before it is settled.
  uint64_t floor() const;
  // Nothing at or after it was given to a member, so that a saved state can end here.
  uint64_t save_end() const { return std::max(next_fresh_, window_.base()); }
  // The unsettled events before save_end(), rising; dead letters sent again left out.
  std::vector<UnsettledEvent> Unsettled() const;
  // Null if settled or not ingested yet.
  const Slot* Find(uint64_t sequence) const;

  uint64_t in_flight() const { return in_flight_; }
  uint64_t retrying() const { return retrying_; }
  uint64_t blocked() const { return blocked_; }
  uint64_t acked_total() const { return acked_total_; }
  uint64_t member_in_flight(MemberIndex m) const { return members_[m].in_flight; }
  uint64_t credit(MemberIndex m) const { return members_[m].credit; }

 private:
  struct MemberState {
    bool joined = false;
    uint32_t max_in_flight = 0;
    uint64_t in_flight = 0;
    uint64_t credit = 0;
    uint64_t room = 0;             // how many it can take now
    size_t eligible = SIZE_MAX;    // its place in eligible_, if it has room
    uint64_t first = kNoSequence;  // its deliveries, oldest first
    uint64_t last = kNoSequence;
  };
  using Due = std::pair<int64_t, uint64_t>;  // monotonic ns, sequence

  Slot* InFlight(MemberIndex member, uint64_t sequence);
  void UpdateRoom(MemberState& member, MemberIndex index);
  void Link(MemberState& member, uint64_t sequence, Slot& slot);
  void Unlink(Slot& slot);
  void Enchain(uint64_t sequence, Slot& slot, uint64_t key);
  void FollowRing();
  uint64_t NextReady();
  void GiveTo(MemberIndex index, uint64_t sequence, int64_t now, std::vector<Assignment>& out);
  void Finish(uint64_t sequence, Slot& slot);
  void FinishAcked(uint64_t sequence, Slot& slot);
  void Unblock(uint64_t sequence);
  void MakeReady(uint64_t sequence, Slot& slot);
  Outcome Failed(uint64_t sequence, Slot& slot, std::optional<Duration> delay, int64_t now);
  void Expire(uint64_t sequence, Slot& slot, int64_t now, std::vector<Expiry>& expired);
  void ExpireDefault(int64_t now, std::vector<Expiry>& expired);
  void ExpireExtended(int64_t now, std::vector<Expiry>& expired);

  StateOptions options_;
  EventWindow window_;
  KeyChains chains_;
  uint64_t next_fresh_ = 0;      // nothing from here on went out yet
  uint64_t fresh_ready_ = 0;     // ready ones from there on
  std::vector<uint64_t> ready_;  // min-heap: ready ones from before it; may name some that are gone
  std::vector<Due> retries_;     // min-heap; the same
  std::vector<Due> extended_;    // min-heap of deadlines; the same
  int64_t default_check_ = INT64_MAX;  // no default deadline ends before

  std::vector<MemberState> members_;
  std::vector<MemberIndex> free_members_;
  std::vector<MemberIndex> eligible_;
  size_t turn_ = 0;
  uint64_t room_ = 0;  // of all members

  uint64_t in_flight_ = 0, retrying_ = 0, blocked_ = 0, dying_ = 0, acked_total_ = 0;
  bool report_all_ = false;
  std::vector<SettledEvent> settled_;
};

}  // namespace postroad::delivery

#endif  // POSTROAD_DELIVERY_SUBSCRIPTION_STATE_H_
