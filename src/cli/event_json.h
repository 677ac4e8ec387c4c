// Events as JSON, both ways. What `tail --output json` prints, `post --file` takes.
//
//   {"topic":"orders","offset":12,"id":"…","key":"k","type":"order.paid","content_type":"text/plain",
//    "payload":"text","headers":{"a":"b"},"time":"…","deliver_at":"…","search_keys":["s"],
//    "stored_at":"…"}
//
// Empty fields are left out. A payload that is not UTF-8 is "payload_base64" instead of "payload".
#ifndef POSTROAD_CLI_EVENT_JSON_H_
#define POSTROAD_CLI_EVENT_JSON_H_

#include <boost/json/object.hpp>
#include <string_view>

#include "core/error.h"
#include "core/event.h"

namespace postroad::cli {

// Adds the fields of the event, without topic.
void AddEvent(boost::json::object& object, const EventView& event);

// Bytes as "<name>" where they are UTF-8, else as "<name>_base64".
void AddBytes(boost::json::object& object, std::string_view name, std::string_view bytes);

// An event from one JSON object. A "payload" that is no string is taken as JSON (content_type
// application/json unless given). "offset", "stored_at" and "attempt" are ignored, so that what was
// printed can be posted; other unknown fields are errors. INVALID_ARGUMENT says what is wrong.
Result<Event> ParseEventJson(std::string_view text);

}  // namespace postroad::cli

#endif  // POSTROAD_CLI_EVENT_JSON_H_
