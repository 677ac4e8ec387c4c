// The Kafka engine's streams: members of a consumer group.
#ifndef POSTROAD_EVENT_BUS_KAFKA_STREAM_H_
#define POSTROAD_EVENT_BUS_KAFKA_STREAM_H_

#include <memory>
#include <string>

#include "event_bus/settings.h"
#include "event_bus/stream_base.h"

namespace postroad::event_bus {

// Reads the Kafka topic of `topic` ('/' is '.' there) as a member of `group`; Kafka need not be
// there yet.
std::shared_ptr<StreamBase> StartKafkaStream(const ConsumerSettings& settings,
                                             const std::string& topic, const std::string& group,
                                             StreamHandlers handlers,
                                             std::shared_ptr<BusMetrics> metrics);

}  // namespace postroad::event_bus

#endif  // POSTROAD_EVENT_BUS_KAFKA_STREAM_H_
