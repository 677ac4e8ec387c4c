// See proxy.h.
#include "client/proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>
#include <vector>

namespace postroad::testing {
namespace {

sockaddr_in Parse(const std::string& address) {
  sockaddr_in to = {.sin_family = AF_INET};
  const size_t colon = address.rfind(':');
  to.sin_port = htons(static_cast<uint16_t>(std::atoi(address.c_str() + colon + 1)));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  return to;
}

// Small messages go on at once, as they came.
void NoDelay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void Close(int fd, bool reset) {
  if (reset) {
    const linger hard = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  }
  close(fd);
}

}  // namespace

Proxy::Proxy(std::string target) : target_(std::move(target)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in any = Parse("127.0.0.1:0");
  socklen_t size = sizeof any;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&any), size) != 0 || listen(listener_, 64) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&any), &size) != 0 ||
      pipe2(wake_, O_CLOEXEC) != 0) {
    std::abort();
  }
  address_ = "127.0.0.1:" + std::to_string(ntohs(any.sin_port));
  thread_ = std::thread([this] { Run(); });
}

Proxy::~Proxy() {
  stop_ = true;
  (void)!write(wake_[1], "x", 1);
  thread_.join();
  EndAll(true);
  for (const int fd : {listener_, wake_[0], wake_[1]}) close(fd);
}

void Proxy::Retarget(std::string target) {
  std::lock_guard lock(mutex_);
  target_ = std::move(target);
}

void Proxy::Reset() { EndAll(true); }
void Proxy::Finish() { EndAll(false); }

void Proxy::BlackHole() {
  std::lock_guard lock(mutex_);
  for (Link& link : links_) link.dead = true;
  (void)!write(wake_[1], "x", 1);
}

void Proxy::EndAll(bool reset) {
  std::lock_guard lock(mutex_);
  for (const Link& link : links_) {
    Close(link.client, reset);
    Close(link.server, reset);
  }
  links_.clear();
  (void)!write(wake_[1], "x", 1);
}

void Proxy::Run() {
  while (!stop_) {
    std::vector<pollfd> polled = {{listener_, POLLIN, 0}, {wake_[0], POLLIN, 0}};
    {
      std::lock_guard lock(mutex_);
      for (const Link& link : links_) {
        if (link.dead) continue;
        polled.push_back({link.client, POLLIN, 0});
        polled.push_back({link.server, POLLIN, 0});
      }
    }
    poll(polled.data(), polled.size(), -1);
    char dropped[64];
    if (polled[1].revents) (void)!read(wake_[0], dropped, sizeof dropped);
    if (polled[0].revents) Accept();
    std::lock_guard lock(mutex_);
    for (auto link = links_.begin(); link != links_.end();) {
      if (!link->dead &&
          !(Forward(link->client, link->server) && Forward(link->server, link->client))) {
        Close(link->client, false);
        Close(link->server, false);
        link = links_.erase(link);
      } else {
        ++link;
      }
    }
  }
}

void Proxy::Accept() {
  const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  ++accepted_;
  std::lock_guard lock(mutex_);
  const sockaddr_in to = Parse(target_);
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(server, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    Close(client, true);
    close(server);
    return;
  }
  NoDelay(client);
  NoDelay(server);
  links_.push_back({client, server});
}

// Moves what there is to read; false once the connection has ended.
bool Proxy::Forward(int from, int to) {
  char buffer[65536];
  const ssize_t got = recv(from, buffer, sizeof buffer, MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  if (got == 0) return false;
  for (ssize_t sent = 0; sent < got;) {
    const ssize_t n = send(to, buffer + sent, static_cast<size_t>(got - sent), MSG_NOSIGNAL);
    if (n <= 0) return false;
    sent += n;
  }
  return true;
}

}  // namespace postroad::testing
