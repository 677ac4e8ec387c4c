// Whether properties for librdkafka are any good, before anything is started.
#ifndef POSTROAD_KAFKA_PROPERTIES_H_
#define POSTROAD_KAFKA_PROPERTIES_H_

#include "core/error.h"
#include "kafka/options.h"

namespace postroad::kafka {

// INVALID_ARGUMENT naming "properties.<name>" where one is unknown, has a bad value, or is one that
// a connector's promises rest on; naming "properties" where they do not go together.
Status CheckProducerProperties(const Properties& properties);
Status CheckConsumerProperties(const Properties& properties);

// What must hold between commit mode and properties: AutoCommit needs enable.auto.commit=true and
// auto.commit.interval.ms; the others need enable.auto.commit=false. `explicitly`: false has to be
// said, as in the event bus; else it is what is meant where nothing is.
Status CheckCommitMode(CommitMode mode, const Properties& properties, bool explicitly);

// All that must hold of a connector's options. The field is the setting's name.
Status CheckOptions(const OutOptions& options);
Status CheckOptions(const InOptions& options);
Status CheckOptions(const TargetOptions& options);

}  // namespace postroad::kafka

#endif  // POSTROAD_KAFKA_PROPERTIES_H_
