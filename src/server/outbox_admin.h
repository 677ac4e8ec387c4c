// Outbox sources for operators, over HTTP.
#ifndef POSTROAD_SERVER_OUTBOX_ADMIN_H_
#define POSTROAD_SERVER_OUTBOX_ADMIN_H_

#include <memory>
#include <vector>

#include "gateway/http/outbox_calls.h"
#include "outbox/relay.h"

namespace postroad::server {

// Each call but the list connects to the source's database for itself, so that it is answered also
// while the relay waits for its target. `relays` outlive the calls.
gateway::OutboxCalls MakeOutboxCalls(const std::vector<std::unique_ptr<outbox::Relay>>& relays);

}  // namespace postroad::server

#endif  // POSTROAD_SERVER_OUTBOX_ADMIN_H_
