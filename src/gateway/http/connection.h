// One connection: requests in, answers out, one after another (so pipelined requests are answered
// in order). A coroutine that lives on its core.
#ifndef POSTROAD_GATEWAY_HTTP_CONNECTION_H_
#define POSTROAD_GATEWAY_HTTP_CONNECTION_H_

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cstddef>
#include <string>

#include "gateway/http/deadline.h"
#include "gateway/http/http_server.h"
#include "runtime/asio_socket.h"
#include "runtime/executor.h"

namespace postroad::gateway {

class Connection {
 public:
  struct Place {
    Executor& executor;  // of this core
    size_t core = 0;
  };
  Connection(const HttpOptions& options, Place place, Socket socket);
  Connection(const Connection&) = delete;

  // Serves until the connection ends.
  boost::asio::awaitable<void> Run();
  // Ends what it is doing, and Run soon.
  void Close();

 private:
  template <typename T = void>
  using Awaitable = boost::asio::awaitable<T>;
  using HeaderParser = boost::beast::http::request_parser<boost::beast::http::empty_body>;
  using Head = boost::beast::http::request<boost::beast::http::empty_body>;
  using Response = boost::beast::http::response<boost::beast::http::string_body>;

  Awaitable<bool> Handshake();
  // One request and its answer; whether another may come.
  Awaitable<bool> ServeOne();
  Awaitable<bool> WaitForRequest();
  bool UpgradeTo(HeaderParser& parser);
  Awaitable<bool> Answer(const Head& head);
  Awaitable<bool> Refuse(boost::system::error_code error);
  Awaitable<bool> Send(Response response);
  Awaitable<> Shutdown();

  const HttpOptions& options_;
  const Place place_;
  Socket socket_;
  std::string peer_;
  Deadline deadline_;
  boost::beast::flat_buffer buffer_;
  bool closed_ = false;
};

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_CONNECTION_H_
