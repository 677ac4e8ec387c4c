// See event_receipt.h.
#include "broker/event_receipt.h"

#include <algorithm>
#include <utility>

namespace postroad::broker {

namespace {

// All on its executor.
class EventWait final : public EndableWait {
 public:
  using Done = std::move_only_function<void(EventReceipt, bool)>;

  EventWait(const ReceiptSources& sources, WhichEvent which, Executor& executor, Done done)
      : delivery_(sources.delivery),
        connections_(sources.connections),
        which_(std::move(which)),
        executor_(executor),
        done_(std::move(done)),
        self_(std::make_shared<EventWait*>(this)) {}

  void Begin(const ReceiptSources& sources, MonotonicTime deadline) {
    const std::weak_ptr<EventWait*> weak = self_;
    watch_ = connections_.Watch(which_.topic, which_.offset, executor_, [weak] {
      if (const auto self = weak.lock()) (*self)->ConnectionsSettled();
    });
    subscriptions_ = sources.delivery.AwaitReceipt(
        which_.topic, which_.id, which_.offset, deadline, executor_,
        [weak](delivery::Receipt receipt, bool timed_out) {
          if (const auto self = weak.lock()) {
            (*self)->SubscriptionsSettled(std::move(receipt), timed_out);
          }
        });
    const Duration left =
        std::max<Duration>(deadline - sources.clock.Monotonic(), Duration::zero());
    timer_ = executor_.PostAfter(left, [weak] {
      if (const auto self = weak.lock()) (*self)->TimeOut();
    });
  }

  void EndNow() override {
    if (!subscriptions_settled_) {
      subscriptions_.reset();
      auto known = delivery_.GetReceipt(which_.topic, which_.id, which_.offset);
      auto& receipt = static_cast<delivery::Receipt&>(receipt_);
      receipt =
          known ? *std::move(known) : delivery::Receipt{which_.topic, which_.id, which_.offset};
      timed_out_ |= !receipt.Settled();
      subscriptions_settled_ = true;
    }
    TimeOut();
  }

 private:
  void ConnectionsSettled() {
    connections_settled_ = true;
    FinishIfSettled();
  }
  void SubscriptionsSettled(delivery::Receipt receipt, bool timed_out) {
    static_cast<delivery::Receipt&>(receipt_) = std::move(receipt);
    subscriptions_settled_ = true;
    timed_out_ |= timed_out;
    FinishIfSettled();
  }
  // The subscriptions' wait has the same deadline, and tells what is known of them then.
  void TimeOut() {
    timed_out_ |= !connections_settled_;
    connections_settled_ = true;
    FinishIfSettled();
  }
  // Last: this may be destroyed by it.
  void FinishIfSettled() {
    if (!connections_settled_ || !subscriptions_settled_ || !done_) return;
    receipt_.connections = connections_.Get(which_.topic, which_.offset);
    timer_.Cancel();
    std::exchange(done_, nullptr)(std::move(receipt_), timed_out_);
  }

  delivery::DeliveryEngine& delivery_;
  ConnectionReceipts& connections_;
  const WhichEvent which_;
  Executor& executor_;
  Done done_;
  EventReceipt receipt_;
  bool connections_settled_ = false;
  bool subscriptions_settled_ = false;
  bool timed_out_ = false;
  journal::WaitPtr watch_, subscriptions_;
  Executor::Timer timer_;
  const std::shared_ptr<EventWait*> self_;  // what tasks that may come late hold weakly
};

}  // namespace

EndableWaitPtr AwaitEvent(const ReceiptSources& sources, WhichEvent which, MonotonicTime deadline,
                          Executor& executor,
                          std::move_only_function<void(EventReceipt, bool timed_out)> done) {
  auto wait = std::make_unique<EventWait>(sources, std::move(which), executor, std::move(done));
  wait->Begin(sources, deadline);
  return wait;
}

}  // namespace postroad::broker
