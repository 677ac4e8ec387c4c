#include "cli/remote.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>

#include "cli/terminal.h"

namespace postroad::cli {
namespace {

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

std::string ErrnoText(int number) {
  std::string text = std::generic_category().message(number);
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

// 0, or the errno why no connection came about.
int TryConnect(int family, const sockaddr* address, socklen_t size, Duration timeout) {
  const Socket socket(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket.fd() < 0) return errno;
  if (connect(socket.fd(), address, size) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd wait{socket.fd(), POLLOUT, 0};
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count();
  if (poll(&wait, 1, static_cast<int>(std::min<int64_t>(millis, 3'600'000))) <= 0) return ETIMEDOUT;
  int error = 0;
  socklen_t error_size = sizeof error;
  getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &error_size);
  return error;
}

std::string ProbeUnix(const std::string& path, Duration timeout) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return "the socket's path is too long";
  path.copy(address.sun_path, path.size());
  const int error =
      TryConnect(AF_UNIX, reinterpret_cast<sockaddr*>(&address), sizeof address, timeout);
  return error == 0 ? "" : ErrnoText(error);
}

std::string ProbeTcp(const std::string& address, Duration timeout) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return "the address has no port";
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error =
          getaddrinfo(host.c_str(), address.substr(colon + 1).c_str(), &hints, &found)) {
    return gai_strerror(error);
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> all(found, freeaddrinfo);
  int error = ECONNREFUSED;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    error = TryConnect(each->ai_family, each->ai_addr, each->ai_addrlen, timeout);
    if (error == 0) return "";
  }
  return ErrnoText(error);
}

// Why nothing answers at the address; empty if something does.
std::string Probe(const std::string& address, Duration timeout) {
  constexpr std::string_view kUnix = "unix:";
  if (address.starts_with(kUnix)) return ProbeUnix(address.substr(kUnix.size()), timeout);
  return ProbeTcp(address, timeout);
}

Status CheckReachable(const Context& context) {
  const std::string why = Probe(context.server, context.timeout);
  if (why.empty()) return {};
  return Fail(ErrorCode::kUnavailable,
              "cannot reach " + context.server + ": " + why +
                  "; is the server running? start it with `postroad serve`, or name it with "
                  "--server or POSTROAD_SERVER");
}

ClientOptions OptionsOf(const Context& context) {
  ClientOptions options;
  options.addresses = {context.server};
  options.api_key = context.api_key;
  options.tls.enabled = context.tls || !context.ca_file.empty();
  options.tls.ca_file = context.ca_file;
  options.connect_timeout = context.timeout;
  return options;
}

}  // namespace

Result<Client> Connect(const Context& context) {
  POSTROAD_TRY(CheckReachable(context));
  return Client::Create(OptionsOf(context));
}

Result<Client> ConnectToStream(const Context& context) {
  POSTROAD_TRY(CheckReachable(context));
  ClientOptions options = OptionsOf(context);
  options.on_state = [server = context.server, was_up = false,
                      lost = false](const StateChange& change) mutable {
    if (change.state == State::kConnected) {
      if (lost) Notice("connected to " + server + " again");
      was_up = true;
      lost = false;
    } else if (change.state == State::kDisconnected && was_up && !lost) {
      lost = true;
      Notice("lost " + server + ", connecting again: " +
             (change.error.message.empty() ? "the stream ended" : change.error.message));
    }
  };
  return Client::Create(std::move(options));
}

Result<Admin> ConnectAdmin(const Context& context) {
  POSTROAD_ASSIGN(const Client client, Connect(context));
  return Admin(client, context.timeout);
}

}  // namespace postroad::cli
