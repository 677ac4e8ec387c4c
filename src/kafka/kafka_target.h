// The target of outbox relays that is Kafka: a row is marked once Kafka has confirmed its event.
#ifndef POSTROAD_KAFKA_KAFKA_TARGET_H_
#define POSTROAD_KAFKA_KAFKA_TARGET_H_

#include <memory>
#include <string>

#include "core/error.h"
#include "kafka/options.h"
#include "outbox/target.h"
#include "runtime/clock.h"

namespace postroad::kafka {

// INVALID_ARGUMENT naming the option at fault, as CheckOptions does. Kafka need not be there.
//
// Events of a batch go side by side, in order. What Kafka will never take (too large, no such Kafka
// topic) is poison. Where Kafka is away, a batch fails after send_timeout; the relay sends it
// again, and an event that Kafka had taken all the same is there twice, with the same id.
Result<std::unique_ptr<outbox::Target>> NewKafkaTarget(const TargetOptions& options, Clock& clock);

}  // namespace postroad::kafka

#endif  // POSTROAD_KAFKA_KAFKA_TARGET_H_
