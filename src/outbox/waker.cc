// See waker.h.
#include "outbox/waker.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

namespace postroad::outbox {

Waker::Waker() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
Waker::~Waker() { close(event_); }

void Waker::Stop() {
  stopped_ = true;
  eventfd_write(event_, 1);  // stays readable
}

bool Waker::Wait(int fd, short events, Duration at_most) {
  if (stopped_) return false;
  pollfd waits[] = {{.fd = event_, .events = POLLIN, .revents = 0},
                    {.fd = fd, .events = events, .revents = 0}};
  const auto left = std::max(at_most, Duration{}).count();
  const timespec time = {.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
  (void)ppoll(waits, fd < 0 ? 1 : 2, &time, nullptr);
  return !stopped_ && fd >= 0 && waits[1].revents != 0;
}

}  // namespace postroad::outbox
