// A small HTTP/1.1 server for what operators ask: metrics and health. By Boost.Beast, which is
// included in this folder alone.
#ifndef POSTROAD_SERVER_NET_HTTP_SERVER_H_
#define POSTROAD_SERVER_NET_HTTP_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/error.h"
#include "core/time.h"
#include "runtime/executor.h"
#include "server/net/tls_files.h"

namespace postroad::server {

struct HttpRequest {
  std::string method;  // GET or HEAD
  std::string path;    // without the query
};
struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};
// Called on the server's core. Must not block for long.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

struct HttpOptions {
  std::string host;
  uint16_t port = 0;  // 0: any free port
  // Asked at each new connection; empty: plain text.
  std::function<TlsIdentityPtr()> tls;
  size_t max_connections = 1'000;  // more are closed as they come
  Duration idle_timeout = std::chrono::seconds(30);
  // For a handshake, or from the first byte of a request to its answer's last.
  Duration request_timeout = std::chrono::seconds(10);
};

// Lives on core `index` of the pool. Not to be stopped or destroyed on that core.
class HttpServer {
 public:
  // UNAVAILABLE naming the address if it cannot listen there.
  static Result<std::unique_ptr<HttpServer>> Start(HttpOptions options, CorePool& cores,
                                                   size_t index, HttpHandler handler);
  virtual ~HttpServer() = default;  // stops
  virtual uint16_t port() const = 0;
  // Closes everything and waits until nothing of it runs any more. Idempotent. Before the pool's.
  virtual void Stop() = 0;
};

}  // namespace postroad::server

#endif  // POSTROAD_SERVER_NET_HTTP_SERVER_H_
