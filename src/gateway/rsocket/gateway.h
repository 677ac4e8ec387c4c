// What all sessions of the RSocket gateway work with, and what is counted about them.
#ifndef POSTROAD_GATEWAY_RSOCKET_GATEWAY_H_
#define POSTROAD_GATEWAY_RSOCKET_GATEWAY_H_

#include <memory>
#include <vector>

#include "auth/authenticator.h"
#include "broker/broker.h"
#include "gateway/rsocket/event_payload.h"
#include "gateway/rsocket/options.h"
#include "rsocket/session/session.h"
#include "runtime/clock.h"
#include "runtime/executor.h"
#include "runtime/metrics.h"

namespace postroad::rsocket_gateway {

struct Gateway {
  Gateway(RSocketOptions options, broker::Broker& broker, auth::Authenticator& authenticator,
          CorePool& cores, Clock& clock, Metrics& metrics);

  // Null if there is none.
  const Route* FindRoute(std::string_view route) const;
  std::string RouteNames() const;
  // Sessions that ended, by whom and how.
  Counter& Ended(const rsocket::EndReason& reason);

  const RSocketOptions options;
  broker::Broker& broker;
  auth::Authenticator& authenticator;
  CorePool& cores;
  Clock& clock;
  Metrics& metrics;
  std::vector<RunCache> caches;  // one a core
  Gauge& sessions_open;
  Gauge& streams_open;
  Counter& setups_refused;
  Counter& delivered_events;
  Counter& delivered_bytes;
  Counter& ignored;
  Counter& forgotten;
};

}  // namespace postroad::rsocket_gateway

#endif  // POSTROAD_GATEWAY_RSOCKET_GATEWAY_H_
