// See listener.h. The system gives a new file the lowest free number, so the number of an accepted
// connection tells how many files are open, at no cost.
#include "runtime/listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <future>
#include <mutex>
#include <utility>
#include <vector>

#include "runtime/asio_executor.h"
#include "runtime/log.h"

namespace postroad {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kPause = std::chrono::milliseconds(100);
// At once, before the core does other work.
constexpr int kAcceptsInTurn = 64;
constexpr auto kWarnEvery = std::chrono::seconds(10);
// The store holds up to 256 files open, and writes some more; of a low limit, a quarter.
constexpr rlim_t kFileReserve = 320;

rlim_t MostFiles(bool into_reserve) {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t reserve = std::min(kFileReserve, limit.rlim_cur / 4);
  return limit.rlim_cur - (into_reserve ? reserve / 2 : reserve);
}

error_code LastError() { return {errno, boost::system::system_category()}; }

// A file descriptor with its owner.
class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(File&& other) noexcept : fd_(other.Release()) {}
  File& operator=(File&&) = delete;
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

bool Set(const File& file, int level, int name, int value) {
  return setsockopt(file.get(), level, name, &value, sizeof value) == 0;
}

// Options are the listening socket's: connections inherit them.
bool SetTcpOptions(const File& file, int family, const ListenerOptions& options) {
  const auto timeout =
      std::chrono::duration_cast<std::chrono::milliseconds>(options.user_timeout).count();
  return Set(file, SOL_SOCKET, SO_REUSEADDR, 1) && Set(file, IPPROTO_TCP, TCP_NODELAY, 1) &&
         Set(file, IPPROTO_TCP, TCP_USER_TIMEOUT,
             static_cast<int>(std::min<int64_t>(timeout, 1 << 30))) &&
         (family != AF_INET6 || Set(file, IPPROTO_IPV6, IPV6_V6ONLY, 0));
}

// Endpoints are Asio's, of either kind. No file, but the error, if it cannot listen there.
template <typename Endpoint>
File Bind(const Endpoint& endpoint, const ListenerOptions& options, error_code& error) {
  const int family = endpoint.protocol().family();
  File file(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const bool listens =
      file.get() >= 0 && (family == AF_UNIX || SetTcpOptions(file, family, options)) &&
      bind(file.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0 &&
      listen(file.get(), SOMAXCONN) == 0;
  if (listens) return file;
  error = LastError();
  return File(-1);
}

uint16_t PortOf(const File& file) {
  tcp::endpoint endpoint;
  auto size = static_cast<socklen_t>(endpoint.capacity());
  getsockname(file.get(), endpoint.data(), &size);
  endpoint.resize(size);
  return endpoint.port();
}

void RemoveSocket(const std::string& path) {
  struct stat what = {};
  if (stat(path.c_str(), &what) == 0 && S_ISSOCK(what.st_mode)) unlink(path.c_str());
}

// The loops and their sockets, on their core; kept by the operations that are under way.
class Loops : public std::enable_shared_from_this<Loops> {
 public:
  Loops(CorePool& cores, Counter& refused, ListenerOptions options, Listener::Take take)
      : io_(cores.core(0).io),
        refused_(refused),
        options_(std::move(options)),
        take_(std::move(take)) {}

  asio::io_context& io() { return io_; }

  void Begin(std::vector<File> files) {
    for (File& file : files) {
      doors_.push_back(std::make_unique<Door>(asio::posix::stream_descriptor(io_, file.Release()),
                                              asio::steady_timer(io_)));
    }
    for (auto& door : doors_) Wait(*door);
  }

  void End() {
    ended_ = true;
    doors_.clear();
    take_ = nullptr;
  }

 private:
  struct Door {
    asio::posix::stream_descriptor socket;
    asio::steady_timer pause;
  };

  void Wait(Door& door) {
    door.socket.async_wait(asio::posix::stream_descriptor::wait_read,
                           [self = shared_from_this(), &door](error_code) {
                             if (!self->ended_) self->Accept(door);
                           });
  }

  void Accept(Door& door) {
    for (int i = 0; i < kAcceptsInTurn; ++i) {
      File file(
          accept4(door.socket.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (file.get() >= 0) {
        Accepted(std::move(file));
      } else if (errno == EAGAIN) {
        break;
      } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        return Pause(door);
      }  // else of that connection, which is gone
    }
    Wait(door);
  }

  void Accepted(File file) {
    const int fd = file.get();
    if (static_cast<rlim_t>(fd) >= MostFiles(options_.into_reserve)) {
      refused_.Add();
      return Warn("files run out: a connection is closed as it comes", {});
    }
    if (!take_(fd)) return refused_.Add();
    file.Release();
  }

  void Pause(Door& door) {
    Warn("cannot accept a connection", LastError());
    door.pause.expires_after(kPause);
    door.pause.async_wait([self = shared_from_this(), &door](error_code) {
      if (!self->ended_) self->Accept(door);
    });
  }

  // Not a line a connection.
  void Warn(const std::string& what, error_code error) {
    const auto now = std::chrono::steady_clock::now();
    if (now < quiet_until_) return;
    quiet_until_ = now + kWarnEvery;
    if (!error) return LogWarn(options_.name + ": " + what);
    LogWarn(options_.name + ": " + what, {{"error", error.message()}});
  }

  asio::io_context& io_;
  Counter& refused_;
  const ListenerOptions options_;
  Listener::Take take_;
  std::vector<std::unique_ptr<Door>> doors_;
  bool ended_ = false;
  std::chrono::steady_clock::time_point quiet_until_;
};

class ListenerImpl final : public Listener {
 public:
  ListenerImpl(ListenerOptions options, std::vector<File> files, uint16_t port, std::string path)
      : options_(std::move(options)),
        files_(std::move(files)),
        port_(port),
        path_(std::move(path)) {}
  ~ListenerImpl() override { ListenerImpl::Stop(); }

  uint16_t port() const override { return port_; }

  void Start(CorePool& cores, Counter& refused, Take take) override {
    loops_ = std::make_shared<Loops>(cores, refused, options_, std::move(take));
    asio::post(loops_->io(), [loops = loops_, files = std::move(files_)]() mutable {
      loops->Begin(std::move(files));
    });
  }

  void Close() override {
    std::lock_guard lock(mutex_);
    if (std::exchange(closed_, true)) return;
    if (!path_.empty()) RemoveSocket(path_);
    if (!loops_) return files_.clear();
    asio::post(loops_->io(), [loops = loops_, ended = std::move(ended_)]() mutable {
      loops->End();
      ended.set_value();
    });
  }

  void Stop() override {
    Close();
    if (loops_) has_ended_.wait();
  }

 private:
  const ListenerOptions options_;
  std::vector<File> files_;  // until Start
  const uint16_t port_;
  const std::string path_;
  std::shared_ptr<Loops> loops_;
  std::mutex mutex_;
  bool closed_ = false;
  std::promise<void> ended_;
  const std::shared_future<void> has_ended_ = ended_.get_future().share();
};

std::unexpected<Error> CannotListen(const std::string& where, const error_code& error) {
  return Fail(ErrorCode::kUnavailable, "cannot listen on " + where + ": " + error.message());
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::Tcp(const std::string& host, uint16_t port,
                                                ListenerOptions options) {
  error_code error;
  asio::io_context io;
  const auto found = tcp::resolver(io).resolve(host, std::to_string(port), error);
  const std::string where = host + ":" + std::to_string(port);
  if (error) return CannotListen(where, error);
  std::vector<File> files;
  uint16_t given = port;
  for (const auto& entry : found) {
    error_code failed;
    File file = Bind(tcp::endpoint(entry.endpoint().address(), given), options, failed);
    if (file.get() >= 0) {
      given = PortOf(file);
      files.push_back(std::move(file));
    } else if (failed == asio::error::address_in_use && port != 0) {
      return CannotListen(where, failed);  // clients would find now one server, now another
    } else {
      error = failed;
    }
  }
  if (files.empty()) return CannotListen(where, error);
  return std::make_unique<ListenerImpl>(std::move(options), std::move(files), given, "");
}

Result<std::unique_ptr<Listener>> Listener::Unix(const std::string& path, ListenerOptions options) {
  if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path)) {
    return CannotListen(path, make_error_code(boost::system::errc::filename_too_long));
  }
  RemoveSocket(path);
  error_code error;
  std::vector<File> files;
  files.push_back(Bind(asio::local::stream_protocol::endpoint(path), options, error));
  if (error) return CannotListen(path, error);
  return std::make_unique<ListenerImpl>(std::move(options), std::move(files), 0, path);
}

}  // namespace postroad
