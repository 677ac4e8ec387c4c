// The connecting side: a session over TCP or WebSocket, plain or TLS.
#ifndef POSTROAD_RSOCKET_TRANSPORT_CLIENT_H_
#define POSTROAD_RSOCKET_TRANSPORT_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/time.h"
#include "rsocket/session/session.h"
#include "runtime/clock.h"
#include "runtime/executor.h"

namespace postroad::rsocket {

// How a server's certificate is verified, and what it is shown of us.
struct ClientTls {
  std::string ca_pem;           // empty: the system's authorities
  std::string server_name;      // empty: the host's
  std::string certificate_pem;  // with key_pem, for servers that ask
  std::string key_pem;
};

struct ClientOptions {
  SessionOptions session;  // resume_window 0: a lost connection is the session's end
  SetupInfo setup;         // with a resume_token, and a resume_window, it is resumed
  std::string host;
  uint16_t port = 0;
  bool websocket = false;
  std::string path = "/rsocket";                             // WebSocket
  std::vector<std::pair<std::string, std::string>> headers;  // of the handshake
  bool deflate = false;  // offers to compress WebSocket messages
  std::optional<ClientTls> tls;
  // Of one attempt: name, TCP, TLS and WebSocket's handshake.
  Duration connect_timeout = std::chrono::seconds(10);
  Duration write_timeout = std::chrono::seconds(30);  // with nothing taken by the server
  // Between attempts to resume: doubled after each, up to the longest.
  Duration resume_wait = std::chrono::milliseconds(100);
  Duration max_resume_wait = std::chrono::seconds(5);
};

// One session, which lives on one core. Thread-safe, not to be stopped or destroyed on a core.
class Client {
 public:
  // Told once, on the core: the session, whose SETUP is on its way (a refusal comes as OnClosed);
  // or why there is no connection (UNAVAILABLE, INVALID_ARGUMENT for bad PEM). The session is to be
  // kept as a weak_ptr: it belongs to the client, and ends with it.
  using Ready = std::function<void(Result<std::shared_ptr<Session>>)>;

  // Begins to connect, on that core of the pool, which must outlive it.
  static std::unique_ptr<Client> Start(ClientOptions options, CorePool& cores, size_t core,
                                       Clock& clock, std::unique_ptr<SessionHandler> handler,
                                       Ready ready);
  virtual ~Client() = default;  // stops at once
  // Ends the session with CONNECTION_CLOSE behind what waits to be sent. Does not wait.
  virtual void Close(const std::string& reason) = 0;
  // Closes everything and waits until nothing of it runs any more. Idempotent. Before the pool's.
  virtual void Stop() = 0;
};

}  // namespace postroad::rsocket

#endif  // POSTROAD_RSOCKET_TRANSPORT_CLIENT_H_
