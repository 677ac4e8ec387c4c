// Completions that set an error_code and do not throw.
#ifndef POSTROAD_GATEWAY_HTTP_ASIO_ERROR_H_
#define POSTROAD_GATEWAY_HTTP_ASIO_ERROR_H_

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace postroad::gateway {

inline auto Into(boost::system::error_code& error) {
  return boost::asio::redirect_error(boost::asio::use_awaitable, error);
}

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_ASIO_ERROR_H_
