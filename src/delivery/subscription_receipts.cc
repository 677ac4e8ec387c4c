// What became of an event in this subscription, and who waits to hear of it.
#include <algorithm>

#include "core/event.h"
#include "delivery/subscription.h"

namespace postroad::delivery {

Result<bool> Subscription::FilteredOut(EventSource& source, const EventFilter& filter,
                                       uint64_t sequence) {
  if (filter.Empty()) return false;
  POSTROAD_ASSIGN(const auto run, source.At(sequence));
  EventView event;
  return run && ParseRecord(run->records.front(), event) && !filter.Matches(event);
}

Result<std::optional<SubscriptionReceipt>> Subscription::ReceiptOf(std::string_view topic,
                                                                   Offset offset) {
  Lock lock(mutex_);
  if (!definition_.settings.topics.Matches(topic)) return std::nullopt;
  const std::shared_ptr<EventSource> source = source_;
  const EventFilter filter = definition_.settings.filter;
  lock.unlock();
  POSTROAD_ASSIGN(const auto sequence, source->SequenceOf(topic, offset));
  if (!sequence) return std::nullopt;
  POSTROAD_ASSIGN(const bool filtered, FilteredOut(*source, filter, *sequence));
  // Settled events leave the state before their receipt is in the table, so the state is asked
  // first: what it does not know then is in one of the two.
  lock.lock();
  if (*sequence < origin_) return std::nullopt;
  SubscriptionReceipt receipt = ReceiptNow(*sequence);
  std::optional<SavedReceipt> known;
  for (const auto* receipts : {&receipts_saving_, &receipts_unsaved_}) {
    for (const PendingReceipt& each : *receipts) {
      if (each.sequence == *sequence) known = each.receipt;
    }
  }
  lock.unlock();
  if (receipt.state != ReceiptState::kAcked) {
    if (filtered && receipt.state == ReceiptState::kStored) receipt.state = ReceiptState::kFiltered;
    return receipt;
  }
  if (!known) {
    POSTROAD_ASSIGN(const auto saved,
                    parts_.store.Get(store::Table::kReceipts, ReceiptKey(topic, offset, name_)));
    if (saved) {
      POSTROAD_ASSIGN(known, DecodeReceipt(*saved));
    }
  }
  if (known) {
    receipt.state = known->state;
    receipt.attempts = known->attempts;
    receipt.settled_at = known->settled_at;
    receipt.reason = std::move(known->reason);
    receipt.reply = std::move(known->reply);
  } else if (filtered) {
    receipt.state = ReceiptState::kFiltered;
    receipt.attempts = 0;
  }
  return receipt;
}

// By the state alone: kAcked where all it knows is that the event is settled.
SubscriptionReceipt Subscription::ReceiptNow(uint64_t sequence) const {
  SubscriptionReceipt receipt{.subscription = name_};
  const Slot* slot = state_.Find(sequence);
  if (slot == nullptr) {
    if (sequence >= state_.read_end()) return receipt;
    receipt.state = ReceiptState::kAcked;
    receipt.attempts = 1;
    return receipt;
  }
  const bool in_flight = slot->state == SlotState::kInFlight;
  receipt.attempts = slot->failures + (in_flight ? 1u : 0u);
  receipt.state = in_flight            ? ReceiptState::kSent
                  : slot->failures > 0 ? ReceiptState::kRetrying
                                       : ReceiptState::kStored;
  const auto attempts = attempts_.find(sequence);
  if (attempts != attempts_.end() && !attempts->second.empty()) {
    receipt.reason = attempts->second.back().reason;
  }
  return receipt;
}

Result<bool> Subscription::Watch(std::string_view topic, Offset offset,
                                 std::move_only_function<void()> settled, uint64_t& ticket) {
  Lock lock(mutex_);
  if (stopped_ || !definition_.settings.topics.Matches(topic)) return false;
  const std::shared_ptr<EventSource> source = source_;
  const EventFilter filter = definition_.settings.filter;
  lock.unlock();
  POSTROAD_ASSIGN(const auto sequence, source->SequenceOf(topic, offset));
  if (!sequence) return false;
  POSTROAD_ASSIGN(const bool filtered, FilteredOut(*source, filter, *sequence));
  lock.lock();
  if (stopped_ || *sequence < origin_) return false;
  if (state_.Find(*sequence) == nullptr && (filtered || *sequence < state_.read_end())) {
    return false;
  }
  ticket = next_ticket_++;
  watched_.emplace(*sequence, Watched{ticket, std::move(settled)});
  state_.ReportAll(true);
  return true;
}

void Subscription::Unwatch(uint64_t ticket) {
  Lock lock(mutex_);
  std::erase_if(watched_, [&](const auto& watched) { return watched.second.ticket == ticket; });
  state_.ReportAll(!watched_.empty());
}

}  // namespace postroad::delivery
