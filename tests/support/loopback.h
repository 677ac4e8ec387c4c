// A socket to a server on this machine, for clients that send any bytes.
#ifndef POSTROAD_TESTS_SUPPORT_LOOPBACK_H_
#define POSTROAD_TESTS_SUPPORT_LOOPBACK_H_

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>

namespace postroad::testing {

// Reads give up after a minute, which only a failing test waits for.
class Loopback {
 public:
  // `receive_bytes`: of the socket's buffer; 0: the system's.
  explicit Loopback(uint16_t port, int receive_bytes = 0)
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience = {.tv_sec = 60};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (receive_bytes > 0) {
      setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    }
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  }
  ~Loopback() { Close(); }
  Loopback(const Loopback&) = delete;

  void Close() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }
  // False if the peer has closed.
  bool Send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  void FinishSending() const { shutdown(fd_, SHUT_WR); }
  // Appends what has come; false at the end.
  bool Receive(std::string& to) const {
    char buffer[16384];
    const ssize_t got = recv(fd_, buffer, sizeof buffer, 0);
    EXPECT_FALSE(got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        << "the server neither answers nor closes; so far: " << to;
    if (got > 0) to.append(buffer, static_cast<size_t>(got));
    return got > 0;
  }

 private:
  int fd_;
};

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_SUPPORT_LOOPBACK_H_
