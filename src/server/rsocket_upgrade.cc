// See rsocket_upgrade.h.
#include "server/rsocket_upgrade.h"

#include <utility>

#include "gateway/http/upgrade.h"

namespace postroad::server {

std::function<void(gateway::Upgrade&&)> ToRSocket(rsocket::Server& server) {
  return [&server](gateway::Upgrade&& upgrade) {
    rsocket::WebSocketRequest request{.target = upgrade.request.target(), .headers = {}};
    for (const auto& field : upgrade.request) {
      request.headers.emplace_back(field.name_string(), field.value());
    }
    server.TakeWebSocket(std::move(upgrade.socket), request, std::move(upgrade.rest),
                         std::move(upgrade.peer), upgrade.core);
  };
}

}  // namespace postroad::server
