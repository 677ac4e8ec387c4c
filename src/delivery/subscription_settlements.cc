// What members say of their deliveries, and what follows from it.
#include <algorithm>

#include "core/event.h"
#include "delivery/limits.h"
#include "delivery/subscription.h"

namespace postroad::delivery {
namespace {

std::string Cut(std::string text, size_t most) {
  if (text.size() > most) text.resize(most);
  return text;
}

Error UnknownDelivery(DeliveryId id) {
  return {ErrorCode::kNotFound,
          "This member has no unsettled delivery " + std::to_string(id.value()) +
              ": it was settled before, its deadline passed, or it was never sent to this member.",
          "delivery_id", "UNKNOWN_DELIVERY"};
}

std::optional<Error> CheckDelay(const Settlement& settlement) {
  if (settlement.kind == SettleKind::kNack && settlement.delay &&
      (*settlement.delay < Duration(0) || *settlement.delay > kLongestDelay)) {
    return Error{ErrorCode::kInvalidArgument, "A nack's delay must be 0 to 365d.", "nacks.delay"};
  }
  if (settlement.kind == SettleKind::kExtend &&
      (!settlement.delay || *settlement.delay < kShortestDeadline ||
       *settlement.delay > kLongestDeadline)) {
    return Error{ErrorCode::kInvalidArgument, "An extension must be 100ms to 24h.", "extends.by"};
  }
  if (settlement.reply.size() > kMaxReplyBytes) {
    return Error{ErrorCode::kInvalidArgument, "A reply may have 64 KiB at most.", "replies.payload",
                 "REPLY_TOO_LARGE"};
  }
  return std::nullopt;
}

}  // namespace

std::vector<SettleFailure> Subscription::Settle(MemberIndex member, uint64_t generation,
                                                std::vector<Settlement> settlements) {
  std::vector<SettleFailure> failures;
  Calls calls;
  {
    Lock lock(mutex_);
    const bool known = members_[member].generation == generation;
    for (size_t i = 0; i < settlements.size(); ++i) {
      auto error = known ? Apply(member, settlements[i]) : UnknownDelivery(settlements[i].id);
      if (error) failures.push_back({i, *std::move(error)});
    }
    AfterSettled(calls);
    MarkDirty();
    if (state_.in_flight() == 0) idle_.notify_all();
  }
  metrics_.unknown.Add(static_cast<double>(failures.size()));
  for (auto& call : calls) call();
  Kick();
  return failures;
}

std::optional<Error> Subscription::Apply(MemberIndex member, Settlement& settlement) {
  if (auto error = CheckDelay(settlement)) return error;
  const uint64_t sequence = settlement.id.value();
  const MonotonicTime now = parts_.clock.Monotonic();
  switch (settlement.kind) {
    case SettleKind::kAck:
      if (!state_.Ack(member, sequence)) return UnknownDelivery(settlement.id);
      metrics_.acked.Add();
      if (!settlement.reply.empty()) replies_[sequence] = std::move(settlement.reply);
      return std::nullopt;
    case SettleKind::kAckUpTo:
      metrics_.acked.Add(static_cast<double>(state_.AckUpTo(member, sequence)));
      return std::nullopt;
    case SettleKind::kExtend:
      if (!state_.Extend(member, sequence, *settlement.delay, now)) {
        return UnknownDelivery(settlement.id);
      }
      return std::nullopt;
    case SettleKind::kNack: {
      const Outcome outcome = state_.Nack(member, sequence, settlement.delay, now);
      if (outcome == Outcome::kUnknown) return UnknownDelivery(settlement.id);
      metrics_.nacked.Add();
      std::string reason = Cut(std::move(settlement.reason), kMaxReasonBytes);
      NoteFailure(sequence, reason);
      if (outcome == Outcome::kDying) dying_.push_back({sequence, std::move(reason)});
      return std::nullopt;
    }
    case SettleKind::kReturn:
      if (!state_.GiveBack(member, sequence)) return UnknownDelivery(settlement.id);
      return std::nullopt;
    case SettleKind::kTerminate: {
      if (!state_.Terminate(member, sequence)) return UnknownDelivery(settlement.id);
      std::string reason = Cut(std::move(settlement.reason), kMaxReasonBytes);
      NoteFailure(sequence, reason);
      dying_.push_back({sequence, std::move(reason)});
      return std::nullopt;
    }
  }
  return std::nullopt;
}

void Subscription::NoteFailure(uint64_t sequence, std::string reason) {
  const Slot* slot = state_.Find(sequence);
  const uint32_t number = slot == nullptr ? 1 : slot->failures;
  std::vector<Attempt>& attempts = attempts_[sequence];
  if (attempts_bytes_ + reason.size() > kMaxReasonMemory) reason.clear();
  attempts_bytes_ += reason.size();
  if (attempts.size() >= kMaxRememberedAttempts) {
    attempts_bytes_ -= attempts.back().reason.size();
    attempts.pop_back();
  }
  attempts.push_back({number, parts_.clock.Now(), std::move(reason)});
  if (sequence < kResendBit) failures_unsaved_.insert(sequence);
}

// The event is settled: nothing of its failures is needed any more.
void Subscription::Forget(uint64_t sequence) {
  const auto found = attempts_.find(sequence);
  if (found == attempts_.end()) return;
  for (const Attempt& attempt : found->second) attempts_bytes_ -= attempt.reason.size();
  attempts_.erase(found);
  failures_unsaved_.erase(sequence);
  if (sequence >= kResendBit) return;
  unsaved_.push_back({store::Mutation::Kind::kDelete,
                      store::Table::kSubscriptions,
                      FailureKey(name_, sequence),
                      {}});
}

void Subscription::CallWatchers(uint64_t sequence, Calls& calls) {
  const auto [first, last] = watched_.equal_range(sequence);
  for (auto it = first; it != last; ++it) calls.push_back(std::move(it->second.settled));
  watched_.erase(first, last);
  state_.ReportAll(!watched_.empty());
}

void Subscription::AfterSettled(Calls& calls) {
  const Timestamp now = parts_.clock.Now();
  for (const SettledEvent& event : state_.TakeSettled()) {
    // While one event is watched all are told of here; only what is worth it is kept.
    const bool resent = event.sequence >= kResendBit;
    const bool watched = !resent && watched_.contains(event.sequence);
    if (event.failures == 0 && !watched && !resent) continue;
    Forget(event.sequence);
    std::string reply;
    if (auto node = replies_.extract(event.sequence)) reply = std::move(node.mapped());
    receipts_unsaved_.push_back(
        {event.sequence, {ReceiptState::kAcked, event.failures + 1, now, {}, std::move(reply)}});
    if (watched) CallWatchers(event.sequence, calls);
    if (!resent) continue;
    resends_loaded_.erase(event.sequence & ~kResendBit);
    --dead_letters_;
    unsaved_.push_back({store::Mutation::Kind::kDelete,
                        store::Table::kDeadLetters,
                        DeadLetterKey(name_, event.sequence & ~kResendBit),
                        {}});
  }
  for (auto& [sequence, reply] : replies_) {
    receipts_unsaved_.push_back({sequence, {ReceiptState::kAcked, 1, now, {}, std::move(reply)}});
  }
  replies_.clear();
}

}  // namespace postroad::delivery
