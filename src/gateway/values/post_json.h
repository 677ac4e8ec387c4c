// Posts as JSON: events in, results out.
#ifndef POSTROAD_GATEWAY_VALUES_POST_JSON_H_
#define POSTROAD_GATEWAY_VALUES_POST_JSON_H_

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "broker/broker.h"
#include "core/error.h"
#include "core/event.h"

namespace postroad::gateway {

// One event, an array of them, or {"events":[…]}. INVALID_ARGUMENT names "events[i].field".
Result<std::vector<Event>> ReadEvents(const boost::json::value& value);

// What events of a request have in common.
struct PostCommon {
  std::string topic;            // of those that name none
  std::string idempotency_key;  // makes the ids of those that have none
};
void FillIn(const PostCommon& common, std::vector<Event>& events);

// {"results":[{"id":…,"topic":…,"offset":…}],"durability":"disk"}
boost::json::object PostResultJson(const broker::PostOutcome& outcome,
                                   const std::vector<Event>& events);

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_VALUES_POST_JSON_H_
