// The accepting side: RSocket on a TCP port, and on WebSocket connections that an HTTP server hands
// over.
#ifndef POSTROAD_RSOCKET_TRANSPORT_SERVER_H_
#define POSTROAD_RSOCKET_TRANSPORT_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/time.h"
#include "rsocket/session/session.h"
#include "rsocket/transport/websocket_handshake.h"
#include "runtime/clock.h"
#include "runtime/executor.h"
#include "runtime/metrics.h"
#include "runtime/tls_identity.h"

namespace postroad {
class Socket;  // runtime/asio_socket.h
}

namespace postroad::rsocket {

// Where a session comes from.
struct PeerInfo {
  std::string address;
  std::string transport;              // "tcp" or "websocket"
  const WebSocketRequest* websocket;  // valid during the call; null on TCP
  size_t core = 0;                    // of the pool; the session lives there
};
// Makes the application's side of a session; called on its core.
using HandlerFactory = std::function<std::unique_ptr<SessionHandler>(const PeerInfo&)>;

struct ServerOptions {
  SessionOptions session;
  std::string host;                    // of the TCP port
  uint16_t port = 0;                   // 0: any free port
  bool tcp = true;                     // false: WebSocket only
  TlsIdentitySource tls;               // asked at each new TCP connection; empty: plain text
  std::vector<std::string> origins;    // pages that may connect; see OriginAllowed
  bool deflate = false;                // WebSocket messages are compressed where clients offer it
  uint32_t max_connections = 100'000;  // more are closed as they come
  // Of frames and of messages in fragments that are not whole yet, of all connections together.
  size_t max_incomplete_bytes = 256 << 20;
  // Sessions that wait to be resumed; of more the oldest end.
  uint32_t max_suspended = 10'000;
  Duration write_timeout = std::chrono::seconds(30);
  Duration handshake_timeout = std::chrono::seconds(10);  // of TLS
};

// Accepts on the pool's first core; each connection lives on the next core in turn, those handed
// over where they were. Thread-safe, not to be stopped or destroyed on a core.
class Server {
 public:
  // UNAVAILABLE naming the address if it cannot listen there. All must outlive the server.
  static Result<std::unique_ptr<Server>> Start(ServerOptions options, CorePool& cores, Clock& clock,
                                               Metrics& metrics, HandlerFactory handlers);
  virtual ~Server() = default;  // stops at once
  virtual uint16_t port() const = 0;
  // A request to upgrade, not answered yet; `received` is what came behind it. On core `core`, to
  // whose io_context the socket belongs.
  virtual void TakeWebSocket(Socket&& socket, const WebSocketRequest& request, std::string received,
                             std::string peer, size_t core) = 0;
  // No new connections; every session ends with CONNECTION_CLOSE and `reason`, behind what waits to
  // be sent. Does not wait.
  virtual void Drain(const std::string& reason) = 0;
  virtual size_t connections() const = 0;
  // Closes everything and waits until nothing of it runs any more. Idempotent. Before the pool's.
  virtual void Stop() = 0;
};

}  // namespace postroad::rsocket

#endif  // POSTROAD_RSOCKET_TRANSPORT_SERVER_H_
