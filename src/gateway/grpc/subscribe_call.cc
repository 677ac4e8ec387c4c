// The bidirectional Subscribe: what the client sends. subscribe_write.cc has what it is sent.
#include "gateway/grpc/subscribe_call.h"

#include <algorithm>

#include "gateway/grpc/convert.h"
#include "gateway/grpc/message.h"

namespace postroad::gateway {

namespace {

constexpr uint64_t kMaxCredit = 1'000'000;
// Settle messages the engine may owe an answer to before the client has to wait.
constexpr size_t kMaxSettlesOpen = 16;
// Failures told in one go; more than this and the client has to read first.
constexpr size_t kMaxFailures = 10'000;
constexpr Duration kDefaultAutoInterval = std::chrono::seconds(1);
constexpr Duration kLeastAutoInterval = std::chrono::milliseconds(10);
constexpr Duration kMaxAutoInterval = std::chrono::hours(1);

Error NotJoined() {
  return {ErrorCode::kFailedPrecondition, "the first message must be `join`", "join", "NOT_JOINED"};
}

}  // namespace

void SubscribeCall::Started() {
  StartSendInitialMetadata();
  WatchDrain();
  ReadOn();
}

void SubscribeCall::Cancelled() {
  cancelled_ = true;
  member_.reset();  // its events go to others at once
  if (!writing_) Call::Cancelled();
}

void SubscribeCall::Finishing() {
  member_.reset();
  auto_timer_.Cancel();
  grace_timer_.Cancel();
  queue_.clear();
}

void SubscribeCall::Drain() { EndWith(broker::Draining()); }

void SubscribeCall::ReadOn() {
  const bool busy = joining_ || settles_open_ >= kMaxSettlesOpen || failed_.size() >= kMaxFailures;
  if (reading_ || half_closed_ || busy || finished() || end_) return;
  reading_ = true;
  StartRead(&request_);
}

void SubscribeCall::OnReadDone(bool ok) {
  Hand([this, ok] { Take(ok); });
}

void SubscribeCall::Take(bool ok) {
  reading_ = false;
  if (finished() || cancelled_) return;
  if (!ok) {
    half_closed_ = true;  // it leaves, or is cancelled
    return WriteOn();
  }
  auto taken = TakeMessage();
  request_.Clear();
  if (!taken) return EndWith(std::move(taken).error());
  ReadOn();
}

Status SubscribeCall::TakeMessage() {
  POSTROAD_TRY(ParseMessage(FlatMessage(request_).bytes(), message_));
  switch (message_.message_case()) {
    case v1::SubscribeRequest::kJoin:
      return TakeJoin(message_.join());
    case v1::SubscribeRequest::kCredit:
      if (!member_) return Fail(NotJoined());
      return TakeCredit(message_.credit().events());
    case v1::SubscribeRequest::kSettle:
      if (!member_) return Fail(NotJoined());
      TakeSettle(message_.settle());
      return {};
    case v1::SubscribeRequest::MESSAGE_NOT_SET:
      break;
  }
  return Invalid("message", "must be one of join, credit, settle");
}

Status SubscribeCall::TakeJoin(const v1::Join& join) {
  if (join_) {
    return Fail(ErrorCode::kFailedPrecondition, "joined already; one stream is one member", "join",
                "ALREADY_JOINED");
  }
  broker::JoinRequest request{.subscription = join.subscription(), .field = "join."};
  POSTROAD_TRY(CheckName(request.subscription, "join.subscription"));
  if (join.has_create()) {
    POSTROAD_ASSIGN(request.create, FromProto(join.create(), "join.create"));
  }
  request.options.client_id = join.client_id();
  if (!v1::CommitMode_IsValid(join.commit_mode())) {
    return Invalid("join.commit_mode", "no commit mode of this number is known");
  }
  auto_ack_ = join.commit_mode() == v1::COMMIT_MODE_AUTO;
  auto_interval_ = kDefaultAutoInterval;
  if (join.has_auto_interval()) {
    POSTROAD_ASSIGN(auto_interval_, FromProto(join.auto_interval(), "join.auto_interval"));
    if (auto_interval_ < kLeastAutoInterval || auto_interval_ > kMaxAutoInterval) {
      return Invalid("join.auto_interval", "must be 10 ms to 1 h");
    }
  }
  if (join.credit() > kMaxCredit) return Invalid("join.credit", "must be at most 1,000,000");
  client_credit_ = join.credit();
  join_ = std::move(request);
  joining_ = true;
  // Making a subscription waits for the disk.
  gateway_.blocking.Next().Post(
      [self = std::static_pointer_cast<SubscribeCall>(shared_from_this())]() mutable {
        auto seen = self->gateway_.broker.PrepareJoin(*self->principal_, *self->join_);
        Executor& executor = self->executor_;
        executor.Post([self = std::move(self), seen = std::move(seen)]() mutable {
          self->Prepared(std::move(seen));
        });
      });
  return {};
}

void SubscribeCall::Prepared(Result<broker::SubscriptionSeen> seen) {
  joining_ = false;
  if (finished() || cancelled_) return;
  if (!seen) return EndWith(std::move(seen).error());
  auto member = gateway_.broker.Join(*principal_, *join_, executor_, *this);
  if (!member) return EndWith(std::move(member).error());
  member_ = *std::move(member);
  v1::SubscribeResponse response;
  response.mutable_joined()->set_created(seen->created);
  *response.mutable_joined()->mutable_settings() = ToProto(seen->settings);
  joined_ = ToBuffer(response.SerializeAsString());
  WriteOn();
  TopUpCredit();
  if (auto_ack_) ArmAutoAck();
  ReadOn();
}

Status SubscribeCall::TakeCredit(uint32_t events) {
  if (client_credit_ + member_credit_ + events > kMaxCredit) {
    return Invalid("credit.events", "at most 1,000,000 events may be outstanding");
  }
  client_credit_ += events;
  TopUpCredit();
  return {};
}

void SubscribeCall::TakeSettle(const v1::Settle& settle) {
  auto settlements = FromProto(settle, failed_);
  if (!settlements.empty()) {
    std::vector<delivery::DeliveryId> ids;
    ids.reserve(settlements.size());
    for (const auto& settlement : settlements) ids.push_back(settlement.id);
    ++settles_open_;
    member_->SettleThen(std::move(settlements), [weak = Weak(this), ids = std::move(ids)](
                                                    std::vector<delivery::SettleFailure> failures) {
      if (auto self = weak.lock()) self->Settled(ids, std::move(failures));
    });
  }
  if (!failed_.empty()) WriteOn();
}

void SubscribeCall::Settled(const std::vector<delivery::DeliveryId>& ids,
                            std::vector<delivery::SettleFailure> failures) {
  --settles_open_;
  if (finished()) return;
  for (auto& failure : failures) {
    failed_.emplace_back(ids[failure.index].value(), std::move(failure.error));
  }
  WriteOn();
  ReadOn();
}

void SubscribeCall::ArmAutoAck() {
  auto_timer_ = executor_.PostAfter(auto_interval_, [weak = Weak(this)] {
    if (auto self = weak.lock()) self->AutoAck();
  });
}

void SubscribeCall::AutoAck() {
  if (finished() || !member_) return;
  std::vector<delivery::Settlement> settlements;
  settlements.reserve(written_before_.size());
  for (const auto id : written_before_) {
    settlements.push_back({.kind = delivery::SettleKind::kAck, .id = id});
  }
  written_before_.clear();
  written_before_.swap(written_now_);
  if (!settlements.empty()) member_->Settle(std::move(settlements));
  ArmAutoAck();
}

}  // namespace postroad::gateway
