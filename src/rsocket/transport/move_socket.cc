// See move_socket.h.
#include "rsocket/transport/move_socket.h"

#include <openssl/ssl.h>

#include <utility>

namespace postroad::rsocket {

Socket MoveSocket(Socket socket, boost::asio::io_context& io) {
  TcpSocket& tcp = socket.tcp();
  boost::system::error_code error;
  const auto protocol = tcp.local_endpoint(error).protocol();
  const int handle = tcp.release(error);
  TcpSocket moved(io);
  moved.assign(protocol, handle, error);
  if (socket.tls() == nullptr) return Socket(std::move(moved));
  // The session's keys move with OpenSSL's object, which the old stream lets go of.
  SSL* const ssl = socket.tls()->native_handle();
  SSL_up_ref(ssl);
  return Socket(TlsSocket(std::move(moved), ssl));
}

}  // namespace postroad::rsocket
