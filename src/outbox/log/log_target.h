// The target that is Postroad's own log, in this process.
#ifndef POSTROAD_OUTBOX_LOG_LOG_TARGET_H_
#define POSTROAD_OUTBOX_LOG_LOG_TARGET_H_

#include <memory>

#include "broker/broker.h"
#include "outbox/target.h"
#include "runtime/executor.h"

namespace postroad::outbox {

// Appends through the broker, with every right. An event of a known id is a duplicate as long as
// its topic's dedup window remembers it. Both must outlive the target; completions come on
// `executor`.
std::unique_ptr<Target> NewLogTarget(broker::Broker& broker, Executor& executor);

}  // namespace postroad::outbox

#endif  // POSTROAD_OUTBOX_LOG_LOG_TARGET_H_
