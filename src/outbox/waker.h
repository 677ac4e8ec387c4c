// How a relay's thread waits and is told to stop while it does.
#ifndef POSTROAD_OUTBOX_WAKER_H_
#define POSTROAD_OUTBOX_WAKER_H_

#include <atomic>
#include <chrono>

#include "core/time.h"

namespace postroad::outbox {

// One thread waits; any may stop it.
class Waker {
 public:
  Waker();
  ~Waker();
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  // Ends the wait that is under way, and every later one; those for an answer (Await) once `grace`
  // is over, so that what was begun can be ended in order. The first call counts.
  void Stop(Duration grace = {});
  bool stopped() const { return end_.load() != Time::max(); }
  // Stopped, and the grace is over, too.
  bool over() const { return left() == Duration{}; }
  // Of the grace; more than any wait where it is not stopped.
  Duration left() const;

  // Waits until `fd` has one of `events` (as in poll), the time is over, or Stop. Whether `fd` is
  // ready. Without a file (-1) it only waits.
  bool Wait(int fd, short events, Duration at_most);
  void Wait(Duration at_most) { (void)Wait(-1, 0, at_most); }
  // The same for the answer to what was asked: Stop ends it when its grace is over.
  bool Await(int fd, short events, Duration at_most);

 private:
  using Time = std::chrono::steady_clock::time_point;

  std::atomic<Time> end_ = Time::max();  // of the grace, once it is stopped
  int event_ = -1;
};

}  // namespace postroad::outbox

#endif  // POSTROAD_OUTBOX_WAKER_H_
