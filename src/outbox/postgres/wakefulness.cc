// See wakefulness.h.
#include "outbox/postgres/wakefulness.h"

#include <algorithm>

#include "outbox/postgres/ddl.h"

namespace postroad::outbox::postgres {
namespace {

using std::chrono::milliseconds;

// How often a relay looks that is awake.
constexpr Duration kLookInterval = milliseconds(2);
// Over how long rows are counted, and how many make it awake (300/s), and keep it so (150/s): more
// often it would look for them if each was notified. A single large transaction is one find.
constexpr Duration kWindow = milliseconds(40);
constexpr size_t kWakingRows = 12, kWakingFinds = 3, kKeepingRows = 6;
constexpr Duration kFirstSettlingWait = milliseconds(1), kLongestSettlingWait = milliseconds(50);
// Without a look for so long, it does something else.
constexpr Duration kRest = milliseconds(500);

}  // namespace

Wakefulness::Wakefulness(const std::string& table, Waker& waker)
    : key_(std::to_string(WakeKey(table))), waker_(waker) {}

void Wakefulness::Begin() {
  state_ = State::kAwake;
  silencing_ = kept_awake_ = false;
  look_ = window_ = {};
  rows_ = finds_ = 0;
}

void Wakefulness::NoteLook(size_t rows) {
  look_ = std::chrono::steady_clock::now();
  rows_ += rows;
  finds_ += rows > 0;
}

Status Wakefulness::Decide(Connection& connection) {
  const Duration elapsed = std::chrono::steady_clock::now() - window_;
  const auto fast = [&](size_t rows) {
    return rows_ * kWindow >= rows * std::max(elapsed, kWindow);
  };
  Status done;
  if (state_ != State::kAwake) {
    if (finds_ >= kWakingFinds && fast(kWakingRows))
      done = WakeUp(connection);
    else if (elapsed < kWindow)
      return {};
  } else {
    if (elapsed < kWindow) return {};
    done = fast(kKeepingRows) ? WakeUp(connection) : GoToSleep(connection);
  }
  window_ = std::chrono::steady_clock::now();
  rows_ = finds_ = 0;
  return done;
}

// The lock is given back before another relay can have it: all that are awake do so.
Status Wakefulness::WakeUp(Connection& connection) {
  kept_awake_ = false;
  if (state_ != State::kAwake) {
    POSTROAD_TRY(connection.Run("SELECT pg_advisory_unlock_shared(" + key_ + ")"));
    state_ = State::kAwake;
  }
  if (silencing_) return {};
  POSTROAD_ASSIGN(const Rows rows, connection.Run("SELECT pg_try_advisory_lock(" + key_ + ")"));
  silencing_ = rows.Flag(0, 0);
  return {};
}

Status Wakefulness::GoToSleep(Connection& connection) {
  POSTROAD_ASSIGN(const Rows held,
                  connection.Run("SELECT pg_try_advisory_lock_shared(" + key_ + ")"));
  kept_awake_ = !held.Flag(0, 0);
  if (kept_awake_) return {};
  if (silencing_) POSTROAD_TRY(connection.Run("SELECT pg_advisory_unlock(" + key_ + ")"));
  silencing_ = false;
  state_ = State::kSettling;
  settling_wait_ = kFirstSettlingWait;
  // In a statement of its own: after the lock is held.
  POSTROAD_ASSIGN(const Rows limit, connection.Run("SELECT pg_current_xact_id()"));
  limit_ = limit.Get(0, 0);
  return {};
}

// Whether all transactions have that may not notify.
Result<bool> Wakefulness::HaveEnded(Connection& connection) {
  POSTROAD_ASSIGN(
      const Rows rows,
      connection.Run("SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::xid8", {limit_}));
  return rows.Flag(0, 0);
}

Duration Wakefulness::UntilNextLook() const {
  return look_ + kLookInterval - std::chrono::steady_clock::now();
}

Status Wakefulness::Pace(Connection& connection) {
  POSTROAD_TRY(Decide(connection));
  if (state_ == State::kAwake && !kept_awake_) waker_.Wait(UntilNextLook());
  return {};
}

Result<bool> Wakefulness::Wait(Connection& connection, Duration at_most) {
  POSTROAD_TRY(Decide(connection));
  switch (state_) {
    case State::kAwake:
      // What is notified meanwhile tells nothing new, but is to be taken from the connection.
      if (!kept_awake_) waker_.Wait(std::min(at_most, UntilNextLook()));
      POSTROAD_TRY(connection.WaitForNotice(kept_awake_ ? std::min(at_most, kLongestSettlingWait)
                                                        : Duration{}));
      return true;
    case State::kSettling: {
      POSTROAD_ASSIGN(const bool ended, HaveEnded(connection));
      if (ended) {
        state_ = State::kAsleep;  // after a last look at what they wrote
      } else {
        POSTROAD_TRY(connection.WaitForNotice(std::min(at_most, settling_wait_)));
        settling_wait_ = std::min(2 * settling_wait_, kLongestSettlingWait);
      }
      return true;
    }
    case State::kAsleep:
      break;
  }
  return connection.WaitForNotice(at_most);
}

Status Wakefulness::Rest(Connection& connection) {
  if (state_ != State::kAwake || std::chrono::steady_clock::now() - look_ < kRest) return {};
  return GoToSleep(connection);
}

}  // namespace postroad::outbox::postgres
