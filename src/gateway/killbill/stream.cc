// See stream.h.
#include "gateway/killbill/stream.h"

#include <algorithm>

#include "gateway/killbill/event_msg.h"

namespace postroad::killbill {
namespace {

// Of events that wait here for the subscriber, and of credit for more.
constexpr uint64_t kWindowEvents = 256;
constexpr size_t kWindowBytes = 2 << 20;
// How long an ended stream waits for its subscriber to take what is under way.
constexpr Duration kEndGrace = std::chrono::seconds(5);

// Answers an ack in every case: also when what was to settle it goes away unheard.
class Answer {
 public:
  explicit Answer(std::function<void(bool)> done) : done_(std::move(done)) {}
  ~Answer() { Give(false); }
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  void Give(bool settled) {
    if (auto done = std::exchange(done_, nullptr)) done(settled);
  }

 private:
  std::function<void(bool)> done_;
};

}  // namespace

void Stream::Started() {
  auto settings = SettingsOf(request_.search_key2());
  if (!settings) return FinishWith(settings.error());
  join_ = broker::JoinRequest{.subscription = SubscriptionOf(request_.search_key2()),
                              .create = *std::move(settings),
                              .options = {.client_id = request_.client_id()}};
  // Making a subscription waits for the disk.
  backend_.blocking.Next().Post(
      [self = std::static_pointer_cast<Stream>(shared_from_this())]() mutable {
        auto seen = self->backend_.options.broker.PrepareJoin(*self->principal_, *self->join_);
        Executor& executor = self->executor_;
        executor.Post([self = std::move(self), seen = std::move(seen)]() mutable {
          self->Prepared(std::move(seen));
        });
      });
}

void Stream::Prepared(Result<broker::SubscriptionSeen> seen) {
  if (finished() || cancelled_ || ending_) return;
  if (!seen) return FinishWith(seen.error());
  backend_.outstanding.AddStream(std::static_pointer_cast<Stream>(shared_from_this()),
                                 {caller(), request_.client_id()});
  auto member = backend_.options.broker.Join(*principal_, *join_, executor_, *this);
  if (!member) return EndWith(std::move(member).error());
  member_ = *std::move(member);
  StartSendInitialMetadata();
  TopUpCredit();
}

void Stream::Settle(delivery::Settlement settlement, std::function<void(bool)> done) {
  auto answer = std::make_shared<Answer>(std::move(done));
  executor_.Post([weak = Weak(this), settlement = std::move(settlement),
                  answer = std::move(answer)]() mutable {
    const auto self = weak.lock();
    if (!self || !self->member_) return;
    std::vector<delivery::Settlement> settlements;
    settlements.push_back(std::move(settlement));
    self->member_->SettleThen(std::move(settlements), [answer = std::move(answer)](auto failures) {
      answer->Give(failures.empty());
    });
  });
}

void Stream::Close(std::function<void()> gone) {
  executor_.Post([weak = Weak(this), gone = std::move(gone)]() mutable {
    const auto self = weak.lock();
    if (!self || self->gone_) return gone();
    self->on_gone_.push_back(std::move(gone));
    self->EndWith(std::nullopt);
  });
}

void Stream::Cancelled() {
  cancelled_ = true;
  member_.reset();  // its events go to others at once
  if (!writing_) Call::Cancelled();
}

void Stream::Finishing() {
  backend_.outstanding.RemoveStream(this);
  member_.reset();
  grace_timer_.Cancel();
  queue_.clear();
}

void Stream::Gone() {
  gone_ = true;
  for (auto& gone : std::exchange(on_gone_, {})) gone();
}

void Stream::TopUpCredit() {
  if (!member_) return;
  const uint64_t window = std::clamp<uint64_t>(kWindowBytes / mean_bytes_, 1, kWindowEvents);
  const uint64_t taken = queue_.size() + credit_;
  // Not in crumbs: each grant is a hand-over.
  if (taken > window / 2) return;
  credit_ += window - taken;
  member_->AddCredit(window - taken);
}

void Stream::OnDeliveries(std::vector<delivery::Delivery> deliveries) {
  if (finished() || cancelled_ || deliveries.empty()) return;
  size_t bytes = 0;
  for (auto& delivery : deliveries) {
    bytes += delivery.record.size();
    queue_.push_back(std::move(delivery));
  }
  credit_ -= std::min<uint64_t>(credit_, deliveries.size());
  mean_bytes_ = std::max<size_t>(64, (mean_bytes_ * 3 + bytes / deliveries.size()) / 4);
  WriteOn();
}

void Stream::OnSettleFailures(std::vector<delivery::SettleFailure>) {
  // Of a payload that could not be delivered and has expired meanwhile: it will come again.
}

void Stream::OnClosed(Error reason) { EndWith(std::move(reason)); }

void Stream::EndWith(std::optional<Error> reason) {
  if (finished() || ending_) return;
  ending_ = true;
  end_ = std::move(reason);
  member_.reset();  // what is not settled goes to others at once
  if (!writing_) return WriteOn();
  grace_timer_ = executor_.PostAfter(kEndGrace, [weak = Weak(this)] {
    if (auto self = weak.lock(); self && !self->finished()) self->context_.TryCancel();
  });
}

void Stream::WriteOn() {
  if (writing_ || finished()) return;
  if (ending_) return end_ ? FinishWith(*end_) : FinishOk();
  while (!queue_.empty()) {
    auto message = ToMessage(queue_.front());
    queue_.pop_front();
    if (!message) continue;
    response_.Swap(&*message);
    writing_ = true;
    StartWrite(&response_);
    return;
  }
}

std::optional<grpc::ByteBuffer> Stream::ToMessage(const delivery::Delivery& delivery) {
  const auto message = ToEventMsg(delivery.record, request_.search_key2());
  if (!message) {
    member_->Settle({{.kind = delivery::SettleKind::kTerminate,
                      .id = delivery.id,
                      .reason = message.error().message}});
    return std::nullopt;
  }
  // Before it is written: the ack may be back before the write is told to be done.
  backend_.outstanding.Note(std::static_pointer_cast<Stream>(shared_from_this()), caller(),
                            request_.search_key2(), message->user_token(), delivery.id,
                            backend_.options.clock.Monotonic(), delivery.deadline);
  backend_.delivered.Add();
  return ToBuffer(*message);
}

void Stream::OnWriteDone(bool ok) {
  executor_.Post([this, ok] { Written(ok); });
}

void Stream::Written(bool ok) {
  writing_ = false;
  response_.Clear();
  if (finished()) return;
  if (cancelled_ || !ok) {
    member_.reset();
    return Call::Cancelled();
  }
  WriteOn();
  TopUpCredit();
}

}  // namespace postroad::killbill
