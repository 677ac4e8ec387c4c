// What the formats have in common; used by them only.
#ifndef POSTROAD_KAFKA_FORMAT_PARTS_H_
#define POSTROAD_KAFKA_FORMAT_PARTS_H_

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/event.h"
#include "kafka/message.h"

namespace postroad::kafka {

// Appends `,"name":"text"`, or without the comma after a brace.
void AppendMember(std::string& json, std::string_view name, std::string_view text);

inline void AddHeader(Message& message, std::string_view name, std::string_view value) {
  message.headers.emplace_back(name, value);
}

// The value as one JSON object; duplicate names and anything after it are refused.
Result<boost::json::object> ParseObject(std::string_view value);

// Adds a header of the message to the event; of two with one name the later stays.
void TakeHeader(Event& event, std::string_view name, std::string_view value);

Status TakeTime(std::string_view name, std::string_view text, std::optional<Timestamp>& out);

void EncodeEnvelope(const EventView& event, Timestamp now, Message& message);
Result<Event> DecodeEnvelope(const MessageView& message);
void EncodeCloudEvent(const EventView& event, bool structured, Message& message);
Result<Event> DecodeCloudEvent(const MessageView& message);

}  // namespace postroad::kafka

#endif  // POSTROAD_KAFKA_FORMAT_PARTS_H_
