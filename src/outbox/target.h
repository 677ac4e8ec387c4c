// Where a relay sends events to: Postroad's own log (log_target.h), or another system. The contract
// that every target keeps.
#ifndef POSTROAD_OUTBOX_TARGET_H_
#define POSTROAD_OUTBOX_TARGET_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/event.h"

namespace postroad::outbox {

// Events to send, in order. Immutable once sent, and shared: whoever still needs it holds it.
struct Batch {
  // Every event has a topic and an id; what they view lives as long as `storage`.
  std::vector<EventView> events;
  std::shared_ptr<const void> storage;
};
using BatchPtr = std::shared_ptr<const Batch>;

enum class Outcome : uint8_t {
  kStored,     // the target has it, as durably as it can
  kDuplicate,  // the target had it already: as good as stored
  kPoison,     // the target will never take it (bad name, too large); `reason` says why
  kFailed,     // it could not now (overload, no connection); it comes again. `reason` says why
  kLeft,       // nobody is there for it: its row stays as it is, and may be read again later. Only
               // of targets whose source marks rows
};

struct EventResult {
  Outcome outcome = Outcome::kStored;
  std::string reason = {};  // a sentence for people, with the field at fault; empty if stored

  bool operator==(const EventResult&) const = default;
};

// One result for each event of the batch, in order. Called once, on any thread, also before Send
// returns; it is quick and does not call back.
using SendCompletion = std::move_only_function<void(std::vector<EventResult>)>;

// Keeps the order of each topic and key: where an event fails, those after it of the same topic and
// key fail too (poison is no failing). An event sent again with the same id, after a crash or
// because the answer was lost, should be stored once, where the target can tell.
class Target {
 public:
  // Not before every Send has completed. Stop first.
  virtual ~Target() = default;
  // How logs and metrics call it: "log", "kafka".
  virtual std::string_view name() const = 0;
  // Sends the batch. One at a time: the next comes only after the completion of the one before, so
  // a batch is the unit of pipelining, and a target is free to send its events side by side as long
  // as it keeps the order. Must not block; must complete in bounded time, with kFailed if the other
  // side does not answer. Events that failed are sent again after a wait, in a batch of their own.
  virtual void Send(BatchPtr batch, SendCompletion done) = 0;
  // Gives up what is under way: its completion comes soon, with kFailed for what is not known to be
  // stored, and so it does for every later Send. Thread-safe.
  virtual void Stop() = 0;
};

}  // namespace postroad::outbox

#endif  // POSTROAD_OUTBOX_TARGET_H_
