// Templates by which Postroad's topics become Kafka's, and the other way round.
#ifndef POSTROAD_KAFKA_TOPIC_NAMES_H_
#define POSTROAD_KAFKA_TOPIC_NAMES_H_

#include <string>
#include <string_view>

#include "core/error.h"

namespace postroad::kafka {

inline constexpr std::string_view kTopicPlaceholder = "{topic}";
inline constexpr std::string_view kKafkaTopicPlaceholder = "{kafka_topic}";
inline constexpr std::string_view kEventTopicPlaceholder = "{event_topic}";

// Kafka's rule: 1 to 249 of a-z A-Z 0-9 . _ - and neither "." nor "..".
Status CheckKafkaTopic(std::string_view name);

// INVALID_ARGUMENT ("must be …") if no topic could come of it.
Status CheckOutTemplate(std::string_view text);
Status CheckInTemplate(std::string_view text);

// The Kafka topic of a topic: what Kafka does not allow in a name becomes '.' ('/') or '_'. One
// that is too long is left so, for Kafka to refuse.
std::string KafkaTopicFor(std::string_view to, std::string_view topic);
// The topic for a message of a Kafka topic; `event_topic` is what the message itself says.
// INVALID_ARGUMENT if it makes no topic that can be posted to.
Result<std::string> TopicFor(std::string_view to, std::string_view kafka_topic,
                             std::string_view event_topic);

}  // namespace postroad::kafka

#endif  // POSTROAD_KAFKA_TOPIC_NAMES_H_
