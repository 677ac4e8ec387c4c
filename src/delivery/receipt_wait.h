// Waiting until every subscription that covers an event has settled it; if none does, there is
// nothing to wait for.
#ifndef POSTROAD_DELIVERY_RECEIPT_WAIT_H_
#define POSTROAD_DELIVERY_RECEIPT_WAIT_H_

#include <functional>
#include <memory>
#include <shared_mutex>
#include <string>
#include <vector>

#include "delivery/delivery.h"
#include "delivery/subscription.h"

namespace postroad::delivery {

// Belongs to one executor; told by subscriptions through it.
class ReceiptWait : public std::enable_shared_from_this<ReceiptWait> {
 public:
  using Done = std::move_only_function<void(Receipt, bool timed_out)>;
  // Valid until the gate is closed.
  struct Sources {
    std::function<std::vector<std::shared_ptr<Subscription>>()> subscriptions;
    std::function<Receipt()> receipt;
  };
  // Through it a wait looks at the engine, which may stop while there are waits.
  class Gate {
   public:
    // Returns when nobody looks any more.
    void Close() {
      std::unique_lock lock(mutex_);
      open_ = false;
    }

   private:
    friend class ReceiptWait;
    std::shared_mutex mutex_;
    bool open_ = true;
  };
  struct Which {
    std::string topic;
    std::string event_id;
    Offset offset;
  };

  // Calls `done` on `executor` once, unless the handle is destroyed before. Once the engine stops,
  // as if timed out, with a receipt that names no subscription.
  static std::unique_ptr<journal::Wait> Begin(std::shared_ptr<Gate> gate, Sources sources,
                                              Which which, Duration timeout, Executor& executor,
                                              Done done);

  ReceiptWait(std::shared_ptr<Gate> gate, Sources sources, Which which, Executor& executor,
              Done done)
      : gate_(std::move(gate)),
        sources_(std::move(sources)),
        which_(std::move(which)),
        executor_(executor),
        done_(std::move(done)) {}

 private:
  class Handle;
  struct Watching {
    std::weak_ptr<Subscription> subscription;
    uint64_t ticket = 0;
  };

  void Look();
  void WatchAll();
  void TimeOut();
  void Finish(Receipt receipt, bool timed_out);
  void Cancel();
  void Unwatch();
  Receipt Unknown() const;

  const std::shared_ptr<Gate> gate_;
  const Sources sources_;
  const Which which_;
  Executor& executor_;
  Done done_;  // empty once called or cancelled
  std::vector<Watching> watching_;
  bool all_answered_ = false;  // each subscription said whether it has yet to settle the event
  Executor::Timer deadline_, again_;
};

}  // namespace postroad::delivery

#endif  // POSTROAD_DELIVERY_RECEIPT_WAIT_H_
