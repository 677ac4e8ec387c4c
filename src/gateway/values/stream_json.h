// What streams tell, as JSON.
#ifndef POSTROAD_GATEWAY_VALUES_STREAM_JSON_H_
#define POSTROAD_GATEWAY_VALUES_STREAM_JSON_H_

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "broker/event_stream.h"
#include "core/event.h"
#include "core/types.h"

namespace postroad::gateway {

boost::json::object EpochJson(const broker::EpochChange& change);
boost::json::object GapJson(const broker::StreamGap& gap);
// One event as a reader sees it: a line of JSON.
void AppendEventText(std::string& out, std::string_view topic, Offset offset,
                     std::optional<FeedPosition> position, Timestamp stored_at,
                     const EventView& event, std::string_view cursor);

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_VALUES_STREAM_JSON_H_
