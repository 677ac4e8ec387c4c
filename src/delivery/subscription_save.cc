// What a subscription keeps in the store: its settled-state, the attempts of events that failed,
// and receipts. Written a few times a second while something changes, synced when it stops.
#include <algorithm>

#include "core/bytes.h"
#include "core/event.h"
#include "delivery/limits.h"
#include "delivery/subscription.h"
#include "runtime/log.h"

namespace postroad::delivery {
namespace {

using store::Mutation;
using store::Table;

constexpr size_t kScanAtOnce = 1000;

}  // namespace

void Subscription::MarkDirty() {
  dirty_ = true;
  if (save_armed_ || stopped_) return;
  save_armed_ = true;
  parts_.saver.Post([self = shared_from_this()] {
    self->save_timer_ =
        self->parts_.saver.PostAfter(kSaveInterval, [weak = self->weak_from_this()] {
          if (const auto me = weak.lock()) me->SaveOnTime();
        });
  });
}

void Subscription::SaveOnTime() {
  Lock lock(mutex_);
  save_armed_ = false;
  if (stopped_ || !dirty_) return;
  const auto status = Save(lock, false);
  if (status) return;
  LogError("cannot save a subscription's state; trying again",
           {{"subscription", name_}, {"error", status.error()}});
  MarkDirty();
}

SavedState Subscription::Snapshot() const {
  const Timestamp now = parts_.clock.Now();
  const MonotonicTime monotonic = parts_.clock.Monotonic();
  SavedState saved{.end = state_.save_end(),
                   .origin = origin_,
                   .topic = topic_id_,
                   .generation = generation_,
                   .next_dead_letter = next_dead_letter_};
  for (const UnsettledEvent& event : state_.Unsettled()) {
    SavedEvent& out = saved.unsettled.emplace_back();
    out.sequence = event.sequence;
    out.key = event.key;
    out.failures = event.failures;
    if (event.failures == 0) continue;
    out.remaining = std::max(Duration(0), Duration(event.due - monotonic));
    out.due = now + out.remaining;
  }
  return saved;
}

// The store is written with the lock released; what changes meanwhile is for the next save.
Status Subscription::Save(Lock& lock, bool sync) {
  idle_.wait(lock, [&] { return !saving_; });
  saving_ = true;
  dirty_ = false;
  std::vector<Mutation> mutations = std::exchange(unsaved_, {});
  for (const uint64_t sequence : std::exchange(failures_unsaved_, {})) {
    mutations.push_back({Mutation::Kind::kPut, Table::kSubscriptions, FailureKey(name_, sequence),
                         EncodeAttempts(attempts_[sequence])});
  }
  const SavedState state = Snapshot();
  receipts_saving_ = std::exchange(receipts_unsaved_, {});
  const std::vector<PendingReceipt> receipts = receipts_saving_;
  const std::shared_ptr<EventSource> source = source_;
  lock.unlock();
  EventFinder finder(*source);
  for (const PendingReceipt& receipt : receipts) AddReceipt(finder, receipt, mutations);
  mutations.push_back(
      {Mutation::Kind::kPut, Table::kSubscriptions, StateKey(name_), EncodeState(state)});
  auto status = parts_.store.Write(mutations, sync);
  lock.lock();
  receipts_saving_.clear();
  if (!status) {
    mutations.pop_back();  // the state is made anew next time; the rest is kept
    unsaved_.insert(unsaved_.begin(), std::make_move_iterator(mutations.begin()),
                    std::make_move_iterator(mutations.end()));
    dirty_ = true;
  }
  saving_ = false;
  idle_.notify_all();
  return status;
}

void Subscription::AddReceipt(EventFinder& finder, const PendingReceipt& pending,
                              std::vector<Mutation>& out) {
  std::string key;
  if (pending.sequence >= kResendBit) {
    const auto dead = ReadDeadLetter(pending.sequence & ~kResendBit);
    if (!dead) return;
    key = ReceiptKey(dead->letter.topic, dead->letter.offset, name_);
  } else {
    const auto run = finder.Find(pending.sequence);
    if (!run || *run == nullptr) return;  // gone, and with it what a receipt could be asked of
    const uint64_t index = pending.sequence - (*run)->first;
    key = ReceiptKey(*(*run)->topic, (*run)->first_offset + index, name_);
  }
  out.push_back({Mutation::Kind::kPut, Table::kReceipts, key, EncodeReceipt(pending.receipt)});
  out.push_back({Mutation::Kind::kPut, Table::kReceipts,
                 ReceiptAgeKey(pending.receipt.settled_at, key), key});
}

Status Subscription::Begin() {
  const SubscriptionSettings& settings = definition_.settings;
  POSTROAD_ASSIGN(origin_,
                  source_->StartAt(settings.start, settings.start_time, settings.start_offset));
  POSTROAD_ASSIGN(const Fetched now, source_->Fetch(origin_, 1));
  topic_id_ = now.topic_id;
  state_.Reset(origin_);
  // What an earlier subscription of this name left, should a deletion have been cut short.
  POSTROAD_ASSIGN(
      const auto last,
      parts_.store.Scan(Table::kDeadLetters, DeadLetterKey(name_, 0),
                        PrefixEnd(DeadLetterKey(name_, 0).substr(0, name_.size() + 2)), 1, true));
  if (!last.empty()) {
    next_dead_letter_ = GetBig64(last[0].key.data() + last[0].key.size() - 8) + 1;
  }
  const std::vector<Mutation> mutations = {
      {Mutation::Kind::kPut, Table::kSubscriptions, DefinitionKey(name_),
       EncodeDefinition(definition_)},
      {Mutation::Kind::kPut, Table::kSubscriptions, StateKey(name_), EncodeState(Snapshot())}};
  return parts_.store.Write(mutations, true);
}

Status Subscription::Load() {
  POSTROAD_ASSIGN(const auto bytes, parts_.store.Get(Table::kSubscriptions, StateKey(name_)));
  if (!bytes) {
    return Fail(ErrorCode::kDataLoss,
                "Subscription '" + name_ + "' has no settled-state; run `postroad store check`.",
                {}, "STORE_CORRUPT");
  }
  POSTROAD_ASSIGN(SavedState saved, DecodeState(*bytes));
  POSTROAD_TRY(ClampToLog(saved));
  Restore(saved);
  POSTROAD_TRY(LoadFailures());
  return LoadDeadLetters(saved);
}

// The log may end before what was read of it: a memory topic after a power cut, a topic deleted.
// Then numbers up to there will be given to other events, which have to be delivered.
Status Subscription::ClampToLog(SavedState& saved) {
  POSTROAD_ASSIGN(const uint64_t end, source_->End());
  if (saved.end <= end || saved.end == saved.origin) return {};
  LogWarn("a subscription goes back to where its topics end now",
          {{"subscription", name_}, {"from", saved.end}, {"to", end}});
  saved.end = end;
  saved.origin = std::min(saved.origin, end);
  ++saved.generation;  // dead letters of those numbers are of other events
  std::erase_if(saved.unsettled, [&](const SavedEvent& event) { return event.sequence >= end; });
  return {};
}

void Subscription::Restore(const SavedState& saved) {
  origin_ = saved.origin;
  topic_id_ = saved.topic;
  generation_ = saved.generation;
  next_dead_letter_ = saved.next_dead_letter;
  const Timestamp now = parts_.clock.Now();
  const MonotonicTime monotonic = parts_.clock.Monotonic();
  std::vector<UnsettledEvent> unsettled;
  for (const SavedEvent& event : saved.unsettled) {
    // By the wall clock, but a clock that jumped back makes no wait longer than it was.
    const Duration left = event.failures == 0
                              ? Duration(0)
                              : std::clamp(Duration(event.due - now), Duration(0), event.remaining);
    unsettled.push_back({event.sequence, event.key, event.failures, monotonic + left});
  }
  state_.Restore(unsettled, saved.end, monotonic);
}

Status Subscription::LoadFailures() {
  std::string from = FailureKey(name_, 0);
  const std::string end = PrefixEnd(from.substr(0, name_.size() + 2));
  while (true) {
    POSTROAD_ASSIGN(const auto entries,
                    parts_.store.Scan(Table::kSubscriptions, from, end, kScanAtOnce));
    for (const store::Entry& entry : entries) {
      const uint64_t sequence = GetBig64(entry.key.data() + entry.key.size() - 8);
      if (state_.Find(sequence) == nullptr) continue;
      POSTROAD_ASSIGN(auto attempts, DecodeAttempts(entry.value));
      for (const Attempt& attempt : attempts) attempts_bytes_ += attempt.reason.size();
      attempts_[sequence] = std::move(attempts);
    }
    if (entries.size() < kScanAtOnce) return {};
    from = entries.back().key + '\0';
  }
}

// Counts them, takes up those that were being sent again, and settles events that died after the
// state was saved.
Status Subscription::LoadDeadLetters(const SavedState& saved) {
  for (uint64_t after = 0;;) {
    POSTROAD_ASSIGN(const auto letters, ScanDeadLetters(after, kScanAtOnce));
    for (const SavedDeadLetter& dead : letters) {
      ++dead_letters_;
      after = dead.letter.id;
      next_dead_letter_ = std::max(next_dead_letter_, dead.letter.id + 1);
      if (dead.letter.resending) resends_waiting_.insert(dead.letter.id);
      if (dead.generation != generation_) continue;
      if (dead.sequence >= saved.end) {
        buried_ahead_.insert(dead.sequence);
      } else if (state_.Drop(dead.sequence)) {
        Forget(dead.sequence);
      }
    }
    if (letters.empty()) return {};
  }
}

}  // namespace postroad::delivery
