// A wait looks at every subscription once, watches those that have yet to settle the event, and
// looks again when one of them has.
#include "delivery/receipt_wait.h"

namespace postroad::delivery {
namespace {

// Where a subscription could not say whether it covers the event.
constexpr Duration kLookAgain = std::chrono::seconds(1);

}  // namespace

class ReceiptWait::Handle final : public journal::Wait {
 public:
  explicit Handle(std::shared_ptr<ReceiptWait> wait) : wait_(std::move(wait)) {}
  ~Handle() override {
    if (wait_->executor_.RunsHere()) {
      wait_->Cancel();
    } else {
      wait_->executor_.Post([wait = wait_] { wait->Cancel(); });
    }
  }

 private:
  std::shared_ptr<ReceiptWait> wait_;
};

std::unique_ptr<journal::Wait> ReceiptWait::Begin(std::shared_ptr<Gate> gate, Sources sources,
                                                  Which which, Duration timeout, Executor& executor,
                                                  Done done) {
  auto wait = std::make_shared<ReceiptWait>(std::move(gate), std::move(sources), std::move(which),
                                            executor, std::move(done));
  executor.Post([wait, timeout] {
    if (!wait->done_) return;
    wait->deadline_ = wait->executor_.PostAfter(timeout, [weak = wait->weak_from_this()] {
      if (const auto self = weak.lock()) self->TimeOut();
    });
    wait->Look();
  });
  return std::make_unique<Handle>(std::move(wait));
}

void ReceiptWait::Look() {
  if (!done_) return;
  Receipt receipt;
  {
    std::shared_lock open(gate_->mutex_);
    if (!gate_->open_) {
      open.unlock();
      return Finish(Unknown(), true);
    }
    WatchAll();
    if (!watching_.empty()) return;
    receipt = sources_.receipt();
  }
  const bool nobody = receipt.subscriptions.empty() && all_answered_;
  if (receipt.Settled() || nobody) return Finish(std::move(receipt), false);
  again_ = executor_.PostAfter(kLookAgain, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Look();
  });
}

void ReceiptWait::WatchAll() {
  Unwatch();
  all_answered_ = true;
  for (const auto& subscription : sources_.subscriptions()) {
    uint64_t ticket = 0;
    const auto settled = [weak = weak_from_this(), &executor = executor_] {
      executor.Post([weak] {
        if (const auto self = weak.lock()) self->Look();
      });
    };
    const auto watching = subscription->Watch(which_.topic, which_.offset, settled, ticket);
    all_answered_ = all_answered_ && watching.has_value();
    if (watching && *watching) watching_.push_back({subscription, ticket});
  }
}

void ReceiptWait::TimeOut() {
  Receipt receipt = Unknown();
  {
    std::shared_lock open(gate_->mutex_);
    if (gate_->open_) receipt = sources_.receipt();
  }
  const bool settled = receipt.Settled();
  Finish(std::move(receipt), !settled);
}

Receipt ReceiptWait::Unknown() const {
  return {.topic = which_.topic, .event_id = which_.event_id, .offset = which_.offset};
}

void ReceiptWait::Finish(Receipt receipt, bool timed_out) {
  if (!done_) return;
  Done done = std::move(done_);
  Cancel();
  done(std::move(receipt), timed_out);
}

void ReceiptWait::Cancel() {
  done_ = nullptr;
  deadline_.Cancel();
  again_.Cancel();
  Unwatch();
}

void ReceiptWait::Unwatch() {
  for (const Watching& watching : watching_) {
    if (const auto subscription = watching.subscription.lock()) {
      subscription->Unwatch(watching.ticket);
    }
  }
  watching_.clear();
}

}  // namespace postroad::delivery
