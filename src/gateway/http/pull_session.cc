// See pull_session.h.
#include "gateway/http/pull_session.h"

#include <algorithm>
#include <future>
#include <iterator>

namespace postroad::gateway {
namespace {

constexpr size_t kMaxSessions = 100'000;
// Requests of one session that wait at once.
constexpr size_t kMaxWaiting = 1'000;
// How long a session stays after its last deliveries have passed their deadline.
constexpr Duration kIdle = std::chrono::seconds(30);
// What is there takes a moment to come, also for a request that does not wait for more.
constexpr Duration kLeastWait = std::chrono::milliseconds(100);

}  // namespace

PullSession::PullSession(Parts parts, PullKey key, std::shared_ptr<const auth::Principal> principal,
                         Duration ack_deadline)
    : parts_(std::move(parts)),
      key_(std::move(key)),
      principal_(std::move(principal)),
      ack_deadline_(ack_deadline) {}

void PullSession::Pull(uint64_t ticket, uint64_t max, Duration wait, Executor& executor,
                       PullDone done) {
  Waiting waiting{.ticket = ticket, .max = max, .executor = &executor, .done = std::move(done)};
  parts_.executor.Post([self = shared_from_this(), waiting = std::move(waiting), wait]() mutable {
    self->Begin(std::move(waiting), wait);
  });
}

void PullSession::Cancel(uint64_t ticket) {
  parts_.executor.Post([self = shared_from_this(), ticket] {
    std::erase_if(self->waiting_, [&](const Waiting& one) { return one.ticket == ticket; });
    self->GrantCredit();
  });
}

void PullSession::Settle(std::vector<delivery::Settlement> settlements, Executor& executor,
                         SettleDone done) {
  parts_.executor.Post([self = shared_from_this(), settlements = std::move(settlements), &executor,
                        done = std::move(done)]() mutable {
    if (!self->member_) {
      return executor.Post([done = std::move(done)]() mutable {
        done(Fail(ErrorCode::kNotFound, "this consumer has no deliveries", "", "UNKNOWN_DELIVERY"));
      });
    }
    for (const auto& settlement : settlements) {
      if (settlement.kind == delivery::SettleKind::kExtend) self->KeepFor(*settlement.delay);
    }
    self->member_->SettleThen(
        std::move(settlements),
        [&executor, done = std::move(done)](std::vector<delivery::SettleFailure> failures) mutable {
          executor.Post([done = std::move(done), failures = std::move(failures)]() mutable {
            done(std::move(failures));
          });
        });
  });
}

void PullSession::Leave(Error reason, std::function<void()> done) {
  parts_.executor.Post(
      [self = shared_from_this(), reason = std::move(reason), done = std::move(done)] {
        self->End(reason);
        done();
      });
}

Status PullSession::Join() {
  if (over_) return Fail(ErrorCode::kUnavailable, "the consumer ends; pull again");
  if (member_) return {};
  const broker::JoinRequest request{.subscription = key_.subscription,
                                    .options = {.client_id = key_.consumer}};
  POSTROAD_ASSIGN(member_, parts_.broker.Join(*principal_, request, parts_.executor, *this));
  return {};
}

void PullSession::Begin(Waiting waiting, Duration wait) {
  Status status = Join();
  if (status && waiting_.size() >= kMaxWaiting) {
    status = Fail(ErrorCode::kResourceExhausted, "too many requests of this consumer wait", "",
                  "OVERLOADED");
  }
  if (!status) {
    Answer(waiting, {.error = status.error()});
    if (!member_) End(status.error());
    return;
  }
  wait = std::max(wait, kLeastWait);
  KeepFor(wait + ack_deadline_);
  waiting.timer =
      parts_.executor.PostAfter(wait, [weak = weak_from_this(), ticket = waiting.ticket] {
        const auto self = weak.lock();
        if (!self) return;
        const auto late = std::ranges::find(self->waiting_, ticket, &Waiting::ticket);
        if (late == self->waiting_.end()) return;
        Waiting over = std::move(*late);
        self->waiting_.erase(late);
        self->Answer(over, {});
        self->GrantCredit();
      });
  waiting_.push_back(std::move(waiting));
  GrantCredit();
}

void PullSession::Answer(Waiting& waiting, Pulled pulled) {
  waiting.executor->Post([done = std::move(waiting.done), pulled = std::move(pulled)]() mutable {
    done(std::move(pulled));
  });
}

// Credit is what the requests that wait have room for, no more.
void PullSession::GrantCredit() {
  if (!member_) return;
  member_->WithdrawCredit();
  uint64_t room = 0;
  for (const Waiting& waiting : waiting_) room += waiting.max;
  if (room > 0) member_->AddCredit(room);
}

void PullSession::OnDeliveries(std::vector<delivery::Delivery> deliveries) {
  KeepFor(ack_deadline_);
  auto next = deliveries.begin();
  while (!waiting_.empty() && next != deliveries.end()) {
    Waiting served = std::move(waiting_.front());
    waiting_.pop_front();
    const auto count =
        std::min<uint64_t>(served.max, static_cast<uint64_t>(deliveries.end() - next));
    const auto end = next + static_cast<ptrdiff_t>(count);
    Answer(served, {.deliveries = {std::move_iterator(next), std::move_iterator(end)}});
    next = end;
  }
  // They were on their way when their request's time was over.
  std::vector<delivery::DeliveryId> late;
  for (; next != deliveries.end(); ++next) late.push_back(next->id);
  Return(late);
  GrantCredit();
}

void PullSession::GiveBack(const std::vector<delivery::Delivery>& deliveries) {
  if (deliveries.empty()) return;
  std::vector<delivery::DeliveryId> ids;
  for (const auto& delivery : deliveries) ids.push_back(delivery.id);
  parts_.executor.Post([self = shared_from_this(), ids = std::move(ids)] { self->Return(ids); });
}

void PullSession::Return(const std::vector<delivery::DeliveryId>& ids) {
  if (!member_ || ids.empty()) return;
  std::vector<delivery::Settlement> settlements;
  for (const delivery::DeliveryId id : ids) {
    settlements.push_back({.kind = delivery::SettleKind::kReturn, .id = id});
  }
  member_->Settle(std::move(settlements));
}

void PullSession::OnClosed(Error reason) { End(reason); }

void PullSession::End(const Error& reason) {
  if (over_) return;
  over_ = true;
  member_.reset();
  idle_timer_.Cancel();
  for (Waiting& waiting : waiting_) Answer(waiting, {.error = reason});
  waiting_.clear();
  parts_.on_gone();
}

void PullSession::KeepFor(Duration time) {
  keep_until_ = std::max(keep_until_, parts_.clock.Monotonic() + time + kIdle);
  if (!idle_timer_) CheckIdle();
}

void PullSession::CheckIdle() {
  const MonotonicTime now = parts_.clock.Monotonic();
  if (now >= keep_until_ && waiting_.empty()) {
    return End({ErrorCode::kUnavailable, "the consumer was idle for long; pull again"});
  }
  idle_timer_ = parts_.executor.PostAfter(std::max<Duration>(keep_until_ - now, kIdle),
                                          [weak = weak_from_this()] {
                                            if (const auto self = weak.lock()) self->CheckIdle();
                                          });
}

PullSessions::PullSessions(broker::Broker& broker, CorePool& cores, Clock& clock, Metrics& metrics)
    : broker_(broker),
      cores_(cores),
      clock_(clock),
      open_(metrics.GetGauge("postroad_http_consumers_open",
                             "Members of subscriptions that pull by HTTP.")) {}

std::shared_ptr<PullSession> PullSessions::Find(const PullKey& key) {
  std::lock_guard lock(mutex_);
  const auto found = sessions_.find(key);
  return found == sessions_.end() ? nullptr : found->second;
}

Result<std::shared_ptr<PullSession>> PullSessions::Make(
    const PullKey& key, std::shared_ptr<const auth::Principal> principal, Duration ack_deadline) {
  std::lock_guard lock(mutex_);
  if (const auto found = sessions_.find(key); found != sessions_.end()) return found->second;
  if (sessions_.size() >= kMaxSessions) {
    return Fail(ErrorCode::kResourceExhausted, "too many consumers pull at once", "", "OVERLOADED");
  }
  auto forget = [this, key] {
    std::lock_guard lock(mutex_);
    sessions_.erase(key);
    open_.Set(static_cast<double>(sessions_.size()));
  };
  auto session = std::make_shared<PullSession>(
      PullSession::Parts{broker_, clock_, cores_.Next(), std::move(forget)}, key,
      std::move(principal), ack_deadline);
  sessions_.emplace(key, session);
  open_.Set(static_cast<double>(sessions_.size()));
  return session;
}

uint64_t PullSessions::NextTicket() {
  std::lock_guard lock(mutex_);
  return ++tickets_;
}

void PullSessions::Clear() {
  std::map<PullKey, std::shared_ptr<PullSession>> sessions;
  {
    std::lock_guard lock(mutex_);
    sessions = sessions_;
  }
  std::vector<std::future<void>> left;
  for (auto& [key, session] : sessions) {
    auto promise = std::make_shared<std::promise<void>>();
    left.push_back(promise->get_future());
    session->Leave(broker::Draining(), [promise] { promise->set_value(); });
  }
  for (auto& one : left) one.wait();
}

}  // namespace postroad::gateway
