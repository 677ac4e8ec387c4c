// One connection: requests in, answers out, one after another (so pipelined requests are answered
// in order). A coroutine that lives on its core.
#ifndef POSTROAD_GATEWAY_HTTP_CONNECTION_H_
#define POSTROAD_GATEWAY_HTTP_CONNECTION_H_

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <cstddef>
#include <string>

#include "gateway/http/deadline.h"
#include "gateway/http/exchange.h"
#include "gateway/http/http_gateway.h"
#include "runtime/asio_socket.h"

namespace postroad::gateway {

class Connection {
 public:
  Connection(HttpGateway& gateway, size_t core, Socket socket);
  Connection(const Connection&) = delete;

  // Serves until the connection ends.
  boost::asio::awaitable<void> Run();
  // What it waits for a request for is closed; a request under way is the last.
  void Drain();
  // A request that waits for something ends soon.
  void StopWaiting();
  // Ends it at once.
  void Close();

 private:
  template <typename T = void>
  using Awaitable = boost::asio::awaitable<T>;
  using HeaderParser = Exchange::HeaderParser;

  Awaitable<bool> Handshake();
  // One request and its answer; whether another may come.
  Awaitable<bool> ServeOne();
  Awaitable<bool> WaitForRequest();
  bool UpgradeTo(HeaderParser& parser);
  // With what was found wrong with its head.
  Awaitable<> Answer(Exchange& exchange, Status status);
  Awaitable<> Refuse(Exchange& exchange, boost::system::error_code error);
  Awaitable<> Shutdown();

  HttpGateway& gateway_;
  const HttpOptions& options_;
  const size_t core_;
  Socket socket_;
  const std::string peer_;
  Deadline deadline_;
  // Beast reads a header, a chunk's header or the trailer as one piece, however long; and it throws
  // where one field has 64 KiB.
  boost::beast::flat_buffer buffer_{kMaxHeaderBytes + (2 << 10)};
  Exchange* exchange_ = nullptr;  // of the request under way
  bool closed_ = false;
};

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_CONNECTION_H_
