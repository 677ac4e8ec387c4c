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

#include "core/error.h"
#include "core/time.h"
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

struct HttpOptions {
  std::string host;
  uint16_t port = 0;                  // 0: any free port
  TlsIdentitySource tls;              // asked at each new connection; empty: plain text
  uint32_t max_connections = 20'000;  // more are closed as they come
  // Between requests.
  Duration idle_timeout = std::chrono::seconds(75);
  // For the TLS handshake, and from the first byte of a request to the end of its header.
  Duration header_timeout = std::chrono::seconds(10);
  // For each 16 KiB of a body (or its rest).
  Duration body_timeout = std::chrono::seconds(30);
  // For the peer to take an answer, or a piece of a stream.
  Duration write_timeout = std::chrono::seconds(30);
  uint64_t max_header_bytes = 16 << 10;
  uint64_t max_body_bytes = 16 << 20;
  HttpPages pages;
  HttpUpgrades upgrades;
};

// Accepts on the pool's first core; each connection lives on the next core in turn. Thread-safe,
// not to be stopped or destroyed on a core.
class HttpServer {
 public:
  // UNAVAILABLE naming the address if it cannot listen there. The pool must outlive the server.
  static Result<std::unique_ptr<HttpServer>> Start(HttpOptions options, CorePool& cores,
                                                   Metrics& metrics);
  virtual ~HttpServer() = default;  // stops at once
  virtual uint16_t port() const = 0;
  // Closes everything and waits until nothing of it runs any more. Idempotent. Before the pool's.
  virtual void Stop() = 0;
};

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_HTTP_SERVER_H_
