// Makes a connection: name, TCP, TLS, WebSocket's handshake. Include it only in .cc files (Asio).
#ifndef POSTROAD_RSOCKET_TRANSPORT_DIAL_H_
#define POSTROAD_RSOCKET_TRANSPORT_DIAL_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "rsocket/transport/client.h"
#include "runtime/asio_socket.h"

namespace postroad::rsocket {

// OpenSSL's form of the options. INVALID_ARGUMENT, field tls.…, for PEM that cannot be read.
Result<std::shared_ptr<boost::asio::ssl::context>> MakeClientContext(const ClientTls& tls);

struct Dialed {
  Socket socket;
  std::string received;  // behind the handshake's answer
  bool deflate = false;  // was agreed on
};

// One attempt to connect, on the io_context's thread.
class Dialer : public std::enable_shared_from_this<Dialer> {
 public:
  // `tls` is null for plain text. `options` must outlive it.
  Dialer(const ClientOptions& options, boost::asio::io_context& io,
         std::shared_ptr<boost::asio::ssl::context> tls);

  // UNAVAILABLE, saying what failed. To be called once, of a shared Dialer.
  boost::asio::awaitable<Result<Dialed>> Dial();
  // Ends Dial soon.
  void Abort();

 private:
  boost::asio::awaitable<Status> Connect();
  boost::asio::awaitable<Status> ShakeTls();
  boost::asio::awaitable<Result<std::string>> ShakeWebSocket();
  std::unexpected<Error> Failed(const std::string& what, const std::string& why) const;

  const ClientOptions& options_;
  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::steady_timer timer_;
  std::shared_ptr<boost::asio::ssl::context> tls_;
  Socket socket_;
  bool deflate_ = false;
  bool late_ = false;
  bool aborted_ = false;
};

}  // namespace postroad::rsocket

#endif  // POSTROAD_RSOCKET_TRANSPORT_DIAL_H_
