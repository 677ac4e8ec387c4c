// How WebSocket connections get from the HTTP server to RSocket.
#ifndef POSTROAD_SERVER_RSOCKET_UPGRADE_H_
#define POSTROAD_SERVER_RSOCKET_UPGRADE_H_

#include <functional>

#include "gateway/http/http_server.h"
#include "rsocket/transport/server.h"

namespace postroad::server {

// Hands the connection over. `server` must outlive what it returns.
std::function<void(gateway::Upgrade&&)> ToRSocket(rsocket::Server& server);

}  // namespace postroad::server

#endif  // POSTROAD_SERVER_RSOCKET_UPGRADE_H_
