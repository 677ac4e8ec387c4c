// The gRPC server: postroad.v1 (Postroad and Admin), health, reflection, and whatever other
// services it is given, on one port.
#ifndef POSTROAD_GATEWAY_GRPC_GRPC_SERVER_H_
#define POSTROAD_GATEWAY_GRPC_GRPC_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "auth/authenticator.h"
#include "broker/broker.h"
#include "core/error.h"
#include "core/time.h"
#include "runtime/executor.h"
#include "runtime/metrics.h"

namespace grpc {
class ServerCredentials;
class Service;
}  // namespace grpc

namespace postroad::gateway {

struct GrpcListen {
  std::string address;  // "127.0.0.1:7401", "[::1]:0" (any free port), "unix:/run/postroad.sock"
  std::shared_ptr<grpc::ServerCredentials> credentials;  // null: plain text
};

struct GrpcOptions {
  std::vector<GrpcListen> listen;
  // The server pings a silent connection this often, and drops it if no answer comes in time.
  Duration keepalive_time = std::chrono::seconds(10);
  Duration keepalive_timeout = std::chrono::seconds(3);
  bool keepalive_without_calls = true;
  // A client that pings more often than this is sent GOAWAY ENHANCE_YOUR_CALM "too_many_pings".
  Duration min_client_ping_interval = std::chrono::seconds(5);
  // The largest message taken; larger ones are refused with RESOURCE_EXHAUSTED. Must exceed the
  // largest event that any topic allows.
  uint64_t max_message_bytes = 16 << 20;
  // Calls at once on one connection; more wait in the client.
  uint32_t max_concurrent_streams = 1'000;
  // Memory for gRPC's buffers, all connections together; beyond it connections read no further.
  uint64_t memory_quota_bytes = 256 << 20;
  // Batches of one PostStream that are in the journal at once.
  uint32_t post_window_batches = 64;
  uint64_t post_window_bytes = 8 << 20;
  std::string version = "unknown";  // what GetStats says
};

// Thread-safe.
class GrpcServer {
 public:
  // Listens and serves. Connections are accepted by runtime/listener.h and handed to gRPC, which
  // does not tell when they close: how many may be open is bounded by the process's files, less a
  // reserve, not by a setting. `services` are registered beside our own and must outlive the
  // server, as must all else that is handed in. UNAVAILABLE naming the address if it cannot listen
  // there.
  static Result<std::unique_ptr<GrpcServer>> Start(GrpcOptions options, broker::Broker& broker,
                                                   auth::Authenticator& authenticator,
                                                   CorePool& cores, Clock& clock, Metrics& metrics,
                                                   std::vector<grpc::Service*> services = {});
  virtual ~GrpcServer() = default;  // stops at once

  // The ports in the order of `options.listen`; 0 for unix sockets.
  virtual const std::vector<int>& ports() const = 0;
  // Health turns NOT_SERVING, so that load balancers go elsewhere. Calls still work.
  virtual void StartDrain() = 0;
  // No new calls; those that go on have until the deadline to end (Broker::Drain ends the streams),
  // then they are cancelled. Blocks. Idempotent.
  virtual void Stop(Duration deadline) = 0;
};

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_GRPC_GRPC_SERVER_H_
