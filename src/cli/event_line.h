// An event as `tail` and `subscribe` print it.
#ifndef POSTROAD_CLI_EVENT_LINE_H_
#define POSTROAD_CLI_EVENT_LINE_H_

#include <boost/json/object.hpp>
#include <string>

#include "core/event.h"
#include "core/time.h"
#include "core/types.h"

namespace postroad::cli {

// "2026-01-31T08:00:00.123Z  orders@12  order.paid  [key]  payload" and a line end; from attempt 2
// on the attempt is told.
std::string EventLine(const EventView& event, Offset offset, Timestamp stored_at, uint32_t attempt);

// Topic, offset, the event's fields, stored_at.
boost::json::object EventObject(const EventView& event, Offset offset, Timestamp stored_at);

}  // namespace postroad::cli

#endif  // POSTROAD_CLI_EVENT_LINE_H_
