// Whether a relay is woken by notifications, or looks by itself so often that writers need not
// notify: a NOTIFY costs its transaction, and those that commit beside it, more than a look.
//
// All relays of a table share an advisory lock, the table's WakeKey. A relay that counts on
// notifications holds it shared. One that looks by itself every two milliseconds does not, and if
// no other does either, one holds it exclusively: then writers, whose trigger tries it shared for
// a moment, find that all are awake, and do not notify.
//
// Nothing is missed when a relay goes to sleep: once it holds the lock shared, every writer that
// tries it notifies. One that did not had its transaction's id by then, which is less than an id
// that the relay takes afterwards: it looks by itself until no transaction with a smaller one is
// left, be it prepared or open for hours.
#ifndef POSTROAD_OUTBOX_POSTGRES_WAKEFULNESS_H_
#define POSTROAD_OUTBOX_POSTGRES_WAKEFULNESS_H_

#include <chrono>
#include <cstddef>
#include <string>

#include "core/error.h"
#include "core/time.h"
#include "outbox/postgres/connection.h"
#include "outbox/waker.h"

namespace postroad::outbox::postgres {

// Of a relay that leads, on its thread and its connection, which the caller passes.
class Wakefulness {
 public:
  Wakefulness(const std::string& table, Waker& waker);

  // On a new connection, which listens, and holds none of these locks yet.
  void Begin();
  // The table has been looked at, and so many rows were found.
  void NoteLook(size_t rows);

  // After a page that was little: while it is awake, until the next look is due.
  Status Pace(Connection& connection);
  // Until it is time to look again; asleep: until a notification. True if there may be something.
  Result<bool> Wait(Connection& connection, Duration at_most);
  // The relay is busy with other things, and may be for long: writers are to notify others.
  Status Rest(Connection& connection);

 private:
  using Time = std::chrono::steady_clock::time_point;
  enum class State {
    kAwake,     // looks by itself; does not hold the lock shared
    kSettling,  // holds it, but transactions before limit_ may not notify
    kAsleep,    // holds it, and every transaction notifies
  };

  Status Decide(Connection& connection);
  Status WakeUp(Connection& connection);
  Status GoToSleep(Connection& connection);
  Result<bool> HaveEnded(Connection& connection);
  Duration UntilNextLook() const;

  const std::string key_;
  Waker& waker_;
  State state_ = State::kAwake;
  bool silencing_ = false;       // holds the lock exclusively
  bool kept_awake_ = false;      // few rows come, but another relay silences the writers
  Time look_{}, window_{};       // the last look; since when rows are counted
  size_t rows_ = 0, finds_ = 0;  // found since, in so many looks
  std::string limit_;            // a transaction's id
  Duration settling_wait_{};
};

}  // namespace postroad::outbox::postgres

#endif  // POSTROAD_OUTBOX_POSTGRES_WAKEFULNESS_H_
