// The server's insides, shared by its .cc files. Include it only in .cc files (Asio).
#ifndef POSTROAD_RSOCKET_TRANSPORT_SERVER_IMPL_H_
#define POSTROAD_RSOCKET_TRANSPORT_SERVER_IMPL_H_

#include <atomic>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "rsocket/transport/connection.h"
#include "rsocket/transport/resume_registry.h"
#include "rsocket/transport/server.h"
#include "runtime/asio_executor.h"
#include "runtime/asio_socket.h"
#include "runtime/listener.h"

namespace postroad::rsocket {

// A set whose looking through all of is counted: what one connection does must not take longer the
// more others there are.
class OpenConnections {
 public:
  void Insert(std::shared_ptr<Connection> one) { all_.insert(std::move(one)); }
  void Erase(const std::shared_ptr<Connection>& one) { all_.erase(one); }
  template <typename F>
  void ForEach(F&& f) {
    visited_.fetch_add(all_.size(), std::memory_order_relaxed);
    for (const auto& one : all_) f(*one);
  }
  size_t visited() const { return visited_.load(std::memory_order_relaxed); }

 private:
  std::unordered_set<std::shared_ptr<Connection>> all_;
  std::atomic<size_t> visited_ = 0;
};

// The connections of one core, touched there only.
struct CoreConnections {
  OpenConnections open;
  // Sessions whose connection is lost, by token.
  struct Waiting {
    std::shared_ptr<Session> session;
    Executor::Timer timer;
    std::list<std::string>::iterator at;  // in oldest_first
  };
  std::unordered_map<std::string, Waiting> waiting;
  std::list<std::string> oldest_first;  // their tokens
};

class ServerImpl final : public Server {
 public:
  ServerImpl(ServerOptions options, CorePool& cores, Clock& clock, Metrics& metrics,
             HandlerFactory handlers)
      : options_(WithBudget(std::move(options), metrics)),
        cores_(cores),
        clock_(clock),
        handlers_(std::move(handlers)),
        tls_(options_.tls),
        connections_(cores.size()),
        open_gauge_(metrics.GetGauge("postroad_rsocket_connections_open", "RSocket connections.")),
        refused_(metrics.GetCounter(
            "postroad_rsocket_connections_refused_total",
            "RSocket connections closed as they came: too many, files run out, or no "
            "handshake.")),
        resumes_refused_(metrics.GetCounter("postroad_rsocket_resumes_refused_total",
                                            "RESUMEs answered with REJECTED_RESUME.")),
        incomplete_shown_(ShowIncomplete(metrics)) {}
  ~ServerImpl() override { Stop(); }

  Status Listen();
  uint16_t port() const override { return listener_ ? listener_->port() : 0; }
  size_t connections() const override { return open_; }
  void TakeWebSocket(Socket&& socket, const WebSocketRequest& request, std::string received,
                     std::string peer, size_t core) override;
  void Drain(const std::string& reason) override;
  void Stop() override;
  // How many connections were looked at on behalf of others. Thread-safe.
  size_t visited() const;

 private:
  bool Take(int fd);
  void Handshake(Socket socket, std::string peer, size_t core);
  void Open(Socket socket, std::unique_ptr<Wire> wire, const PeerInfo& peer, std::string greeting,
            std::string received);
  std::unique_ptr<Wire> MakeWire(bool websocket, bool deflate = false) const {
    const size_t most = options_.session.max_frame_bytes;
    return websocket ? WebSocketWire(most, false, deflate) : TcpWire(most);
  }
  std::shared_ptr<Connection> Make(Socket socket, std::unique_ptr<Wire> wire, size_t core);
  // --- server_resume.cc ---
  // The first frame of a connection: SETUP, RESUME or nonsense. False: the session that is to be
  // resumed lives on another core.
  bool FirstFrame(Connection& connection, size_t core, std::string_view frame);
  void Begin(Connection& connection, size_t core, std::string_view frame);
  void Resume(Connection& connection, size_t core, const ResumeFrame& resume,
              const std::string& claim);
  void RefuseResume(Connection& connection, const std::string& why);
  void Suspended(std::shared_ptr<Session> session, size_t core);
  void TickWaiting(const std::string& token, size_t core);
  // No longer waits, because it was resumed or has ended.
  void StopWaiting(const std::string& token, size_t core);

  // Runs `task` for each core, there; Stop waits for it.
  void OnEachCore(std::function<void(size_t)> task);
  void Began();
  void Ended();

  static ServerOptions WithBudget(ServerOptions options, Metrics& metrics);
  Metrics::Registration ShowIncomplete(Metrics& metrics) const;

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
  Counter& resumes_refused_;
  // What runs: connections, and tasks of Stop and Drain.
  std::mutex mutex_;
  std::condition_variable idle_;
  size_t running_ = 0;
  bool stopped_ = false;
  std::unique_ptr<Listener> listener_;
  const Metrics::Registration incomplete_shown_;
};

}  // namespace postroad::rsocket

#endif  // POSTROAD_RSOCKET_TRANSPORT_SERVER_IMPL_H_
