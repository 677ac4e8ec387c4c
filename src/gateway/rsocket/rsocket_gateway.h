// RSocket clients (browsers, applications) on TCP and WebSocket: their routes read topics.
#ifndef POSTROAD_GATEWAY_RSOCKET_RSOCKET_GATEWAY_H_
#define POSTROAD_GATEWAY_RSOCKET_RSOCKET_GATEWAY_H_

#include <memory>

#include "auth/authenticator.h"
#include "broker/broker.h"
#include "gateway/rsocket/options.h"
#include "rsocket/transport/server.h"
#include "runtime/clock.h"
#include "runtime/executor.h"
#include "runtime/metrics.h"
#include "runtime/tls_identity.h"

namespace postroad::rsocket_gateway {

struct Gateway;

// Thread-safe. Not to be stopped or destroyed on a core.
class RSocketGateway {
 public:
  // UNAVAILABLE naming the address if it cannot listen there. All must outlive it.
  static Result<std::unique_ptr<RSocketGateway>> Start(
      const RSocketOptions& options, TlsIdentitySource tls, broker::Broker& broker,
      auth::Authenticator& authenticator, CorePool& cores, Clock& clock, Metrics& metrics);
  ~RSocketGateway();
  rsocket::Server& server() { return *server_; }

 private:
  explicit RSocketGateway(std::unique_ptr<Gateway> gateway);
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<rsocket::Server> server_;
};

}  // namespace postroad::rsocket_gateway

#endif  // POSTROAD_GATEWAY_RSOCKET_RSOCKET_GATEWAY_H_
