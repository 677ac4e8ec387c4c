// A subscription's work on its executor: reads, chooses members, delivers, keeps time.
#include <algorithm>

#include "core/event.h"
#include "delivery/limits.h"
#include "delivery/subscription.h"
#include "runtime/log.h"

namespace postroad::delivery {
namespace {

constexpr size_t kFetchBytes = 256 << 10;
constexpr size_t kMostAtOnce = 4096;  // assignments of one pass
constexpr Duration kRetryAfter = std::chrono::milliseconds(500);

Delivery ToDelivery(const Assignment& assignment, const SourceRun& run) {
  const size_t index = assignment.sequence - run.first;
  return {DeliveryId(assignment.sequence),
          run.topic,
          run.first_offset + index,
          assignment.attempt,
          run.stored_at,
          run.records[index],
          run.owner};
}

}  // namespace

void Subscription::Kick() {
  if (kicked_.exchange(true)) return;
  executor_.Post([self = shared_from_this()] { self->Pump(); });
}

void Subscription::Pump() {
  kicked_ = false;
  Lock lock(mutex_);
  if (stopped_) return;
  busy_ = true;
  const bool more = PumpOnce(lock);
  busy_ = false;
  idle_.notify_all();
  if (more) Kick();
}

// True if there is more to do at once.
bool Subscription::PumpOnce(Lock& lock) {
  ExpireDue();
  bool more = FetchMore(lock);
  if (!stopped_) more = LoadResends(lock) || more;
  if (!stopped_) more = AssignReady(lock) || more;
  if (!stopped_) BuryDying(lock);
  if (stopped_) return false;
  SetGauges();
  ArmTimer();
  return more;
}

bool Subscription::FetchMore(Lock& lock) {
  if (draining_ || state_.Wanted() == 0) return false;
  const uint64_t from = state_.read_end();
  const uint64_t generation = generation_;
  const std::shared_ptr<EventSource> source = source_;
  lock.unlock();
  auto fetched = source->Fetch(from, kFetchBytes);
  lock.lock();
  if (stopped_) return false;
  if (generation != generation_) return true;
  if (!fetched) {
    RetryLater("cannot read events", fetched.error());
    return false;
  }
  const bool nothing = fetched->runs.empty() && fetched->next == from;
  Calls calls;
  const bool more = Take(*std::move(fetched), calls);
  if (!more && nothing) {
    wait_ = source->WaitBeyond(from, executor_, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->Pump();
    });
  }
  if (!calls.empty()) {
    lock.unlock();
    for (auto& call : calls) call();
    lock.lock();
  }
  return more;
}

// True if there may be more to fetch at once.
bool Subscription::Take(Fetched fetched, Calls& calls) {
  if (fetched.topic_id != topic_id_) {
    const bool gone = topic_id_ != 0;
    topic_id_ = fetched.topic_id;
    MarkDirty();
    if (gone) {  // deleted, and maybe made anew: its offsets begin again
      LogWarn("a subscription's topic was deleted", {{"subscription", name_}});
      RestartAt(0, calls);
      origin_ = 0;
      return true;
    }
  }
  if (fetched.lost > 0) {
    metrics_.lost.Add(static_cast<double>(fetched.lost));
    LogWarn("events were gone, by retention or with their topic, before they were delivered",
            {{"subscription", name_}, {"events", fetched.lost}});
  }
  const bool any = !fetched.runs.empty() || fetched.next != state_.read_end();
  for (SourceRun& run : fetched.runs) IngestRun(std::move(run));
  if (fetched.next > state_.read_end()) state_.SkipTo(fetched.next);
  if (any) MarkDirty();
  return any;
}

void Subscription::IngestRun(SourceRun run) {
  const SubscriptionSettings& settings = definition_.settings;
  const bool parse = !settings.filter.Empty() || settings.ordering == Ordering::kKey;
  EventView event;
  for (size_t i = 0; i < run.records.size(); ++i) {
    const uint64_t sequence = run.first + i;
    uint64_t key = 0;
    if (parse) {
      if (!ParseRecord(run.records[i], event)) continue;
      if (!settings.filter.Matches(event)) continue;
      key = KeyOf(event);
    }
    if (!buried_ahead_.empty() && buried_ahead_.erase(sequence) > 0) continue;
    state_.Ingest(sequence, key);
  }
  if (run.end() > state_.read_end()) state_.SkipTo(run.end());
  runs_.push_back(std::move(run));
}

bool Subscription::AssignReady(Lock& lock) {
  if (draining_) return false;
  std::vector<Assignment> assignments;
  const MonotonicTime now = parts_.clock.Monotonic();
  const MonotonicTime deadline = now + definition_.settings.ack_deadline;
  state_.Assign(now, kMostAtOnce, assignments);
  if (assignments.empty()) return false;
  MarkDirty();
  std::vector<Outgoing> outgoing(assignments.size());
  const SourceRun* run = nullptr;
  size_t late = 0, repeats = 0;
  for (size_t i = 0; i < assignments.size(); ++i) {
    const Assignment& assignment = outgoing[i].assignment = assignments[i];
    if (run == nullptr || assignment.sequence < run->first || assignment.sequence >= run->end()) {
      run = RunOf(assignment.sequence);
    }
    repeats += assignment.attempt > 1;
    if (run == nullptr) {
      ++late;
    } else {
      outgoing[i].delivery = ToDelivery(assignment, *run);
    }
  }
  ForgetRuns();
  std::vector<std::shared_ptr<MemberLink>> links(members_.size());
  for (const Assignment& each : assignments) links[each.member] = members_[each.member].link;
  metrics_.delivered.Add(static_cast<double>(assignments.size()));
  if (repeats > 0) metrics_.redelivered.Add(static_cast<double>(repeats));
  // A member gets its events in the order in which they were given to it: an ack up to one must not
  // settle another that it has not seen. So what must be read first holds up the rest.
  if (late == 0 || ReadLate(lock, outgoing)) HandOver(std::move(outgoing), links, deadline);
  return true;
}

void Subscription::HandOver(std::vector<Outgoing> outgoing,
                            const std::vector<std::shared_ptr<MemberLink>>& links,
                            MonotonicTime deadline) {
  std::vector<std::vector<Delivery>> batches(links.size());
  for (Outgoing& each : outgoing) {
    if (!each.delivery) continue;
    each.delivery->deadline = deadline;
    batches[each.assignment.member].push_back(*std::move(each.delivery));
  }
  for (size_t i = 0; i < links.size(); ++i) {
    if (!batches[i].empty()) MemberLink::Deliver(links[i], std::move(batches[i]));
  }
}

// Of repeats and of what waited long: their runs are read again.
bool Subscription::ReadLate(Lock& lock, std::vector<Outgoing>& outgoing) {
  const std::shared_ptr<EventSource> source = source_;
  const uint64_t generation = generation_;
  std::vector<std::pair<uint64_t, Error>> failed;
  std::vector<uint64_t> lost;
  lock.unlock();
  EventFinder finder(*source);
  for (Outgoing& each : outgoing) {
    if (each.delivery) continue;
    auto delivery = ReadOne(finder, each.assignment);
    if (!delivery) {
      failed.emplace_back(each.assignment.sequence, std::move(delivery).error());
    } else if (!*delivery) {
      lost.push_back(each.assignment.sequence);
    } else {
      each.delivery = **std::move(delivery);
    }
  }
  Calls calls;
  lock.lock();
  if (stopped_ || generation_ != generation) return false;
  for (const auto& [sequence, error] : failed) state_.Return(sequence);
  if (!failed.empty()) RetryLater("cannot read events to deliver them again", failed[0].second);
  for (const uint64_t sequence : lost) LoseLate(sequence, calls);
  if (calls.empty()) return true;
  lock.unlock();
  for (auto& call : calls) call();
  lock.lock();
  return !stopped_ && generation_ == generation;
}

void Subscription::LoseLate(uint64_t sequence, Calls& calls) {
  state_.Lost(sequence);
  Forget(sequence);
  if (sequence >= kResendBit) {  // dropped
    resends_loaded_.erase(sequence & ~kResendBit);
    return;
  }
  CallWatchers(sequence, calls);
  metrics_.lost.Add();
  LogWarn("an event was gone, by retention or with its topic, before it was settled",
          {{"subscription", name_}, {"sequence", sequence}});
}

Result<std::optional<Delivery>> Subscription::ReadOne(EventFinder& finder,
                                                      const Assignment& assignment) {
  if (assignment.sequence < kResendBit) {
    POSTROAD_ASSIGN(const SourceRun* const run, finder.Find(assignment.sequence));
    if (run == nullptr) return std::nullopt;
    return ToDelivery(assignment, *run);
  }
  auto dead = ReadDeadLetter(assignment.sequence & ~kResendBit);
  if (!dead && dead.error().code == ErrorCode::kNotFound) return std::nullopt;
  if (!dead) return Fail(std::move(dead).error());
  const auto letter = std::make_shared<const DeadLetter>(std::move(dead->letter));
  return Delivery{DeliveryId(assignment.sequence),
                  std::make_shared<const std::string>(letter->topic),
                  letter->offset,
                  assignment.attempt,
                  letter->died,
                  letter->record,
                  letter};
}

const SourceRun* Subscription::RunOf(uint64_t sequence) const {
  const auto after = std::ranges::upper_bound(runs_, sequence, {}, &SourceRun::first);
  if (after == runs_.begin()) return nullptr;
  const SourceRun& run = *std::prev(after);
  return sequence < run.end() ? &run : nullptr;
}

// What every member's turn has passed is read again if it is needed again.
void Subscription::ForgetRuns() {
  while (!runs_.empty() && runs_.front().end() <= state_.save_end()) runs_.pop_front();
}

bool Subscription::LoadResends(Lock& lock) {
  if (draining_ || resends_waiting_.empty() || resends_loaded_.size() >= kResendWindow)
    return false;
  const uint64_t id = *resends_waiting_.begin();
  const uint64_t generation = generation_;
  lock.unlock();
  auto dead = ReadDeadLetter(id);
  lock.lock();
  if (stopped_ || generation != generation_ || resends_waiting_.erase(id) == 0) return true;
  if (!dead) {
    if (dead.error().code == ErrorCode::kNotFound) return true;  // dropped
    resends_waiting_.insert(id);
    RetryLater("cannot read a dead letter to send it again", dead.error());
    return false;
  }
  EventView event;
  const uint64_t key = ParseRecord(dead->letter.record, event) ? KeyOf(event) : 0;
  state_.IngestResend(id | kResendBit, key);
  resends_loaded_.insert(id);
  return true;
}

void Subscription::ExpireDue() {
  std::vector<Expiry> expired;
  state_.Tick(parts_.clock.Monotonic(), expired);
  for (const Expiry& each : expired) {
    metrics_.expired.Add();
    NoteFailure(each.sequence, "the ack deadline passed");
    if (each.dying) dying_.push_back({each.sequence, "the ack deadline passed"});
  }
  if (!expired.empty()) MarkDirty();
}

void Subscription::ArmTimer() {
  const auto next = state_.NextWake();
  if (!next) {
    timer_.Cancel();
    armed_.reset();
    return;
  }
  if (armed_ && *armed_ <= *next) return;
  armed_ = next;
  const Duration away = std::max(Duration(0), Duration(*next - parts_.clock.Monotonic()));
  timer_ = executor_.PostAfter(away, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->armed_.reset();
    self->Pump();
  });
}

void Subscription::RetryLater(std::string_view what, const Error& error) {
  LogError(what, {{"subscription", name_}, {"error", error}});
  retry_timer_ = executor_.PostAfter(kRetryAfter, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Pump();
  });
}

void Subscription::SetGauges() {
  metrics_.in_flight.Set(static_cast<double>(state_.in_flight()));
  metrics_.retrying.Set(static_cast<double>(state_.retrying()));
}

}  // namespace postroad::delivery
