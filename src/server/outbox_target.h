// The target of an outbox source, as the settings have it.
#ifndef POSTROAD_SERVER_OUTBOX_TARGET_H_
#define POSTROAD_SERVER_OUTBOX_TARGET_H_

#include <functional>
#include <memory>

#include "core/error.h"
#include "outbox/target.h"
#include "runtime/clock.h"
#include "server/config/config.h"

namespace postroad::server {

// Makes what the settings call the log.
using LogTargetMaker = std::function<Result<std::unique_ptr<outbox::Target>>()>;

// `source` is one of the configuration's. The clock outlives the target. Errors: those of `log` and
// of Kafka's settings; Kafka need not be there.
Result<std::unique_ptr<outbox::Target>> MakeOutboxTarget(const Config& config,
                                                         const outbox::SourceOptions& source,
                                                         const LogTargetMaker& log, Clock& clock);

}  // namespace postroad::server

#endif  // POSTROAD_SERVER_OUTBOX_TARGET_H_
