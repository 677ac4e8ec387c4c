// How a relay's thread waits and is told to stop while it does.
#ifndef POSTROAD_OUTBOX_WAKER_H_
#define POSTROAD_OUTBOX_WAKER_H_

#include <atomic>

#include "core/time.h"

namespace postroad::outbox {

// One thread waits; any may stop it.
class Waker {
 public:
  Waker();
  ~Waker();
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  // Ends the wait that is under way, and every later one.
  void Stop();
  bool stopped() const { return stopped_; }

  // Waits until `fd` has one of `events` (as in poll), the time is over, or Stop. Whether `fd` is
  // ready. Without a file (-1) it only waits.
  bool Wait(int fd, short events, Duration at_most);
  void Wait(Duration at_most) { (void)Wait(-1, 0, at_most); }

 private:
  std::atomic<bool> stopped_ = false;
  int event_ = -1;
};

}  // namespace postroad::outbox

#endif  // POSTROAD_OUTBOX_WAKER_H_
