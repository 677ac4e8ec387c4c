// See http_gateway.h.
#include "gateway/http/http_gateway.h"

#include "gateway/http/openapi.h"

namespace postroad::gateway {

namespace {

HttpOptions WithDocument(HttpOptions options) {
  options.pages["/openapi.json"] = [] {
    return HttpPage{.content_type = "application/json", .body = std::string(OpenApiDocument())};
  };
  return options;
}

}  // namespace

HttpGateway::HttpGateway(HttpOptions options, const HttpParts& parts)
    : options(WithDocument(std::move(options))),
      broker(parts.broker),
      authenticator(parts.authenticator),
      cores(parts.cores),
      clock(parts.clock),
      metrics(parts.metrics),
      texts(parts.cores.size()),
      bodies(this->options.body_memory_bytes, metrics),
      pull_sessions(broker, cores, clock, metrics),
      streamed_events(metrics.GetCounter("postroad_http_streamed_events_total",
                                         "Events written to HTTP streams.")),
      stored_to_written(metrics.GetHistogram(
          "postroad_http_stored_to_written_seconds",
          "From an event's being stored to its being written, of HTTP streams that are caught up.",
          LatencyBounds())) {
  // Seen at 0 before the first.
  for (const char* reason :
       {"idle", "header_timeout", "body_timeout", "write_timeout", "malformed"}) {
    Closed(reason);
  }
  Requests("postEvents", 200);
}

Counter& HttpGateway::Closed(std::string_view reason) {
  return metrics.GetCounter("postroad_http_connections_closed_total",
                            "HTTP connections that the server ended, by reason.",
                            {{"reason", std::string(reason)}});
}

Counter& HttpGateway::Requests(std::string_view operation, unsigned status) {
  return metrics.GetCounter(
      "postroad_http_requests_total",
      "HTTP requests, by operation and the status they were answered; 0: the peer left before.",
      {{"operation", std::string(operation)}, {"status", std::to_string(status)}});
}

}  // namespace postroad::gateway
