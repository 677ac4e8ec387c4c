// A connection's socket, plain or TLS, for those that own sockets. Include it only in .cc files.
#ifndef POSTROAD_RUNTIME_ASIO_SOCKET_H_
#define POSTROAD_RUNTIME_ASIO_SOCKET_H_

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <cstdint>
#include <memory>
#include <utility>
#include <variant>

#include "runtime/tls_identity.h"

namespace postroad {

using TcpSocket = boost::asio::ip::tcp::socket;
using TlsSocket = boost::asio::ssl::stream<TcpSocket>;

// An Asio AsyncStream (AsyncReadStream and AsyncWriteStream). Not thread-safe: it belongs to the
// io_context that it was made with. Movable while no operation is under way.
class Socket {
 public:
  explicit Socket(TcpSocket socket) : socket_(std::move(socket)) {}
  // Keeps `context`; the handshake is still to be done.
  Socket(TcpSocket socket, const std::shared_ptr<boost::asio::ssl::context>& context)
      : socket_(std::in_place_type<TlsSocket>, std::move(socket), *context) {}

  // One whose handshake is done.
  explicit Socket(TlsSocket socket) : socket_(std::move(socket)) {}

  using executor_type = TcpSocket::executor_type;
  executor_type get_executor() { return tcp().get_executor(); }

  TcpSocket& tcp() {
    TlsSocket* const tls_socket = tls();
    return tls_socket != nullptr ? tls_socket->next_layer() : std::get<TcpSocket>(socket_);
  }
  // Null if it is plain.
  TlsSocket* tls() { return std::get_if<TlsSocket>(&socket_); }

  template <typename Buffers, typename Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    TlsSocket* const tls_socket = tls();
    if (tls_socket == nullptr) return tcp().async_read_some(buffers, std::forward<Token>(token));
    return tls_socket->async_read_some(buffers, std::forward<Token>(token));
  }
  template <typename Buffers, typename Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    TlsSocket* const tls_socket = tls();
    if (tls_socket == nullptr) return tcp().async_write_some(buffers, std::forward<Token>(token));
    return tls_socket->async_write_some(buffers, std::forward<Token>(token));
  }

 private:
  std::variant<TcpSocket, TlsSocket> socket_;
};

// OpenSSL's form of the identity as it is now, made anew when that changes. Not thread-safe.
class TlsContexts {
 public:
  explicit TlsContexts(TlsIdentitySource source) : source_(std::move(source)) {}
  std::shared_ptr<boost::asio::ssl::context> Current();

 private:
  const TlsIdentitySource source_;
  std::shared_ptr<boost::asio::ssl::context> context_;
  uint64_t version_ = 0;
};

}  // namespace postroad

#endif  // POSTROAD_RUNTIME_ASIO_SOCKET_H_
