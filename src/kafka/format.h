// Events as Kafka messages and messages as events, in each of the formats.
//
// Envelope (value JSON, all strings; docs/kafka.md): topic, uuid, timestamp (of sending), msgType,
// mimeType, payload; bytes that are no UTF-8 as base64, with "payloadEncoding":"base64" beside
// them. CloudEvents 1.0 Kafka binding: attributes in the JSON value (structured) or in headers ce_…
// (binary); source is the topic, partitionkey the key.
// Raw: the value is the payload; headers postroad-id, -topic, -type, -time and content-type.
// A tombstone, null instead of a value, is in every format an event without a payload and with the
// header kafka-tombstone: true; it has raw's headers or, as a CloudEvent, those in binary mode.
// In all of them the event's headers are the message's headers and the event's key its key.
#ifndef POSTROAD_KAFKA_FORMAT_H_
#define POSTROAD_KAFKA_FORMAT_H_

#include <string>
#include <string_view>

#include "core/error.h"
#include "core/event.h"
#include "kafka/message.h"
#include "kafka/options.h"

namespace postroad::kafka {

inline constexpr std::string_view kIdHeader = "postroad-id";
inline constexpr std::string_view kTopicHeader = "postroad-topic";
inline constexpr std::string_view kTypeHeader = "postroad-type";
inline constexpr std::string_view kTimeHeader = "postroad-time";
inline constexpr std::string_view kContentTypeHeader = "content-type";
inline constexpr std::string_view kTombstoneHeader = "kafka-tombstone";

// `message` is cleared first. `now` is the envelope's timestamp.
void EncodeMessage(Format format, const EventView& event, Timestamp now, Message& message);

// The event, whose topic is what the message names (maybe nothing), and whose id is empty where the
// message has none. INVALID_ARGUMENT says what is wrong with the message. `id_header`: see
// InOptions. Keys and header values that are no UTF-8 become base64, and then a header
// "<name>.encoding" ("kafka-key.encoding") says "base64".
Result<Event> DecodeMessage(Format format, const MessageView& message, std::string_view id_header);

// The id of an event whose message has none: a UUID version 5 of where the message is, its time,
// and its key and value. So it is the same each time it is read, and another once the topic was
// deleted and made again and its offsets count from 0.
std::string IdFromRecord(std::string_view cluster_id, const MessageView& message);

// A CloudEvent's id is its own only together with its source, unless it is a UUID. So the event's
// becomes "<source>#<id>", or a UUID version 5 of that where it would be too long.
void AddSourceToId(std::string_view source, Event& event);

}  // namespace postroad::kafka

#endif  // POSTROAD_KAFKA_FORMAT_H_
