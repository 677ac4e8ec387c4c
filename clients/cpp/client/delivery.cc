// Deliveries: made from a batch as it came, settled from any thread.
#include <utility>

#include "client/read_response.h"
#include "client/status.h"
#include "client/subscriber_impl.h"
#include "client/wire.h"
#include "core/utf8.h"

namespace postroad {

using client::Settlements;
using client::WireField;
using client::WireReader;

namespace {

constexpr size_t kMaxReply = 64 << 10;
constexpr Duration kMaxDelay = std::chrono::hours(24 * 365);

Status CheckReason(std::string_view reason) {
  if (!IsValidUtf8(reason)) return Invalid("reason", "is not UTF-8");
  return {};
}

}  // namespace

Status Delivery::Source::Parse(std::shared_ptr<const grpc::Slice> message, std::string_view batch) {
  bytes = std::move(message);
  WireReader reader(batch);
  WireField field;
  bool good = true;
  while (good && reader.Next(field)) {
    switch (field.number) {
      case 1:
        topic = field.bytes;
        break;
      case 2:
        good = client::AppendIntegers(field.value, field.bytes, ids);
        break;
      case 3:
        good = client::AppendIntegers(field.value, field.bytes, offsets);
        break;
      case 4:
        records.push_back(field.bytes);
        break;
      case 5:
        stored_at = client::WireTimestamp(field.bytes);
        break;
      case 6:
        good = client::AppendIntegers(field.value, field.bytes, attempts);
        break;
      case 7:
        good = client::AppendIntegers(field.value, field.bytes, stored_after_ns);
        break;
      default:
        break;
    }
  }
  if (!good || !reader.ok() || records.size() != ids.size() || offsets.size() != ids.size() ||
      (!attempts.empty() && attempts.size() != ids.size()) ||
      (!stored_after_ns.empty() && stored_after_ns.size() != ids.size())) {
    return Fail(ErrorCode::kInternal, "the server sent a malformed DeliveryBatch");
  }
  return {};
}

Result<Delivery> Delivery::Source::Make(const std::shared_ptr<Source>& source, size_t i) {
  Delivery delivery;
  delivery.id_ = source->ids[i];
  delivery.offset_ = Offset(source->offsets[i]);
  delivery.attempt_ = source->attempts.empty() ? 1 : static_cast<uint32_t>(source->attempts[i]);
  delivery.stored_at_ = source->stored_at;
  if (!source->stored_after_ns.empty()) {
    delivery.stored_at_ += Duration(static_cast<int64_t>(source->stored_after_ns[i]));
  }
  delivery.source_ = source;
  POSTROAD_TRY(ParseRecord(source->records[i], delivery.event_));
  delivery.event_.topic = source->topic;
  delivery.open_ = true;
  return delivery;
}

Delivery::Delivery() = default;
Delivery::Delivery(Delivery&& other) noexcept { *this = std::move(other); }

Delivery::~Delivery() {
  if (open_) (void)Nack("the delivery was dropped without being settled");
}

Delivery& Delivery::operator=(Delivery&& other) noexcept {
  if (this == &other) return *this;
  if (open_) (void)Nack("the delivery was dropped without being settled");
  event_ = std::move(other.event_);
  offset_ = other.offset_;
  attempt_ = other.attempt_;
  stored_at_ = other.stored_at_;
  id_ = other.id_;
  open_ = std::exchange(other.open_, false);
  source_ = open_ ? std::move(other.source_) : other.source_;
  return *this;
}

Delivery Delivery::Defer() {
  Delivery taken;
  taken.event_ = event_;  // the handler may go on looking at its own
  taken.offset_ = offset_;
  taken.attempt_ = attempt_;
  taken.stored_at_ = stored_at_;
  taken.id_ = id_;
  taken.source_ = source_;
  taken.open_ = std::exchange(open_, false);
  return taken;
}

Status Delivery::SettleWith(const std::function<void(Settlements&)>& fill) {
  if (!std::exchange(open_, false)) {
    return Fail(ErrorCode::kFailedPrecondition, "the delivery is settled, deferred or empty", "",
                "ALREADY_SETTLED");
  }
  Settlements one;
  fill(one);
  return source_->subscriber->Settle(source_->session, std::move(one), 1);
}

Status Delivery::Ack() {
  return SettleWith([this](Settlements& s) { s.Ack(id_); });
}

Status Delivery::Nack(std::string_view reason, std::optional<Duration> delay) {
  POSTROAD_TRY(CheckReason(reason));
  if (delay && (*delay < Duration{} || *delay > kMaxDelay)) {
    return Invalid("delay", "must be from 0 to 365 days");
  }
  return SettleWith([&](Settlements& s) { s.Nack(id_, reason, delay); });
}

Status Delivery::Terminate(std::string_view reason) {
  POSTROAD_TRY(CheckReason(reason));
  return SettleWith([&](Settlements& s) { s.Terminate(id_, reason); });
}

Status Delivery::Reply(std::string_view payload) {
  if (payload.size() > kMaxReply) return Invalid("payload", "a reply has at most 64 KiB");
  return SettleWith([&](Settlements& s) { s.Reply(id_, payload); });
}

Status Delivery::Extend(Duration by) {
  if (by < std::chrono::milliseconds(100) || by > std::chrono::hours(24)) {
    return Invalid("by", "must be from 100 ms to 24 h");
  }
  if (!open_) {
    return Fail(ErrorCode::kFailedPrecondition, "the delivery is settled, deferred or empty", "",
                "ALREADY_SETTLED");
  }
  Settlements one;
  one.Extend(id_, by);
  return source_->subscriber->Settle(source_->session, std::move(one), 0);
}

}  // namespace postroad
