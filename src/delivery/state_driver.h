// Drives a SubscriptionState with operations read from bytes, beside a naive model of what it must
// do, and says what differs. Used by the model test (random bytes) and the fuzzer.
#ifndef POSTROAD_DELIVERY_STATE_DRIVER_H_
#define POSTROAD_DELIVERY_STATE_DRIVER_H_

#include <map>
#include <span>
#include <string>
#include <vector>

#include "delivery/subscription_state.h"

namespace postroad::delivery {

class StateDriver {
 public:
  // Runs every operation in `bytes`; the first difference, or "".
  static std::string Run(std::span<const uint8_t> bytes);

 private:
  enum class Where { kWaiting, kInFlight, kRetrying, kDying };
  struct ModelEvent {
    Where where = Where::kWaiting;
    uint64_t key = 0;
    uint64_t order = 0;  // of coming in
    uint32_t failures = 0;
    MemberIndex member = 0;
    uint64_t sent = 0;  // when it went to its member, as a running number
    MonotonicTime when{};
  };
  struct ModelMember {
    uint64_t credit = 0;
    uint32_t max_in_flight = 0;
  };

  explicit StateDriver(std::span<const uint8_t> bytes);
  uint64_t Byte();
  void Step();
  void StepInput(uint64_t op);
  void StepSettle(uint64_t op);
  void Ingest();
  void Resend();
  void Join();
  void Leave();
  void Assign();
  void CheckAssignment(const Assignment& assignment);
  void CheckNothingLeft();
  void Ack(uint64_t sequence, MemberIndex member);
  void AckUpTo(uint64_t sequence, MemberIndex member);
  void Nack(uint64_t sequence, MemberIndex member);
  void Extend(uint64_t sequence, MemberIndex member);
  void GiveBack(uint64_t sequence, MemberIndex member);
  void Terminate(uint64_t sequence, MemberIndex member);
  void SettleDying();
  void DropOne();
  void Tick();
  void SaveAndRestore();
  void CheckWhole();
  void Fail(ModelEvent& event, std::optional<Duration> delay);
  bool Held(uint64_t sequence, MemberIndex member) const;
  bool Blocked(const ModelEvent& event) const;
  uint64_t InFlight(MemberIndex member) const;
  uint64_t PickSequence();
  MemberIndex PickMember();
  void Expect(bool ok, const std::string& what);

  StateOptions options_;
  SubscriptionState state_;
  std::span<const uint8_t> bytes_;
  size_t at_ = 0;
  MonotonicTime now_{std::chrono::hours(1)};
  std::map<uint64_t, ModelEvent> events_;  // unsettled
  std::map<MemberIndex, ModelMember> members_;
  uint64_t next_ = 0, next_resend_ = kResendBit, order_ = 0, sent_ = 0;
  std::string problem_;
};

}  // namespace postroad::delivery

#endif  // POSTROAD_DELIVERY_STATE_DRIVER_H_
