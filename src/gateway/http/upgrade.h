// A connection that leaves HTTP for another protocol. Include it only in .cc files (Beast).
#ifndef POSTROAD_GATEWAY_HTTP_UPGRADE_H_
#define POSTROAD_GATEWAY_HTTP_UPGRADE_H_

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <cstddef>
#include <string>

#include "runtime/asio_socket.h"

namespace postroad::gateway {

// The request has not been answered: accepting (101) or refusing it is the new owner's.
struct Upgrade {
  Socket socket;  // belongs to the io_context of CorePool::core(core)
  boost::beast::http::request<boost::beast::http::empty_body> request;
  std::string rest;  // what was read beyond the request
  std::string peer;  // the remote address
  size_t core = 0;
};

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_UPGRADE_H_
