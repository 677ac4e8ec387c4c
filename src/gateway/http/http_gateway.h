// What all requests work with.
#ifndef POSTROAD_GATEWAY_HTTP_HTTP_GATEWAY_H_
#define POSTROAD_GATEWAY_HTTP_HTTP_GATEWAY_H_

#include <atomic>
#include <cstddef>
#include <string_view>
#include <vector>

#include "auth/authenticator.h"
#include "broker/broker.h"
#include "gateway/http/body_budget.h"
#include "gateway/http/http_server.h"
#include "gateway/http/pull_session.h"
#include "gateway/http/stream_text.h"
#include "runtime/clock.h"
#include "runtime/executor.h"
#include "runtime/metrics.h"

namespace postroad::gateway {

struct HttpGateway {
  HttpGateway(HttpOptions options, const HttpParts& parts);

  // Connections that the server ended, by reason.
  Counter& Closed(std::string_view reason);
  Counter& Requests(std::string_view operation, unsigned status);

  const HttpOptions options;
  broker::Broker& broker;
  auth::Authenticator& authenticator;
  CorePool& cores;
  Clock& clock;
  Metrics& metrics;
  std::atomic<bool> draining = false;
  // By core; touched there only.
  std::vector<RunTexts> texts;
  // For calls that block on disk for long. Bounded by `blocking_calls`.
  CorePool blocking{2};
  std::atomic<size_t> blocking_calls = 0;
  BodyBudget bodies;
  PullSessions pull_sessions;
  Counter& streamed_events;
  Histogram& stored_to_written;
};

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_HTTP_GATEWAY_H_
