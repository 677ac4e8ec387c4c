// See waker.h.
#include "outbox/waker.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

namespace postroad::outbox {
namespace {

// Until one of the two is ready (-1: none) or the time is over; whether `fd` is.
bool Poll(int stop, int fd, short events, Duration at_most) {
  pollfd waits[] = {{.fd = stop, .events = POLLIN, .revents = 0},
                    {.fd = fd, .events = events, .revents = 0}};
  const auto left = std::max(at_most, Duration{}).count();
  const timespec time = {.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
  return ppoll(waits, 2, &time, nullptr) > 0 && waits[1].revents != 0;
}

}  // namespace

Waker::Waker() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
Waker::~Waker() { close(event_); }

void Waker::Stop(Duration grace) {
  Time never = Time::max();
  if (!end_.compare_exchange_strong(never, std::chrono::steady_clock::now() + grace)) return;
  eventfd_write(event_, 1);  // stays readable
}

Duration Waker::left() const {
  const Time end = end_;
  if (end == Time::max()) return Duration::max();
  return std::max<Duration>(end - std::chrono::steady_clock::now(), Duration{});
}

bool Waker::Wait(int fd, short events, Duration at_most) {
  if (stopped()) return false;
  return Poll(event_, fd, events, at_most) && !stopped();
}

bool Waker::Await(int fd, short events, Duration at_most) {
  const auto begin = std::chrono::steady_clock::now();
  while (!over()) {
    const bool stopping = stopped();
    const Duration rest = at_most - (std::chrono::steady_clock::now() - begin);
    if (Poll(stopping ? -1 : event_, fd, events, std::min(rest, left()))) return true;
    if (stopping == stopped()) return false;
  }
  return false;
}

}  // namespace postroad::outbox
