// See asio_adopt.h.
#include "runtime/asio_adopt.h"

#include <sys/socket.h>
#include <unistd.h>

namespace postroad {

TcpSocket AdoptTcp(boost::asio::io_context& io, int fd) {
  sockaddr_storage address = {};
  socklen_t size = sizeof address;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  using boost::asio::ip::tcp;
  TcpSocket socket(io);
  boost::system::error_code error;
  socket.assign(address.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), fd, error);
  if (error) close(fd);
  return socket;
}

}  // namespace postroad
