// Events as JSON, both ways. What `tail --output json` prints, `post --file` takes, and the HTTP
// API speaks.
//
//   {"topic":"orders","offset":12,"id":"…","key":"k","type":"order.paid","content_type":"text/plain",
//    "payload":"text","headers":{"a":"b"},"time":"…","deliver_at":"…","search_keys":["s"],
//    "stored_at":"…"}
//
// Empty fields are left out. A payload that is not UTF-8 is "payload_base64" instead of "payload".
#ifndef POSTROAD_GATEWAY_JSON_EVENT_JSON_H_
#define POSTROAD_GATEWAY_JSON_EVENT_JSON_H_

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/event.h"

namespace postroad::gateway {

// Adds the fields of the event, without topic; the payload as text.
void AddEvent(boost::json::object& object, const EventView& event);
// The same without payload.
void AddAttributes(boost::json::object& object, const EventView& event);

// Bytes as "<name>" where they are UTF-8, else as "<name>_base64".
void AddBytes(boost::json::object& object, std::string_view name, std::string_view bytes);

// Appends `object` and the payload as one line of JSON text. A payload that is JSON by its content
// type and its form goes in as it is, unless it is a JSON string (a string stands for its bytes);
// other payloads as AddBytes has them.
void AppendWithPayload(boost::json::object object, const EventView& event, std::string& out);

// Whether a media type is JSON: "application/json", "application/….+json", parameters aside.
bool IsJsonType(std::string_view content_type);

// An event from one JSON object. A "payload" that is no string is taken as JSON (content_type
// application/json unless given). "offset", "position", "stored_at", "cursor" and "attempt" are
// ignored, so that what was read can be posted; other unknown fields are errors. INVALID_ARGUMENT
// names the field, with `field` before it ("events[3].key").
Result<Event> ReadEvent(const boost::json::value& value, std::string_view field);
// The same from text; errors name the field alone.
Result<Event> ParseEventJson(std::string_view text);

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_JSON_EVENT_JSON_H_
