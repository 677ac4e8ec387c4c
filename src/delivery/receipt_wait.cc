#include "delivery/receipt_wait.h"

namespace postroad::delivery {
namespace {

// With no subscription yet, or one that was made after the last look.
constexpr Duration kLookAgain = std::chrono::milliseconds(250);

}  // namespace

class ReceiptWait::Handle final : public journal::Wait {
 public:
  explicit Handle(std::shared_ptr<ReceiptWait> wait) : wait_(std::move(wait)) {}
  ~Handle() override { wait_->Cancel(); }

 private:
  std::shared_ptr<ReceiptWait> wait_;
};

std::unique_ptr<journal::Wait> ReceiptWait::Begin(Sources sources, std::string topic, Offset offset,
                                                  Duration timeout, Executor& executor, Done done) {
  auto wait = std::make_shared<ReceiptWait>(std::move(sources), std::move(topic), offset, executor,
                                            std::move(done));
  executor.Post([wait, timeout] {
    if (!wait->done_) return;
    wait->deadline_ = wait->executor_.PostAfter(timeout, [weak = wait->weak_from_this()] {
      if (const auto self = weak.lock()) self->Finish(true);
    });
    wait->Look();
  });
  return std::make_unique<Handle>(std::move(wait));
}

void ReceiptWait::Look() {
  if (!done_) return;
  Unwatch();
  for (const auto& subscription : sources_.subscriptions()) {
    uint64_t ticket = 0;
    const auto watching = subscription->Watch(
        topic_, offset_,
        [weak = weak_from_this()] {
          const auto self = weak.lock();
          if (!self) return;
          self->executor_.Post([self] { self->Look(); });
        },
        ticket);
    if (watching && *watching) watching_.push_back({subscription, ticket});
  }
  if (watching_.empty() && sources_.receipt().Settled()) return Finish(false);
  LookLater(kLookAgain);
}

void ReceiptWait::LookLater(Duration delay) {
  again_ = executor_.PostAfter(delay, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Look();
  });
}

void ReceiptWait::Finish(bool timed_out) {
  if (!done_) return;
  Done done = std::move(done_);
  Cancel();
  done(sources_.receipt(), timed_out);
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
