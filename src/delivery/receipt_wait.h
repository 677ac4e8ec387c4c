// Waiting until every subscription that covers an event has settled it.
#ifndef POSTROAD_DELIVERY_RECEIPT_WAIT_H_
#define POSTROAD_DELIVERY_RECEIPT_WAIT_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "delivery/delivery.h"
#include "delivery/subscription.h"

namespace postroad::delivery {

// Belongs to one executor; told by subscriptions through it.
class ReceiptWait : public std::enable_shared_from_this<ReceiptWait> {
 public:
  using Done = std::move_only_function<void(Receipt, bool timed_out)>;
  struct Sources {
    std::function<std::vector<std::shared_ptr<Subscription>>()> subscriptions;
    std::function<Receipt()> receipt;
  };

  // Calls `done` on `executor` once, unless the handle is destroyed before.
  static std::unique_ptr<journal::Wait> Begin(Sources sources, std::string topic, Offset offset,
                                              Duration timeout, Executor& executor, Done done);

  ReceiptWait(Sources sources, std::string topic, Offset offset, Executor& executor, Done done)
      : sources_(std::move(sources)),
        topic_(std::move(topic)),
        offset_(offset),
        executor_(executor),
        done_(std::move(done)) {}

 private:
  class Handle;
  struct Watching {
    std::weak_ptr<Subscription> subscription;
    uint64_t ticket = 0;
  };

  void Look();
  void Finish(bool timed_out);
  void Cancel();
  void Unwatch();
  void LookLater(Duration delay);

  Sources sources_;
  const std::string topic_;
  const Offset offset_;
  Executor& executor_;
  Done done_;  // empty once called or cancelled
  std::vector<Watching> watching_;
  Executor::Timer deadline_, again_;
};

}  // namespace postroad::delivery

#endif  // POSTROAD_DELIVERY_RECEIPT_WAIT_H_
