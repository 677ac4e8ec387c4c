// Calls of the broker as coroutines.
#ifndef POSTROAD_GATEWAY_HTTP_ASYNC_CALLS_H_
#define POSTROAD_GATEWAY_HTTP_ASYNC_CALLS_H_

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <type_traits>
#include <utility>

#include "core/error.h"
#include "gateway/http/exchange.h"

namespace postroad::gateway {

// Administrative calls that may be queued or running at once.
inline constexpr size_t kMaxBlockingCalls = 256;

// Runs `work` (a function object giving a Result) on the threads that may block.
// RESOURCE_EXHAUSTED reason OVERLOADED if too many do.
template <typename Work, typename R = std::invoke_result_t<Work>>
boost::asio::awaitable<R> RunBlocking(Exchange& exchange, Work work) {
  HttpGateway& gateway = exchange.gateway();
  if (gateway.blocking_calls.fetch_add(1) >= kMaxBlockingCalls) {
    gateway.blocking_calls.fetch_sub(1);
    co_return Fail(ErrorCode::kResourceExhausted,
                   "too many administrative calls at once; try again in a moment", "",
                   "OVERLOADED");
  }
  auto start = [&gateway, &here = exchange.executor()](auto handler, Work work) {
    gateway.blocking.Next().Post(
        [&gateway, &here, handler = std::move(handler), work = std::move(work)]() mutable {
          R result = work();
          gateway.blocking_calls.fetch_sub(1);
          here.Post([handler = std::move(handler), result = std::move(result)]() mutable {
            std::move(handler)(std::move(result));
          });
        });
  };
  co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(R)>(
      start, boost::asio::use_awaitable, std::move(work));
}

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_ASYNC_CALLS_H_
