// The server: everything that a configuration asks for, opened in order and closed in reverse.
#ifndef POSTROAD_SERVER_SERVER_H_
#define POSTROAD_SERVER_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "runtime/metrics.h"
#include "server/config/config.h"

namespace postroad::server {

struct Listening {
  std::string protocol;  // "grpc" or "http"
  std::string address;   // with the port it has got; "unix:/path"
};

// Where a running server listens, for scripts: this file in the data folder has a line
// "<protocol> <address>" for each, and goes when the server stops.
inline constexpr const char* kPortsFile = "ports";

class Server {
 public:
  // Opens the store, recovers, listens. Errors: the store's, the journal's; UNAVAILABLE naming the
  // address it cannot listen on; INVALID_ARGUMENT for bad TLS files.
  static Result<std::unique_ptr<Server>> Start(const Config& config);
  // Stops at once, unless it was drained.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  const std::vector<Listening>& listening() const;
  Metrics& metrics();
  // Whether every thread that serves connections still takes tasks; waits for them at most
  // `timeout`.
  bool Responds(Duration timeout);
  // No new posts; in-flight deliveries have until server.drain_timeout to be settled and are
  // returned then; streams end with a reason; all is stopped. Blocks. Once.
  void Drain();

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace postroad::server

#endif  // POSTROAD_SERVER_SERVER_H_
