// The HTTP/1.1 server: the REST API and event streams (docs/http.md), and the pages and upgrades
// that others hang in. By Boost.Beast, which is included in this folder.
#ifndef POSTROAD_GATEWAY_HTTP_HTTP_SERVER_H_
#define POSTROAD_GATEWAY_HTTP_HTTP_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "auth/authenticator.h"
#include "broker/broker.h"
#include "core/error.h"
#include "core/time.h"
#include "gateway/http/outbox_calls.h"
#include "runtime/clock.h"
#include "runtime/executor.h"
#include "runtime/metrics.h"
#include "runtime/tls_identity.h"

namespace postroad::gateway {

// What operators ask for by GET or HEAD, without a key.
struct HttpPage {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};
// By path. Called on any core; must not block for long.
using HttpPages = std::map<std::string, std::function<HttpPage()>>;

struct Upgrade;  // upgrade.h
// By path: takes connections whose request for it is a WebSocket handshake (`Upgrade: websocket`).
// Called on the connection's core, whose coroutine ends with the call; the connection counts no
// more, and Stop does not know it.
using HttpUpgrades = std::map<std::string, std::function<void(Upgrade&&)>>;

// Of max_header_bytes.
inline constexpr size_t kMaxHeaderBytes = 60 << 10;

struct HttpOptions {
  std::string host;
  uint16_t port = 0;                  // 0: any free port
  TlsIdentitySource tls;              // asked at each new connection; empty: plain text
  uint32_t max_connections = 20'000;  // more are told so (503) and closed as they come
  // Between requests.
  Duration idle_timeout = std::chrono::seconds(75);
  // For the TLS handshake, and from the first byte of a request to the end of its header.
  Duration header_timeout = std::chrono::seconds(10);
  // For each 16 KiB of a body (or its rest).
  Duration body_timeout = std::chrono::seconds(30);
  // For the peer to take an answer, or a piece of a stream.
  Duration write_timeout = std::chrono::seconds(30);
  // A stream that has nothing to tell says this often that it lives, unless its reader asks else.
  Duration heartbeat = std::chrono::seconds(15);
  std::string version = "unknown";  // what GET /v1/stats says
  uint64_t max_header_bytes = 16 << 10;
  uint64_t max_body_bytes = 16 << 20;
  // Of all bodies that are being gathered or handled; one that finds no room is answered 429.
  uint64_t body_memory_bytes = 256 << 20;
  // Web pages of these origins may use the API; "*": all. Empty: only those of this server.
  std::vector<std::string> cors_origins;
  // Whether a key may stand in the query (?access_token=…): EventSource can set no header.
  bool query_tokens = false;
  // Whether requests must name this server by an address, as localhost, or as one of `hosts`: where
  // no key is asked for, a page of another name that was pointed here could use the API (DNS
  // rebinding).
  bool check_host = false;
  std::vector<std::string> hosts;
  OutboxCalls outbox;  // all set, or none: there are no sources
  HttpPages pages;
  HttpUpgrades upgrades;
};

// What the server works with; all must outlive it.
struct HttpParts {
  broker::Broker& broker;
  auth::Authenticator& authenticator;
  CorePool& cores;
  Clock& clock;
  Metrics& metrics;
};

// Accepts on the pool's first core; each connection lives on the next core in turn. Thread-safe,
// not to be stopped or destroyed on a core.
class HttpServer {
 public:
  // UNAVAILABLE naming the address if it cannot listen there.
  static Result<std::unique_ptr<HttpServer>> Start(HttpOptions options, const HttpParts& parts);
  virtual ~HttpServer() = default;  // stops at once
  virtual uint16_t port() const = 0;
  // Closes the connections that wait for a request; the others get their answer and are closed
  // then. New ones are still taken, for /readyz. Idempotent.
  virtual void StartDrain() = 0;
  // Requests that wait (for receipts, for deliveries) end with UNAVAILABLE reason DRAINING. What is
  // still open at the deadline is closed. Waits until nothing of it runs any more. Idempotent;
  // before the pool's.
  virtual void Stop(Duration deadline) = 0;
};

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_HTTP_SERVER_H_
