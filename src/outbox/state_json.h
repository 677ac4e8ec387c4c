// How relays stand, as JSON.
#ifndef POSTROAD_OUTBOX_STATE_JSON_H_
#define POSTROAD_OUTBOX_STATE_JSON_H_

#include <boost/json/value.hpp>
#include <memory>
#include <string>
#include <vector>

#include "outbox/relay.h"

namespace postroad::outbox {

// {"sources": [{"name", "table", "phase", "error", "lag_rows", "lag_seconds", "poison_rows",
// "sent", "poison": [{"id", "event_id", "topic", "reason", "since", "tries", "retry"}]}]}
boost::json::value ToJson(const std::vector<std::unique_ptr<Relay>>& relays);
// The same as text.
std::string StateJson(const std::vector<std::unique_ptr<Relay>>& relays);

// {"rows": […]}, each as in "poison".
boost::json::value ToJson(const std::vector<PoisonRow>& rows);

}  // namespace postroad::outbox

#endif  // POSTROAD_OUTBOX_STATE_JSON_H_
