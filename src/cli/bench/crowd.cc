// See crowd.h.
#include "cli/bench/crowd.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "rsocket/framing/frame.h"
#include "rsocket/framing/metadata.h"
#include "rsocket/transport/websocket_frame.h"

namespace postroad::cli::bench {
namespace {

constexpr std::chrono::minutes kPatience(1);

std::unexpected<Error> SystemError(const std::string& what) {
  return Fail(ErrorCode::kUnavailable, what + ": " + std::strerror(errno));
}

// Up to the blank line; what comes behind it is left for the counting.
Status ReadHead(int fd, std::string_view status) {
  std::string head;
  char byte = 0;
  while (!head.ends_with("\r\n\r\n")) {
    if (recv(fd, &byte, 1, 0) != 1) return SystemError("the server answered only: " + head);
    head.push_back(byte);
  }
  if (head.find(status) == std::string::npos) return Fail(ErrorCode::kUnavailable, head);
  return {};
}

void AppendMessage(const rsocket::Frame& frame, std::string& out) {
  std::string payload;
  rsocket::EncodeFrame(frame, payload);
  constexpr uint32_t kMask = 1;
  rsocket::AppendFrameHead(rsocket::Opcode::kBinary, payload.size(), kMask, out);
  rsocket::MaskBytes(kMask, payload.data(), payload.size());
  out += payload;
}

// SETUP and a stream without end.
std::string WebSocketRequest(const std::string& user) {
  std::string metadata, out;
  rsocket::AppendRoutingTag("notifications.stream", metadata);
  AppendMessage(rsocket::SetupFrame{.keepalive_ms = 60'000,
                                    .lifetime_ms = 300'000,
                                    .metadata_mime = rsocket::mime::kRouting,
                                    .data_mime = rsocket::mime::kJson,
                                    .payload = {std::nullopt, user}},
                out);
  AppendMessage(rsocket::RequestFrame{.stream = 1,
                                      .type = rsocket::FrameType::kRequestStream,
                                      .initial_n = rsocket::kMaxRequestN,
                                      .payload = {metadata, ""}},
                out);
  return out;
}

uint64_t Marks(const char* bytes, size_t size) {
  uint64_t marks = 0;
  const char* const end = bytes + size;
  while ((bytes = static_cast<const char*>(
              std::memchr(bytes, kMark, static_cast<size_t>(end - bytes)))) != nullptr) {
    ++marks;
    ++bytes;
  }
  return marks;
}

}  // namespace

Result<int> Dial(const std::string& address) {
  const size_t colon = address.rfind(':');
  sockaddr_in to = {.sin_family = AF_INET};
  to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(colon + 1))));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return SystemError("no more sockets (see ulimit -n)");
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) return fd;
  close(fd);
  return SystemError("cannot connect to " + address);
}

Status WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (written <= 0) return SystemError("cannot write");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

Crowd::~Crowd() {
  if (thread_.joinable()) {
    const uint64_t one = 1;
    (void)!write(stop_, &one, sizeof one);
    thread_.join();
  }
  for (const int fd : fds_) close(fd);
  if (epoll_ >= 0) close(epoll_);
  if (stop_ >= 0) close(stop_);
}

Status Crowd::ConnectWebSockets(const std::string& address, const std::string& user, size_t count) {
  const std::string handshake =
      "GET /rsocket HTTP/1.1\r\nHost: " + address +
      "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
  const std::string request = WebSocketRequest(user);
  for (size_t i = 0; i < count; ++i) {
    POSTROAD_ASSIGN(const int fd, Dial(address));
    Add(fd);
    POSTROAD_TRY(WriteAll(fd, handshake));
    POSTROAD_TRY(ReadHead(fd, " 101 "));
    POSTROAD_TRY(WriteAll(fd, request));
  }
  return {};
}

Status Crowd::ConnectSse(const std::string& address, const std::string& user, size_t count) {
  const std::string request =
      "GET /v1/events?format=sse&topic=user/" + user + " HTTP/1.1\r\nHost: " + address + "\r\n\r\n";
  for (size_t i = 0; i < count; ++i) {
    POSTROAD_ASSIGN(const int fd, Dial(address));
    Add(fd);
    POSTROAD_TRY(WriteAll(fd, request));
    POSTROAD_TRY(ReadHead(fd, " 200 "));
  }
  return {};
}

void Crowd::Start() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  stop_ = eventfd(0, EFD_CLOEXEC);
  epoll_event event = {.events = EPOLLIN, .data = {.fd = stop_}};
  epoll_ctl(epoll_, EPOLL_CTL_ADD, stop_, &event);
  for (const int fd : fds_) {
    event = {.events = EPOLLIN, .data = {.fd = fd}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }
  thread_ = std::thread([this] { Run(); });
}

void Crowd::Run() {
  std::vector<char> buffer(256 << 10);
  std::vector<epoll_event> events(512);
  for (;;) {
    const int ready = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
    uint64_t marks = 0;
    for (int i = 0; i < ready; ++i) {
      const int fd = events[static_cast<size_t>(i)].data.fd;
      if (fd == stop_) return;
      const ssize_t got = recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got > 0) marks += Marks(buffer.data(), static_cast<size_t>(got));
      if (got == 0) epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
    }
    seen_ += marks;
  }
}

Status Crowd::WaitFor(uint64_t marks) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (seen_ < marks) {
    if (std::chrono::steady_clock::now() > deadline) {
      return Fail(ErrorCode::kDeadlineExceeded, "only " + std::to_string(seen_) + " of " +
                                                    std::to_string(marks) + " deliveries came");
    }
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  return {};
}

Result<double> BareFanOut(size_t count, size_t size, Duration length) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at = {.sin_family = AF_INET};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t at_size = sizeof at;
  if (bind(listener, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 ||
      listen(listener, 4096) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&at), &at_size) != 0) {
    return SystemError("cannot listen");
  }
  const std::string address = "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
  Crowd crowd;
  std::vector<int> writers;
  for (size_t i = 0; i < count; ++i) {
    POSTROAD_ASSIGN(const int fd, Dial(address));
    crowd.Add(fd);
    writers.push_back(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    const int on = 1;
    setsockopt(writers.back(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  close(listener);
  crowd.Start();
  std::string message(size, 'x');
  message[0] = kMark;
  const auto start = std::chrono::steady_clock::now();
  uint64_t sent = 0;
  Status status;
  while (status && std::chrono::steady_clock::now() - start < length) {
    for (const int fd : writers) {
      if (status) status = WriteAll(fd, message);
    }
    if (status) status = crowd.WaitFor(sent += count);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  for (const int fd : writers) close(fd);
  POSTROAD_TRY(status);
  return static_cast<double>(sent) / took.count();
}

}  // namespace postroad::cli::bench
