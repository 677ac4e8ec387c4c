// The bidirectional Subscribe: what the client is sent.
#include <algorithm>

#include "gateway/grpc/message.h"
#include "gateway/grpc/subscribe_call.h"

namespace postroad::gateway {

namespace {

// Of deliveries that wait here for the client, and of credit passed on for more.
constexpr size_t kQueueEvents = 4'096;
constexpr size_t kQueueBytes = 2 << 20;
// How long an ended call waits for its client to take what is under way.
constexpr Duration kEndGrace = std::chrono::seconds(5);

}  // namespace

void SubscribeCall::TopUpCredit() {
  if (!member_ || client_credit_ == 0) return;
  const uint64_t waiting = queue_.size() - queue_at_;
  const uint64_t by_bytes = (kQueueBytes - std::min(kQueueBytes, queue_bytes_)) / mean_bytes_;
  // One event may always come: it may be larger than all this.
  const uint64_t room = std::max<uint64_t>(
      waiting == 0 ? 1 : 0,
      std::min<uint64_t>(kQueueEvents - std::min<uint64_t>(kQueueEvents, waiting), by_bytes));
  if (room <= member_credit_) return;
  const uint64_t grant = std::min(room - member_credit_, client_credit_);
  // Not in crumbs: each grant is a hand-over.
  if (grant < std::min<uint64_t>(client_credit_, kQueueEvents / 8) && member_credit_ > 0) return;
  client_credit_ -= grant;
  member_credit_ += grant;
  member_->AddCredit(grant);
}

void SubscribeCall::OnDeliveries(std::vector<delivery::Delivery> deliveries) {
  if (finished() || cancelled_ || deliveries.empty()) return;
  size_t bytes = 0;
  for (const auto& delivery : deliveries) bytes += delivery.record.size();
  member_credit_ -= std::min<uint64_t>(member_credit_, deliveries.size());
  mean_bytes_ = std::max<size_t>(64, (mean_bytes_ * 3 + bytes / deliveries.size()) / 4);
  queue_bytes_ += bytes;
  if (queue_at_ == queue_.size()) {
    queue_ = std::move(deliveries);
    queue_at_ = 0;
  } else {
    if (queue_at_ > queue_.size() / 2) {  // lets go of what is written
      queue_.erase(queue_.begin(), queue_.begin() + static_cast<ptrdiff_t>(queue_at_));
      queue_at_ = 0;
    }
    queue_.insert(queue_.end(), std::make_move_iterator(deliveries.begin()),
                  std::make_move_iterator(deliveries.end()));
  }
  WriteOn();
}

void SubscribeCall::OnSettleFailures(std::vector<delivery::SettleFailure>) {
  // Of acks that this call made itself (COMMIT_MODE_AUTO): those events expired and will come
  // again.
}

void SubscribeCall::OnClosed(Error reason) { EndWith(std::move(reason)); }

void SubscribeCall::EndWith(Error reason) {
  if (finished() || end_) return;
  end_ = std::move(reason);
  if (!writing_) return WriteOn();
  grace_timer_ = executor_.PostAfter(kEndGrace, [weak = Weak(this)] {
    if (auto self = weak.lock(); self && !self->finished()) self->context_.TryCancel();
  });
}

void SubscribeCall::WriteOn() {
  if (writing_ || finished()) return;
  if (joined_) {
    grpc::ByteBuffer joined = *std::exchange(joined_, std::nullopt);
    return Write(std::move(joined));
  }
  if (!failed_.empty()) {
    grpc::ByteBuffer message = FailuresMessage(failed_);
    failed_.clear();
    return Write(std::move(message));
  }
  if (end_) return FinishWith(*end_);
  if (half_closed_) {
    // What it settled is done first; what it holds goes back.
    if (settles_open_ == 0 && !joining_) FinishOk();
    return;
  }
  if (queue_at_ < queue_.size()) WriteDeliveries();
}

void SubscribeCall::WriteDeliveries() {
  const std::span<const delivery::Delivery> waiting(queue_.begin() + queue_at_, queue_.end());
  const auto batch = waiting.first(DeliveryBatchCount(waiting));
  size_t bytes = 0;
  for (const auto& delivery : batch) bytes += delivery.record.size();
  if (auto_ack_) {
    for (const auto& delivery : batch) writing_ids_.push_back(delivery.id);
  }
  gateway_.delivered_events.Add(static_cast<double>(batch.size()));
  gateway_.delivered_bytes.Add(static_cast<double>(bytes));
  if (batch.front().attempt == 1) writing_stored_at_ = batch.front().stored_at;
  grpc::ByteBuffer message = DeliveriesMessage(batch);
  queue_at_ += batch.size();
  queue_bytes_ -= bytes;
  if (queue_at_ == queue_.size()) {
    queue_.clear();
    queue_at_ = 0;
  }
  Write(std::move(message));
}

void SubscribeCall::Write(grpc::ByteBuffer message) {
  response_.Swap(&message);
  writing_ = true;
  StartWrite(&response_);
}

void SubscribeCall::OnWriteDone(bool ok) {
  Hand([this, ok] { Written(ok); });
}

void SubscribeCall::Written(bool ok) {
  writing_ = false;
  response_.Clear();
  if (finished()) return;
  if (cancelled_ || !ok) {
    member_.reset();
    return Call::Cancelled();
  }
  if (const auto stored_at = std::exchange(writing_stored_at_, std::nullopt)) {
    gateway_.stored_to_written.Observe(
        std::chrono::duration<double>(gateway_.clock.Now() - *stored_at).count());
  }
  written_now_.insert(written_now_.end(), writing_ids_.begin(), writing_ids_.end());
  writing_ids_.clear();
  WriteOn();
  TopUpCredit();
  ReadOn();
}

}  // namespace postroad::gateway
