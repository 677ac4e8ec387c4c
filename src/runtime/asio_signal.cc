// See asio_signal.h.
#include "runtime/asio_signal.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace postroad {

void Signal::Set() {
  set_ = true;
  timer_.cancel();
}

boost::asio::awaitable<bool> Signal::WaitUntil(MonotonicTime time) {
  if (!set_) {
    boost::system::error_code ignored;
    timer_.expires_at(std::chrono::time_point_cast<std::chrono::steady_clock::duration>(time));
    co_await timer_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
  }
  co_return std::exchange(set_, false);
}

boost::asio::awaitable<void> Signal::Wait() { co_await WaitUntil(MonotonicTime::max()); }

}  // namespace postroad
