// What became of one event with all who have to do with it, and the wait for that: subscriptions
// (which delivery knows) and users' connections.
#ifndef POSTROAD_BROKER_EVENT_RECEIPT_H_
#define POSTROAD_BROKER_EVENT_RECEIPT_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/connection_receipts.h"
#include "core/time.h"
#include "delivery/delivery.h"
#include "journal/journal.h"
#include "runtime/clock.h"
#include "runtime/executor.h"

namespace postroad::broker {

struct EventReceipt : delivery::Receipt {
  std::vector<ConnectionReceipt> connections;
};

struct ReceiptSources {
  delivery::DeliveryEngine& delivery;
  ConnectionReceipts& connections;
  Clock& clock;
};
struct WhichEvent {
  std::string topic;
  std::string id;
  Offset offset;
};
// A wait that can be told that its time is over: `done` is called, before the call returns, with
// what is known by then.
class EndableWait : public journal::Wait {
 public:
  virtual void EndNow() = 0;  // on its executor
};
using EndableWaitPtr = std::unique_ptr<EndableWait>;
// `done` on `executor`, once the subscriptions have settled the event and the connections that read
// its topic have said something or left, or at the deadline. Destroying the handle, on `executor`,
// gives up.
[[nodiscard]] EndableWaitPtr AwaitEvent(
    const ReceiptSources& sources, WhichEvent which, MonotonicTime deadline, Executor& executor,
    std::move_only_function<void(EventReceipt, bool timed_out)> done);

}  // namespace postroad::broker

#endif  // POSTROAD_BROKER_EVENT_RECEIPT_H_
