// See http_server.h. One coroutine accepts on the first core, one serves each connection on its
// own.
#include "gateway/http/http_server.h"

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <list>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/http/connection.h"
#include "runtime/asio_executor.h"
#include "runtime/log.h"

namespace postroad::gateway {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kAcceptPause = std::chrono::milliseconds(100);

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

class Server final : public HttpServer {
 public:
  Server(HttpOptions options, const HttpParts& parts)
      : gateway_(std::move(options), parts),
        options_(gateway_.options),
        cores_(parts.cores),
        io_(cores_.core(0).io),
        acceptor_(io_),
        tls_(options_.tls),
        connections_(cores_.size()),
        open_gauge_(parts.metrics.GetGauge("postroad_http_connections_open",
                                           "HTTP connections, upgraded ones aside.")),
        refused_(parts.metrics.GetCounter(
            "postroad_http_connections_refused_total",
            "Connections closed as they came, since http.max_connections were open.")) {}
  ~Server() override { Stop({}); }

  Status Listen() {
    error_code error;
    tcp::resolver resolver(io_);
    const auto found = resolver.resolve(options_.host, std::to_string(options_.port), error);
    if (!error) Bind(*found.begin(), error);
    if (error) {
      return Fail(ErrorCode::kUnavailable, "cannot listen on " + options_.host + ":" +
                                               std::to_string(options_.port) + ": " +
                                               error.message());
    }
    port_ = acceptor_.local_endpoint().port();
    Spawn(io_, Accept());
    return {};
  }

  uint16_t port() const override { return port_; }

  void StartDrain() override {
    gateway_.draining = true;
    ForEachConnection(&Connection::Drain);
  }

  void Stop(Duration deadline) override {
    if (stop_asked_.exchange(true)) return;
    gateway_.draining = true;
    asio::post(io_, [this] {
      error_code ignored;
      acceptor_.close(ignored);
    });
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

  void Bind(const tcp::endpoint& endpoint, error_code& error) {
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  }

  // Every coroutine is counted, and Stop waits for them all.
  void Spawn(asio::io_context& io, asio::awaitable<void> work) {
    {
      std::lock_guard lock(mutex_);
      ++running_;
    }
    asio::co_spawn(io, std::move(work), [this](std::exception_ptr thrown) {
      if (thrown) LogError("http: a connection ended by a bug");
      Ended();
    });
  }
  void Ended() {
    std::lock_guard lock(mutex_);
    --running_;
    idle_.notify_all();
  }

  asio::awaitable<void> Accept() {
    asio::steady_timer pause(io_);
    for (size_t next = 0;; next = (next + 1) % cores_.size()) {
      error_code error;
      tcp::socket socket = co_await acceptor_.async_accept(
          cores_.core(next).io, asio::redirect_error(asio::use_awaitable, error));
      if (stop_asked_ || error == asio::error::operation_aborted) co_return;
      if (error) {  // out of file descriptors, mostly
        LogWarn("http: cannot accept a connection", {{"error", error.message()}});
        pause.expires_after(kAcceptPause);
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
        continue;
      }
      if (open_ >= options_.max_connections) {
        refused_.Add();
        TellFull(socket);
        continue;
      }
      ++open_;
      socket.set_option(tcp::no_delay(true), error);
      Spawn(cores_.core(next).io, Serve(MakeSocket(std::move(socket)), next));
    }
  }

  void TellFull(tcp::socket& socket) const {
    if (options_.tls) return;
    error_code ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(asio::buffer(kFull), ignored);
    socket.shutdown(tcp::socket::shutdown_send, ignored);
  }

  Socket MakeSocket(tcp::socket socket) {
    if (!options_.tls) return Socket(std::move(socket));
    return Socket(std::move(socket), tls_.Current());
  }

  asio::awaitable<void> Serve(Socket socket, size_t core) {
    open_gauge_.Add(1);
    {
      Connection connection(gateway_, core, std::move(socket));
      const Listed listed(connections_[core], connection);
      if (!stop_asked_) co_await connection.Run();
    }
    open_gauge_.Add(-1);
    --open_;
  }

  HttpGateway gateway_;
  const HttpOptions& options_;
  CorePool& cores_;
  asio::io_context& io_;  // the first core's
  // On the first core only.
  tcp::acceptor acceptor_;
  TlsContexts tls_;
  uint16_t port_ = 0;
  std::vector<CoreConnections> connections_;
  std::atomic<uint32_t> open_ = 0;
  Gauge& open_gauge_;
  Counter& refused_;
  // What runs: coroutines, and Stop's own tasks.
  std::mutex mutex_;
  std::condition_variable idle_;
  size_t running_ = 0;
  std::atomic<bool> stop_asked_ = false;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::Start(HttpOptions options, const HttpParts& parts) {
  auto server = std::make_unique<Server>(std::move(options), parts);
  POSTROAD_TRY(server->Listen());
  return server;
}

}  // namespace postroad::gateway
