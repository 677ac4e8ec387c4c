// CloudEvents 1.0 to events (docs/http.md has the table): id, type, time as they are; source or the
// request is the topic; partitionkey the key; deliverat the due time; other attributes are headers.
#ifndef POSTROAD_GATEWAY_HTTP_CLOUDEVENTS_H_
#define POSTROAD_GATEWAY_HTTP_CLOUDEVENTS_H_

#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/event.h"
#include "gateway/http/request.h"

namespace postroad::gateway {

// Structured mode: one event. `topic` empty: its source is the topic. INVALID_ARGUMENT names
// `field`.attribute.
Result<Event> ReadCloudEvent(const boost::json::value& value, const std::string& topic,
                             std::string_view field);
// Batch mode: an array.
Result<std::vector<Event>> ReadCloudEvents(const boost::json::value& value,
                                           const std::string& topic);

// Binary mode: attributes in headers ("ce-id"), data in the body.
bool IsBinaryCloudEvent(const HttpRequest& request);
Result<Event> ReadBinaryCloudEvent(const HttpRequest& request, std::string body,
                                   const std::string& topic);

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_CLOUDEVENTS_H_
