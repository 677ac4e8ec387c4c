// What a coroutine waits on: set by whoever has news for it. Include it only where Asio may be.
#ifndef POSTROAD_RUNTIME_ASIO_SIGNAL_H_
#define POSTROAD_RUNTIME_ASIO_SIGNAL_H_

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "core/time.h"

namespace postroad {

// On one io_context; one waiter.
class Signal {
 public:
  explicit Signal(const boost::asio::any_io_executor& executor) : timer_(executor) {}
  Signal(const Signal&) = delete;

  void Set();
  // Until it is set (or was, since the last wait), or the time has come: false.
  boost::asio::awaitable<bool> WaitUntil(MonotonicTime time);
  boost::asio::awaitable<void> Wait();

 private:
  boost::asio::steady_timer timer_;
  bool set_ = false;
};

}  // namespace postroad

#endif  // POSTROAD_RUNTIME_ASIO_SIGNAL_H_
