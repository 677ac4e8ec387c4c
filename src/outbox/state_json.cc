// See state_json.h.
#include "outbox/state_json.h"

#include <boost/json.hpp>

namespace postroad::outbox {
namespace {

namespace json = boost::json;

const char* PhaseName(RelayState::Phase phase) {
  switch (phase) {
    case RelayState::Phase::kConnecting:
      return "connecting";
    case RelayState::Phase::kWaiting:
      return "waiting";
    case RelayState::Phase::kLeading:
      return "leading";
  }
  return "";
}

json::object ToJson(const PoisonRow& row) {
  return {{"id", row.id},         {"event_id", row.event_id},       {"topic", row.topic},
          {"reason", row.reason}, {"since", FormatTime(row.since)}, {"tries", row.tries},
          {"retry", row.retry}};
}

json::array RowsOf(const std::vector<PoisonRow>& rows) {
  json::array list;
  for (const PoisonRow& row : rows) list.push_back(ToJson(row));
  return list;
}

json::object ToJson(const Relay& relay) {
  const RelayState state = relay.state();
  return {{"name", relay.options().name},
          {"table", relay.options().table},
          {"phase", PhaseName(state.phase)},
          {"error", state.error},
          {"lag_rows", state.lag.rows},
          {"lag_seconds", std::chrono::duration<double>(state.lag.age).count()},
          {"poison_rows", state.lag.poison},
          {"sent", state.sent},
          {"poison", RowsOf(state.poison)}};
}

}  // namespace

json::value ToJson(const std::vector<PoisonRow>& rows) {
  return json::object{{"rows", RowsOf(rows)}};
}

json::value ToJson(const std::vector<std::unique_ptr<Relay>>& relays) {
  json::array sources;
  for (const auto& relay : relays) sources.push_back(ToJson(*relay));
  return json::object{{"sources", std::move(sources)}};
}

std::string StateJson(const std::vector<std::unique_ptr<Relay>>& relays) {
  return json::serialize(ToJson(relays)) + "\n";
}

}  // namespace postroad::outbox
