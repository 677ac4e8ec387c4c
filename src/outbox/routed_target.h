// A target that is several: each event goes to the one that its topic belongs to.
#ifndef POSTROAD_OUTBOX_ROUTED_TARGET_H_
#define POSTROAD_OUTBOX_ROUTED_TARGET_H_

#include <memory>
#include <vector>

#include "core/names.h"
#include "outbox/target.h"

namespace postroad::outbox {

// The topics that one of the targets gets.
struct TopicRoute {
  TopicSelector topics;
  size_t target = 0;  // of the targets that go with it
};

// An event goes to the target of the first route that matches its topic, and to the last target if
// none does. Parts of a batch go to their targets side by side, and the batch completes with the
// last of them: a target that takes nothing holds up the batches behind, for all of them.
std::unique_ptr<Target> NewRoutedTarget(std::vector<TopicRoute> routes,
                                        std::vector<std::unique_ptr<Target>> targets);

}  // namespace postroad::outbox

#endif  // POSTROAD_OUTBOX_ROUTED_TARGET_H_
