// See move_socket.h.
#include "rsocket/transport/move_socket.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <string>
#include <utility>

namespace postroad::rsocket {

namespace {

// Asio's stream reads ahead into a buffer of its own, which does not move with OpenSSL's object.
// This reads until that is empty; the beginning of a record stays in OpenSSL's object.
void ReadAll(SSL* ssl, std::string& received) {
  char buffer[4096];
  for (int size = 0; (size = SSL_read(ssl, buffer, sizeof buffer)) > 0;) {
    received.append(buffer, static_cast<size_t>(size));
  }
  ERR_clear_error();
}

}  // namespace

Socket MoveSocket(Socket socket, boost::asio::io_context& io, std::string& received) {
  TcpSocket& tcp = socket.tcp();
  boost::system::error_code error;
  const auto protocol = tcp.local_endpoint(error).protocol();
  const int handle = tcp.release(error);
  TcpSocket moved(io);
  moved.assign(protocol, handle, error);
  if (socket.tls() == nullptr) return Socket(std::move(moved));
  // The session's keys move with OpenSSL's object, which the old stream lets go of.
  SSL* const ssl = socket.tls()->native_handle();
  ReadAll(ssl, received);
  SSL_up_ref(ssl);
  return Socket(TlsSocket(std::move(moved), ssl));
}

}  // namespace postroad::rsocket
