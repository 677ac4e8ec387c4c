// See rsocket_gateway.h.
#include "gateway/rsocket/rsocket_gateway.h"

#include <algorithm>
#include <utility>

#include "gateway/rsocket/client_session.h"
#include "gateway/rsocket/gateway.h"

namespace postroad::rsocket_gateway {
namespace {

rsocket::ServerOptions ToServer(const RSocketOptions& options, TlsIdentitySource tls) {
  rsocket::ServerOptions server;
  server.session.max_frame_bytes = options.max_frame_bytes;
  server.session.max_payload_bytes = options.max_payload_bytes;
  server.session.max_reassembly_bytes = 2 * options.max_payload_bytes;
  server.session.max_streams = options.max_streams;
  server.session.max_queued_bytes = options.max_queued_bytes;
  server.session.pause_queued_bytes = options.max_queued_bytes / 8;
  server.session.setup_timeout = options.setup_timeout;
  server.session.max_lifetime = options.max_lifetime;
  server.session.resume_window = options.resume_window;
  server.session.resume_bytes = options.resume_bytes;
  server.max_suspended = options.max_suspended;
  server.deflate = options.deflate;
  server.session.min_resume_token_bytes = options.min_resume_token_bytes;
  server.host = options.host;
  server.port = options.port;
  server.tcp = options.tcp;
  server.tls = std::move(tls);
  server.origins = options.origins;
  server.max_connections = options.max_connections;
  server.max_incomplete_bytes = options.max_incomplete_bytes;
  server.write_timeout = options.write_timeout;
  return server;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = static_cast<char>(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// What is no escape stays as it is.
std::string PercentDecoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 &&
                        HexDigit(text[i + 2]) >= 0;
    if (escape) {
      out.push_back(static_cast<char>(HexDigit(text[i + 1]) << 4 | HexDigit(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

// A browser cannot set headers of a WebSocket; programs can.
std::string TokenOf(const rsocket::WebSocketRequest* request) {
  if (request == nullptr) return {};
  constexpr std::string_view kBearer = "Bearer ";
  const std::string_view authorization = request->Header("Authorization");
  if (authorization.starts_with(kBearer)) return std::string(authorization.substr(kBearer.size()));
  return std::string(request->Header("X-Api-Key"));
}

// Some clients cannot give SETUP a payload: they name the user in the address, "/rsocket?user=u-7".
std::string UserOf(const rsocket::WebSocketRequest* request) {
  if (request == nullptr) return {};
  std::string_view rest = request->target;
  rest.remove_prefix(std::min(rest.find('?'), rest.size() - 1) + 1);
  while (!rest.empty()) {
    const std::string_view field = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(field.size() + 1, rest.size()));
    if (field.starts_with("user=")) return PercentDecoded(field.substr(5));
  }
  return {};
}

}  // namespace

std::vector<Route> DefaultRoutes() {
  return {{"", "user/{user}"}, {"/", "user/{user}"}, {"notifications.stream", "user/{user}"}};
}

Gateway::Gateway(RSocketOptions o, broker::Broker& b, auth::Authenticator& a, CorePool& c, Clock& k,
                 Metrics& m)
    : options(std::move(o)),
      broker(b),
      authenticator(a),
      cores(c),
      clock(k),
      metrics(m),
      caches(c.size()),
      sessions_open(
          metrics.GetGauge("postroad_rsocket_sessions_open", "RSocket sessions that are set up.")),
      streams_open(metrics.GetGauge("postroad_rsocket_streams_open",
                                    "Streams of events to RSocket clients.")),
      setups_refused(metrics.GetCounter("postroad_rsocket_setups_refused_total",
                                        "SETUPs answered with REJECTED_SETUP.")),
      delivered_events(metrics.GetCounter("postroad_rsocket_delivered_events_total",
                                          "Events sent to RSocket clients.")),
      delivered_bytes(metrics.GetCounter("postroad_rsocket_delivered_bytes_total",
                                         "Bytes of payloads sent to RSocket clients.")),
      ignored(metrics.GetCounter(
          "postroad_rsocket_ignored_total",
          "Frames of RSocket clients that make no sense, and fire-and-forgets to routes that there "
          "are not.")),
      forgotten(metrics.GetCounter("postroad_rsocket_fire_and_forget_failed_total",
                                   "Posts and acks by fire-and-forget that could not be done.")) {
  // Seen at 0 before the first.
  Ended({.code = rsocket::ErrorFrameCode::kConnectionError});
  Ended({.code = rsocket::ErrorFrameCode::kConnectionClose, .by_peer = true});
}

Counter& Gateway::Ended(const rsocket::EndReason& reason) {
  return metrics.GetCounter("postroad_rsocket_sessions_ended_total",
                            "RSocket sessions that ended, by whom (peer: also lost connections) "
                            "and with which code.",
                            {{"by", reason.by_peer ? "peer" : "server"},
                             {"code", rsocket::ErrorFrameCodeName(reason.code)}});
}

const Route* Gateway::FindRoute(std::string_view route) const {
  const auto found = std::ranges::find(options.routes, route, &Route::route);
  return found == options.routes.end() ? nullptr : &*found;
}

std::string Gateway::RouteNames() const {
  std::string names;
  for (const Route& route : options.routes) {
    names += (names.empty() ? "\"" : ", \"") + route.route + "\"";
  }
  return names;
}

RSocketGateway::RSocketGateway(std::unique_ptr<Gateway> gateway) : gateway_(std::move(gateway)) {}
RSocketGateway::~RSocketGateway() {
  if (server_) server_->Stop();
}

Result<std::unique_ptr<RSocketGateway>> RSocketGateway::Start(
    const RSocketOptions& options, TlsIdentitySource tls, broker::Broker& broker,
    auth::Authenticator& authenticator, CorePool& cores, Clock& clock, Metrics& metrics) {
  std::unique_ptr<RSocketGateway> made(new RSocketGateway(
      std::make_unique<Gateway>(options, broker, authenticator, cores, clock, metrics)));
  Gateway& gateway = *made->gateway_;
  auto handlers = [&gateway](const rsocket::PeerInfo& peer) {
    return std::make_unique<ClientSession>(gateway, ClientOrigin{.core = peer.core,
                                                                 .peer = peer.address,
                                                                 .transport = peer.transport,
                                                                 .token = TokenOf(peer.websocket),
                                                                 .user = UserOf(peer.websocket)});
  };
  POSTROAD_ASSIGN(made->server_, rsocket::Server::Start(ToServer(options, std::move(tls)), cores,
                                                        clock, metrics, handlers));
  return made;
}

}  // namespace postroad::rsocket_gateway
