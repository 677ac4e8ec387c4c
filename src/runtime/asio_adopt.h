// Connections from listener.h as Asio's sockets. Include it only in .cc files.
#ifndef POSTROAD_RUNTIME_ASIO_ADOPT_H_
#define POSTROAD_RUNTIME_ASIO_ADOPT_H_

#include <boost/asio/io_context.hpp>

#include "runtime/asio_socket.h"

namespace postroad {

// Takes `fd`, for use on `io`. Where Asio cannot, the socket is not open, which its first use
// tells.
TcpSocket AdoptTcp(boost::asio::io_context& io, int fd);

}  // namespace postroad

#endif  // POSTROAD_RUNTIME_ASIO_ADOPT_H_
