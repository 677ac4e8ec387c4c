// See http_server.h. A coroutine serves each connection, on its core.
#include "gateway/http/http_server.h"

#include <sys/socket.h>

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <list>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/http/connection.h"
#include "runtime/asio_adopt.h"
#include "runtime/asio_executor.h"
#include "runtime/asio_socket.h"
#include "runtime/listener.h"
#include "runtime/log.h"

namespace postroad::gateway {
namespace {

namespace asio = boost::asio;

// As far as the socket takes it at once: a connection too many is to cost nothing.
constexpr std::string_view kFull =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n"
    "Content-Type: application/problem+json\r\nContent-Length: 186\r\n\r\n"
    R"({"type":"urn:postroad:error:TOO_MANY_CONNECTIONS","title":"Service Unavailable","status":503,)"
    R"("detail":"too many connections","code":"RESOURCE_EXHAUSTED","reason":"TOO_MANY_CONNECTIONS"})"
    "\n";

// The connections of one core, touched there only.
struct CoreConnections {
  std::list<Connection*> open;
};

// A connection in its core's list, while it lives.
class Listed {
 public:
  Listed(CoreConnections& core, Connection& connection)
      : all_(core.open), at_(all_.insert(all_.end(), &connection)) {}
  Listed(const Listed&) = delete;
  ~Listed() { all_.erase(at_); }

 private:
  std::list<Connection*>& all_;
  const std::list<Connection*>::iterator at_;
};

// One of those open, while it lives: taken where it is accepted.
class Place {
 public:
  Place(std::atomic<uint32_t>& open, Gauge& gauge) : open_(&open), gauge_(gauge) {
    ++*open_;
    gauge_.Add(1);
  }
  Place(Place&& other) noexcept
      : open_(std::exchange(other.open_, nullptr)), gauge_(other.gauge_) {}
  ~Place() {
    if (open_ == nullptr) return;
    gauge_.Add(-1);
    --*open_;
  }

 private:
  std::atomic<uint32_t>* open_;
  Gauge& gauge_;
};

class Server final : public HttpServer {
 public:
  Server(HttpOptions options, const HttpParts& parts)
      : gateway_(std::move(options), parts),
        options_(gateway_.options),
        cores_(parts.cores),
        tls_(options_.tls),
        connections_(cores_.size()),
        open_gauge_(parts.metrics.GetGauge("postroad_http_connections_open",
                                           "HTTP connections, upgraded ones aside.")),
        refused_(parts.metrics.GetCounter(
            "postroad_http_connections_refused_total",
            "HTTP connections closed as they came: too many, or files run out.")) {}
  ~Server() override { Stop({}); }

  Status Listen() {
    POSTROAD_ASSIGN(listener_, Listener::Tcp(options_.host, options_.port,
                                             {.name = "http", .into_reserve = true}));
    listener_->Start(cores_, refused_, [this](int fd) { return Take(fd); });
    return {};
  }

  uint16_t port() const override { return listener_->port(); }

  void StartDrain() override {
    gateway_.draining = true;
    ForEachConnection(&Connection::Drain);
  }

  void Stop(Duration deadline) override {
    if (stop_asked_.exchange(true)) return;
    gateway_.draining = true;
    if (listener_) listener_->Stop();
    ForEachConnection(&Connection::Drain);
    ForEachConnection(&Connection::StopWaiting);
    gateway_.pull_sessions.Clear();
    std::unique_lock lock(mutex_);
    if (idle_.wait_for(lock, deadline, [this] { return running_ == 0; })) return;
    lock.unlock();
    ForEachConnection(&Connection::Close);
    lock.lock();
    idle_.wait(lock, [this] { return running_ == 0; });
  }

 private:
  // Later, on each core.
  void ForEachConnection(void (Connection::*what)()) {
    for (size_t i = 0; i < cores_.size(); ++i) {
      {
        std::lock_guard lock(mutex_);
        ++running_;
      }
      asio::post(cores_.core(i).io, [this, i, what] {
        for (Connection* connection : connections_[i].open) (connection->*what)();
        Ended();
      });
    }
  }

  // Every coroutine is counted, and Stop waits for them all.
  void Spawn(asio::io_context& io, asio::awaitable<void> work) {
    {
      std::lock_guard lock(mutex_);
      ++running_;
    }
    asio::co_spawn(io, std::move(work), [this](std::exception_ptr thrown) {
      if (thrown) LogBug(thrown);
      Ended();
    });
  }
  void Ended() {
    std::lock_guard lock(mutex_);
    --running_;
    idle_.notify_all();
  }

  static void LogBug(const std::exception_ptr& thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& what) {
      LogError("http: a connection ended by a bug", {{"what", what.what()}});
    } catch (...) {
      LogError("http: a connection ended by a bug");
    }
  }

  bool Take(int fd) {
    if (open_ >= options_.max_connections) {
      TellFull(fd);
      return false;
    }
    const size_t core = std::exchange(next_core_, (next_core_ + 1) % cores_.size());
    asio::io_context& io = cores_.core(core).io;
    Spawn(io, Serve(MakeSocket(AdoptTcp(io, fd)), core, Place(open_, open_gauge_)));
    return true;
  }

  void TellFull(int fd) const {
    if (options_.tls) return;
    (void)!send(fd, kFull.data(), kFull.size(), MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
  }

  Socket MakeSocket(TcpSocket socket) {
    if (!options_.tls) return Socket(std::move(socket));
    return Socket(std::move(socket), tls_.Current());
  }

  asio::awaitable<void> Serve(Socket socket, size_t core, Place) {
    Connection connection(gateway_, core, std::move(socket));
    const Listed listed(connections_[core], connection);
    if (!stop_asked_) co_await connection.Run();
  }

  HttpGateway gateway_;
  const HttpOptions& options_;
  CorePool& cores_;
  // On the first core only.
  TlsContexts tls_;
  size_t next_core_ = 0;
  std::vector<CoreConnections> connections_;
  std::atomic<uint32_t> open_ = 0;
  Gauge& open_gauge_;
  Counter& refused_;
  // What runs: coroutines, and Stop's own tasks.
  std::mutex mutex_;
  std::condition_variable idle_;
  size_t running_ = 0;
  std::atomic<bool> stop_asked_ = false;
  std::unique_ptr<Listener> listener_;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::Start(HttpOptions options, const HttpParts& parts) {
  auto server = std::make_unique<Server>(std::move(options), parts);
  POSTROAD_TRY(server->Listen());
  return server;
}

}  // namespace postroad::gateway
