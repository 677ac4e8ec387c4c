// See server.h.
#include "rsocket/transport/server.h"

#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <condition_variable>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "rsocket/transport/connection.h"
#include "rsocket/transport/move_socket.h"
#include "rsocket/transport/resume_registry.h"
#include "runtime/asio_adopt.h"
#include "runtime/asio_executor.h"
#include "runtime/asio_socket.h"
#include "runtime/listener.h"

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

// The connections of one core, touched there only.
struct CoreConnections {
  std::unordered_set<std::shared_ptr<Connection>> open;
  // Sessions whose connection is lost, by token, and those that can be resumed by connection.
  struct Waiting {
    std::shared_ptr<Session> session;
    Executor::Timer timer;
  };
  std::unordered_map<std::string, Waiting> waiting;
};

class ServerImpl final : public Server {
 public:
  ServerImpl(ServerOptions options, CorePool& cores, Clock& clock, Metrics& metrics,
             HandlerFactory handlers)
      : options_(std::move(options)),
        cores_(cores),
        clock_(clock),
        handlers_(std::move(handlers)),
        tls_(options_.tls),
        connections_(cores.size()),
        open_gauge_(metrics.GetGauge("postroad_rsocket_connections_open", "RSocket connections.")),
        refused_(metrics.GetCounter(
            "postroad_rsocket_connections_refused_total",
            "RSocket connections closed as they came: too many, files run out, or no "
            "handshake.")) {}
  ~ServerImpl() override { Stop(); }

  Status Listen();
  uint16_t port() const override { return listener_ ? listener_->port() : 0; }
  size_t connections() const override { return open_; }
  void TakeWebSocket(Socket&& socket, const WebSocketRequest& request, std::string received,
                     std::string peer, size_t core) override;
  void Drain(const std::string& reason) override;
  void Stop() override;

 private:
  bool Take(int fd);
  void Handshake(Socket socket, std::string peer, size_t core);
  void Open(Socket socket, std::unique_ptr<Wire> wire, const PeerInfo& peer, std::string greeting,
            std::string received);
  std::unique_ptr<Wire> MakeWire(bool websocket) const {
    const size_t most = options_.session.max_frame_bytes;
    return websocket ? WebSocketWire(most, false) : TcpWire(most);
  }
  std::shared_ptr<Connection> Make(Socket socket, std::unique_ptr<Wire> wire, size_t core);
  // The first frame of a connection: SETUP, RESUME or nonsense. False: the session that is to be
  // resumed lives on another core.
  bool FirstFrame(Connection& connection, size_t core, std::string_view frame);
  void Begin(Connection& connection, size_t core, std::string_view frame);
  void Resume(Connection& connection, size_t core, const ResumeFrame& resume);
  void Suspended(std::shared_ptr<Session> session, size_t core);
  void TickWaiting(const std::string& token, size_t core);
  // Runs `task` for each core, there; Stop waits for it.
  void OnEachCore(std::function<void(size_t)> task);
  void Began();
  void Ended();

  const ServerOptions options_;
  CorePool& cores_;
  Clock& clock_;
  const HandlerFactory handlers_;
  // On the first core only.
  TlsContexts tls_;
  size_t next_core_ = 0;

  std::vector<CoreConnections> connections_;
  ResumeRegistry resumable_;
  std::atomic<uint32_t> open_ = 0;
  std::atomic<bool> closed_ = false;  // takes no more
  Gauge& open_gauge_;
  Counter& refused_;
  // What runs: connections, and tasks of Stop and Drain.
  std::mutex mutex_;
  std::condition_variable idle_;
  size_t running_ = 0;
  bool stopped_ = false;
  std::unique_ptr<Listener> listener_;
};

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
  auto answer = AnswerHandshake(request, options_.origins);
  if (!answer || closed_ || open_ >= options_.max_connections) {
    refused_.Add();
    const std::string text =
        answer
            ? "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            : answer.error();
    // A few bytes to a fresh socket do not block; TLS has to be asked in its own way.
    auto shared = std::make_shared<std::pair<Socket, std::string>>(std::move(socket), text);
    return asio::async_write(shared->first, asio::buffer(shared->second),
                             [shared](error_code, size_t) {});
  }
  const PeerInfo info{std::move(peer), "websocket", &request, core};
  Open(std::move(socket), MakeWire(true), info, *std::move(answer), std::move(received));
}

std::shared_ptr<Connection> ServerImpl::Make(Socket socket, std::unique_ptr<Wire> wire,
                                             size_t core) {
  ++open_;
  open_gauge_.Add(1);
  Began();
  const ConnectionOptions options{.write_timeout = options_.write_timeout};
  auto connection = std::make_shared<Connection>(options, cores_.at(core), clock_,
                                                 std::move(socket), std::move(wire), nullptr);
  connection->SetGone([this, core, weak = std::weak_ptr(connection)] {
    connections_[core].open.erase(weak.lock());
    --open_;
    open_gauge_.Add(-1);
    Ended();
  });
  connection->SetSuspended(
      [this, core](std::shared_ptr<Session> session) { Suspended(std::move(session), core); });
  connections_[core].open.insert(connection);
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

bool ServerImpl::FirstFrame(Connection& connection, size_t core, std::string_view frame) {
  const auto decoded = DecodeFrame(frame);
  const auto* resume = decoded ? std::get_if<ResumeFrame>(&*decoded) : nullptr;
  if (resume == nullptr) {
    Begin(connection, core, frame);
    return true;
  }
  const std::string token(resume->token);
  const size_t home = resumable_.CoreOf(token).value_or(core);
  if (home == core) {
    Resume(connection, core, *resume);
    return true;
  }
  Began();
  connection.SetMoved([this, home, frame = std::string(frame), websocket = connection.websocket()](
                          Socket socket, std::string unsent, std::string rest) {
    // Asio's sockets belong to one io_context; what is under them does not.
    auto package = std::make_shared<Socket>(MoveSocket(std::move(socket), cores_.core(home).io));
    asio::post(cores_.core(home).io, [this, home, package, websocket, frame, unsent, rest] {
      if (!closed_) {
        const auto moved = Make(std::move(*package), MakeWire(websocket), home);
        const auto decoded = DecodeFrame(frame);
        Resume(*moved, home, std::get<ResumeFrame>(*decoded));
        moved->Start(unsent, rest);
      }
      Ended();
    });
  });
  return false;
}

// SETUP, or what is refused as such.
void ServerImpl::Begin(Connection& connection, size_t core, std::string_view frame) {
  const std::shared_ptr<Session> session = connection.session();
  session->Receive(frame);
  if (!session->established() || session->ended() || !session->setup().resume_token) return;
  if (resumable_.Add(*session->setup().resume_token, session, core)) return;
  session->Close(ErrorFrameCode::kRejectedSetup,
                 "the resume token is in use: another session has it");
}

void ServerImpl::Resume(Connection& connection, size_t core, const ResumeFrame& resume) {
  const std::string token(resume.token);
  const auto session = resumable_.Find(token);
  connections_[core].waiting.erase(token);
  // The connection that it had may not know yet that it is dead.
  for (const auto& other : connections_[core].open) {
    if (session && other->session() == session) {
      other->Drop();
      break;
    }
  }
  if (session && session->Resume(resume, connection)) return connection.SetSession(session);
  // Anew, to be told why not.
  auto refused =
      Session::Accept(options_.session, clock_, connection, std::make_unique<SessionHandler>());
  std::string why =
      "there is no session with this token: it has ended, or was another server's; "
      "connect anew";
  if (session) why = session->end_reason().message;
  resumable_.Remove(token);
  connection.SetSession(refused);
  refused->Close(ErrorFrameCode::kRejectedResume, why);
}

void ServerImpl::Suspended(std::shared_ptr<Session> session, size_t core) {
  if (closed_) return;
  const std::string token = *session->setup().resume_token;
  connections_[core].waiting[token].session = std::move(session);
  TickWaiting(token, core);
}

void ServerImpl::TickWaiting(const std::string& token, size_t core) {
  auto& waiting = connections_[core].waiting;
  const auto found = waiting.find(token);
  if (found == waiting.end()) return;
  found->second.session->Tick();
  const auto due = found->second.session->NextTick();
  if (!due) {
    resumable_.Remove(token);
    waiting.erase(found);
    return;
  }
  found->second.timer =
      cores_.at(core).PostAfter(std::max(*due - clock_.Monotonic(), Duration{}),
                                [this, token, core] { TickWaiting(token, core); });
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
    for (const auto& connection : connections_[core].open) {
      connection->Close(ErrorFrameCode::kConnectionClose, reason);
    }
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
    for (const auto& connection : connections_[core].open) connection->Drop();
  });
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return running_ == 0; });
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

}  // namespace

Result<std::unique_ptr<Server>> Server::Start(ServerOptions options, CorePool& cores, Clock& clock,
                                              Metrics& metrics, HandlerFactory handlers) {
  auto server =
      std::make_unique<ServerImpl>(std::move(options), cores, clock, metrics, std::move(handlers));
  POSTROAD_TRY(server->Listen());
  return server;
}

}  // namespace postroad::rsocket
