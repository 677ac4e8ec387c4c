// See server.h.
#include "rsocket/transport/server.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "rsocket/transport/deflate.h"
#include "rsocket/transport/server_impl.h"
#include "runtime/asio_adopt.h"

namespace postroad::rsocket {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

std::string AddressOf(TcpSocket& socket) {
  error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  if (error) return {};
  return endpoint.address().to_string() + ":" + std::to_string(endpoint.port());
}

}  // namespace

Status ServerImpl::Listen() {
  if (!options_.tcp) return {};
  POSTROAD_ASSIGN(listener_, Listener::Tcp(options_.host, options_.port, {.name = "rsocket"}));
  listener_->Start(cores_, refused_, [this](int fd) { return Take(fd); });
  return {};
}

bool ServerImpl::Take(int fd) {
  if (closed_ || open_ >= options_.max_connections) return false;
  const size_t core = std::exchange(next_core_, (next_core_ + 1) % cores_.size());
  TcpSocket socket = AdoptTcp(cores_.core(core).io, fd);
  std::string peer = AddressOf(socket);
  auto shared = std::make_shared<Socket>(options_.tls ? Socket(std::move(socket), tls_.Current())
                                                      : Socket(std::move(socket)));
  Began();
  asio::post(cores_.core(core).io, [this, shared, core, peer = std::move(peer)]() mutable {
    Handshake(std::move(*shared), std::move(peer), core);
    Ended();
  });
  return true;
}

void ServerImpl::Handshake(Socket socket, std::string peer, size_t core) {
  const auto open = [this, core](Socket ready, std::string address) {
    const PeerInfo info{std::move(address), "tcp", nullptr, core};
    Open(std::move(ready), MakeWire(false), info, {}, {});
  };
  if (socket.tls() == nullptr) return open(std::move(socket), std::move(peer));
  struct Shaking {
    Socket socket;
    asio::steady_timer timer;
  };
  auto shaking = std::make_shared<Shaking>(
      Shaking{std::move(socket), asio::steady_timer(cores_.core(core).io)});
  shaking->timer.expires_after(options_.handshake_timeout);
  shaking->timer.async_wait([weak = std::weak_ptr(shaking)](error_code error) {
    const auto late = error ? nullptr : weak.lock();
    if (late) late->socket.tcp().close(error);
  });
  Began();
  shaking->socket.tls()->async_handshake(
      asio::ssl::stream_base::server,
      [this, shaking, open, peer = std::move(peer)](error_code error) mutable {
        shaking->timer.cancel();
        if (error) {
          refused_.Add();
        } else {
          open(std::move(shaking->socket), std::move(peer));
        }
        Ended();
      });
}

void ServerImpl::TakeWebSocket(Socket&& socket, const WebSocketRequest& request,
                               std::string received, std::string peer, size_t core) {
  const bool deflate =
      options_.deflate && OffersDeflate(request.Header("Sec-WebSocket-Extensions"));
  auto answer = AnswerHandshake(request, options_.origins, deflate);
  if (answer && closed_) {
    answer = std::unexpected(RefuseForNow("DRAINING: the server is going down; connect again"));
  } else if (answer && open_ >= options_.max_connections) {
    answer = std::unexpected(RefuseForNow(
        "TOO_MANY_CONNECTIONS: the server has " + std::to_string(options_.max_connections) +
        " RSocket connections, as many as it takes (rsocket.max_connections)"));
  }
  if (!answer) {
    refused_.Add();
    // A few bytes to a fresh socket do not block; TLS has to be asked in its own way.
    auto shared =
        std::make_shared<std::pair<Socket, std::string>>(std::move(socket), answer.error());
    return asio::async_write(shared->first, asio::buffer(shared->second),
                             [shared](error_code, size_t) {});
  }
  const PeerInfo info{std::move(peer), "websocket", &request, core};
  Open(std::move(socket), MakeWire(true, deflate), info, *std::move(answer), std::move(received));
}

std::shared_ptr<Connection> ServerImpl::Make(Socket socket, std::unique_ptr<Wire> wire,
                                             size_t core) {
  ++open_;
  open_gauge_.Add(1);
  Began();
  const ConnectionOptions options{.write_timeout = options_.write_timeout,
                                  .incomplete = options_.session.incomplete};
  auto connection = std::make_shared<Connection>(options, cores_.at(core), clock_,
                                                 std::move(socket), std::move(wire), nullptr);
  connection->SetGone([this, core, weak = std::weak_ptr(connection)] {
    connections_[core].open.Erase(weak.lock());
    --open_;
    open_gauge_.Add(-1);
    Ended();
  });
  connection->SetSuspended(
      [this, core](std::shared_ptr<Session> session) { Suspended(std::move(session), core); });
  connections_[core].open.Insert(connection);
  return connection;
}

void ServerImpl::Open(Socket socket, std::unique_ptr<Wire> wire, const PeerInfo& peer,
                      std::string greeting, std::string received) {
  if (closed_) return;
  const auto connection = Make(std::move(socket), std::move(wire), peer.core);
  connection->SetSession(Session::Accept(options_.session, clock_, *connection, handlers_(peer)));
  if (options_.session.resume_window > Duration{}) {
    connection->SetFirstFrame([this, raw = connection.get(), core = peer.core](auto frame) {
      return FirstFrame(*raw, core, frame);
    });
  }
  connection->Start(std::move(greeting), std::move(received));
}

ServerOptions ServerImpl::WithBudget(ServerOptions options, Metrics& metrics) {
  options.session.incomplete =
      std::make_shared<Budget>(options.max_incomplete_bytes,
                               &metrics.GetCounter("postroad_rsocket_incomplete_refused_total",
                                                   "Messages and connections refused because of "
                                                   "rsocket.max_incomplete_bytes."));
  return options;
}

Metrics::Registration ServerImpl::ShowIncomplete(Metrics& metrics) const {
  Gauge& bytes = metrics.GetGauge(
      "postroad_rsocket_incomplete_bytes",
      "Frames and messages in fragments of RSocket connections that are not whole yet.");
  return metrics.OnRender([&bytes, budget = options_.session.incomplete] {
    bytes.Set(static_cast<double>(budget->held()));
  });
}

void ServerImpl::OnEachCore(std::function<void(size_t)> task) {
  for (size_t i = 0; i < cores_.size(); ++i) {
    Began();
    asio::post(cores_.core(i).io, [this, task, i] {
      task(i);
      Ended();
    });
  }
}

void ServerImpl::Drain(const std::string& reason) {
  closed_ = true;
  if (listener_) listener_->Close();
  OnEachCore([this, reason](size_t core) {
    connections_[core].open.ForEach([&](Connection& connection) {
      connection.Close(ErrorFrameCode::kConnectionClose, reason);
    });
  });
}

void ServerImpl::Stop() {
  closed_ = true;
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(stopped_, true)) return;
  }
  if (listener_) listener_->Stop();
  OnEachCore([this](size_t core) {
    connections_[core].waiting.clear();
    connections_[core].open.ForEach([](Connection& connection) { connection.Drop(); });
  });
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return running_ == 0; });
}

size_t ServerImpl::visited() const {
  size_t all = 0;
  for (const CoreConnections& core : connections_) all += core.open.visited();
  return all;
}

void ServerImpl::Began() {
  std::lock_guard lock(mutex_);
  ++running_;
}
void ServerImpl::Ended() {
  std::lock_guard lock(mutex_);
  --running_;
  idle_.notify_all();
}

Result<std::unique_ptr<Server>> Server::Start(ServerOptions options, CorePool& cores, Clock& clock,
                                              Metrics& metrics, HandlerFactory handlers) {
  auto server =
      std::make_unique<ServerImpl>(std::move(options), cores, clock, metrics, std::move(handlers));
  POSTROAD_TRY(server->Listen());
  return server;
}

}  // namespace postroad::rsocket
