// Takes a connected socket to another core. Include it only in .cc files (Asio).
#ifndef POSTROAD_RSOCKET_TRANSPORT_MOVE_SOCKET_H_
#define POSTROAD_RSOCKET_TRANSPORT_MOVE_SOCKET_H_

#include <boost/asio/io_context.hpp>
#include <string>

#include "runtime/asio_socket.h"

namespace postroad::rsocket {

// `socket`, with no operation under way, as one of `io`. What TLS had received and not given out
// yet is appended to `received`.
Socket MoveSocket(Socket socket, boost::asio::io_context& io, std::string& received);

}  // namespace postroad::rsocket

#endif  // POSTROAD_RSOCKET_TRANSPORT_MOVE_SOCKET_H_
