// What a session does by the clock: keepalives both ways, timeouts, leases.
#include <algorithm>

#include "rsocket/session/session_impl.h"

namespace postroad::rsocket {
namespace {

using std::chrono::milliseconds;

// However short an interval the client asks for, it is asked no more often than this.
constexpr Duration kLeastInterval = milliseconds(250);

}  // namespace

// The connecting side sends KEEPALIVE at each interval. The accepting side asks too, when it has
// sent none for longer: clients are known that die at their lifetime without one, though data
// flows, and others that stop sending theirs.
MonotonicTime SessionImpl::KeepaliveDue() const {
  const Duration interval = milliseconds(setup_.keepalive_ms);
  if (client_) return last_keepalive_ + interval;
  const Duration half_life = milliseconds(setup_.lifetime_ms) / 2;
  return last_keepalive_ + std::min(std::max(interval * 3 / 2, kLeastInterval), half_life);
}

MonotonicTime SessionImpl::SilentUntil() const {
  const Duration lifetime = milliseconds(setup_.lifetime_ms);
  return last_heard_ + std::min<Duration>(lifetime, options_.max_lifetime);
}

std::optional<MonotonicTime> SessionImpl::NextTick() const {
  switch (state_) {
    case State::kEnded:
      return std::nullopt;
    case State::kAwaitSetup:
      return opened_ + options_.setup_timeout;
    case State::kSuspended:
      return suspended_at_ + options_.resume_window;
    case State::kAwaitResumeOk:
      return SilentUntil();
    case State::kOpen:
      break;
  }
  MonotonicTime next = std::min(SilentUntil(), KeepaliveDue());
  if (setup_.lease) next = std::min(next, granted_.expires());
  return next;
}

void SessionImpl::Tick() {
  const Scope scope(*this);
  const auto due = NextTick();
  const MonotonicTime now = clock_.Monotonic();
  if (!due || now < *due) return;
  if (state_ == State::kAwaitSetup) {
    return End({ErrorFrameCode::kInvalidSetup,
                "no SETUP came within " + FormatDuration(options_.setup_timeout), false},
               true);
  }
  if (state_ == State::kSuspended) {
    return End({ErrorFrameCode::kConnectionClose,
                "not resumed within " + FormatDuration(options_.resume_window), true},
               false);
  }
  if (now >= SilentUntil()) {
    if (!Congested()) return Silent(now - last_heard_);
    last_heard_ = now;  // we do not read from it; the transport sees whether it takes what we write
  }
  if (state_ != State::kOpen) return;
  if (now >= KeepaliveDue()) SendKeepalive();
  if (setup_.lease && now >= granted_.expires()) GrantLease();
}

// The peer may only have lost this connection: a session that can be resumed waits for that.
void SessionImpl::Silent(Duration silence) {
  std::string reason = "nothing came for " +
                       FormatDuration(std::chrono::duration_cast<milliseconds>(silence)) +
                       ", the connection is taken for dead";
  if (!resumable_) return End({ErrorFrameCode::kConnectionError, std::move(reason), false}, true);
  SessionTransport* const transport = transport_;
  Disconnected(std::move(reason));
  if (transport != nullptr) transport->OutputReady();
}

void SessionImpl::SendKeepalive() {
  last_keepalive_ = clock_.Monotonic();
  SendControl(KeepaliveFrame{true, received_position_, {}});
}

void SessionImpl::GrantLease() {
  const auto ttl = std::chrono::duration_cast<milliseconds>(options_.lease_ttl);
  granted_.Grant(options_.lease_requests, clock_.Monotonic() + ttl);
  SendControl(LeaseFrame{static_cast<uint32_t>(ttl.count()), options_.lease_requests, {}});
}

}  // namespace postroad::rsocket
