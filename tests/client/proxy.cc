// See proxy.h.
#include "client/proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
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

void Proxy::Recycle(std::chrono::milliseconds age, bool reset) {
  std::lock_guard lock(mutex_);
  age_ = age;
  made_.reset = reset;
}

void Proxy::Slow(std::chrono::milliseconds delay, size_t bytes_per_second) {
  std::lock_guard lock(mutex_);
  made_.delay = delay;
  made_.bytes_per_second = bytes_per_second;
}

void Proxy::End(const Link& link, bool reset) {
  Close(link.up.from, reset);
  Close(link.up.to, reset);
}

void Proxy::EndAll(bool reset) {
  std::lock_guard lock(mutex_);
  for (const Link& link : links_) End(link, reset);
  links_.clear();
  (void)!write(wake_[1], "x", 1);
}

void Proxy::Run() {
  while (!stop_) {
    const bool incoming = Wait() > 0;
    if (incoming) Accept();
    const Time now = std::chrono::steady_clock::now();
    std::lock_guard lock(mutex_);
    for (auto link = links_.begin(); link != links_.end();) {
      const bool old = now >= link->end;
      if (!old && (link->dead || Serve(*link, now))) {
        ++link;
        continue;
      }
      End(*link, old && link->reset);
      link = links_.erase(link);
    }
  }
}

// Until there is something to do; positive if somebody connects.
int Proxy::Wait() {
  std::vector<pollfd> polled = {{listener_, POLLIN, 0}, {wake_[0], POLLIN, 0}};
  Time next = kNever;
  {
    std::lock_guard lock(mutex_);
    for (const Link& link : links_) {
      next = std::min(next, link.end);
      if (link.dead) continue;
      for (const Way* way : {&link.up, &link.down}) {
        if (Reads(*way)) polled.push_back({way->from, POLLIN, 0});
        if (!way->late.empty()) next = std::min(next, way->late.front().due);
      }
    }
  }
  int timeout = -1;
  if (next != kNever) {
    const auto left = next - std::chrono::steady_clock::now();
    timeout = static_cast<int>(
        std::max<int64_t>(0, std::chrono::ceil<std::chrono::milliseconds>(left).count()));
  }
  poll(polled.data(), polled.size(), timeout);
  char dropped[64];
  if (polled[1].revents) (void)!read(wake_[0], dropped, sizeof dropped);
  return polled[0].revents;
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
  Link link = made_;
  link.up = {.from = client, .to = server};
  link.down = {.from = server, .to = client};
  if (age_.count() > 0) link.end = std::chrono::steady_clock::now() + age_;
  links_.push_back(std::move(link));
}

// Moves what there is to move; false once the connection has ended.
bool Proxy::Serve(Link& link, Time now) {
  return Forward(link, link.up, now) && Forward(link, link.down, now);
}

bool Proxy::Forward(const Link& link, Way& way, Time now) {
  char buffer[16384];
  if (Reads(way)) {
    const ssize_t got = recv(way.from, buffer, sizeof buffer, MSG_DONTWAIT);
    way.ended = got == 0;
    if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return false;
    if (got > 0) {
      Time due = now + link.delay;
      if (link.bytes_per_second > 0) {
        due =
            std::max(due, way.free) +
            std::chrono::microseconds(static_cast<size_t>(got) * 1'000'000 / link.bytes_per_second);
        way.free = due;
      }
      way.late.push_back({std::string(buffer, static_cast<size_t>(got)), due});
    }
  }
  return SendDue(way, now) && !(way.ended && way.late.empty());
}

bool Proxy::SendDue(Way& way, Time now) {
  for (; !way.late.empty() && way.late.front().due <= now; way.late.pop_front()) {
    const std::string& bytes = way.late.front().bytes;
    for (size_t sent = 0; sent < bytes.size();) {
      const ssize_t n = send(way.to, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return false;
      sent += static_cast<size_t>(n);
    }
  }
  return true;
}

}  // namespace postroad::testing
