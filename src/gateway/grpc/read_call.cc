// The server-streaming Read.
#include "gateway/grpc/read_call.h"

#include "gateway/grpc/convert.h"
#include "gateway/grpc/message.h"
#include "gateway/grpc/read_message.h"

namespace postroad::gateway {

namespace {

constexpr Duration kLeastHeartbeat = std::chrono::seconds(1);
// How long an ended stream waits for its client to take what is under way.
constexpr Duration kEndGrace = std::chrono::seconds(5);

}  // namespace

void ReadCall::Started() {
  if (auto opened = Open(); !opened) return FinishWith(opened.error());
  StartSendInitialMetadata();
  last_write_ = gateway_.clock.Monotonic();
  if (heartbeat_ > Duration(0)) ArmHeartbeat(heartbeat_);
  Pump();
}

Status ReadCall::Open() {
  v1::ReadRequest request;
  POSTROAD_TRY(ParseMessage(FlatMessage(request_).bytes(), request));
  if (request.has_heartbeat()) {
    POSTROAD_ASSIGN(heartbeat_, FromProto(request.heartbeat(), "heartbeat"));
    if (heartbeat_ < kLeastHeartbeat) return Invalid("heartbeat", "must be at least 1 s");
  }
  POSTROAD_ASSIGN(broker::StreamSpec spec, FromProto(request));
  POSTROAD_ASSIGN(stream_, gateway_.broker.OpenStream(*principal_, std::move(spec)));
  stream_->OnEnded(executor_, [weak = Weak(this)] {
    if (auto self = weak.lock()) self->Ended();
  });
  return {};
}

void ReadCall::Cancelled() {
  cancelled_ = true;
  wait_.reset();
  stream_.reset();
  if (!writing_) Call::Cancelled();
}

void ReadCall::Finishing() {
  wait_.reset();
  stream_.reset();
  heartbeat_timer_.Cancel();
  grace_timer_.Cancel();
}

void ReadCall::Pump() {
  if (writing_ || finished()) return;
  wait_.reset();
  auto batch = stream_->Next();
  if (!batch) return FinishWith(batch.error());
  if (batch->Empty()) return WaitForMore();
  Write(*std::move(batch));
}

void ReadCall::WaitForMore() {
  wait_ = stream_->WaitForMore(executor_, [weak = Weak(this)] {
    if (auto self = weak.lock()) self->Pump();
  });
}

void ReadCall::Write(broker::StreamBatch batch) {
  stored_at_.reset();
  if (caught_up_ && !batch.runs.empty()) stored_at_ = batch.runs.back().stored_at;
  caught_up_ |= batch.caught_up;
  ending_ = batch.end;
  response_ = ReadResponse(batch);
  writing_ = true;
  StartWrite(&response_);
}

void ReadCall::OnWriteDone(bool ok) {
  Hand([this, ok] { Written(ok); });
}

void ReadCall::Written(bool ok) {
  writing_ = false;
  response_.Clear();
  if (finished()) return;
  if (cancelled_ || !ok) return Call::Cancelled();
  last_write_ = gateway_.clock.Monotonic();
  if (stored_at_) {
    gateway_.stored_to_written.Observe(
        std::chrono::duration<double>(gateway_.clock.Now() - *stored_at_).count());
  }
  if (ending_) return FinishOk();
  Pump();
}

// The broker ended the stream. A client that reads gets the reason; one that does not is cut off.
void ReadCall::Ended() {
  if (finished() || cancelled_) return;
  if (!writing_) return Pump();
  grace_timer_ = executor_.PostAfter(kEndGrace, [weak = Weak(this)] {
    if (auto self = weak.lock(); self && !self->finished()) self->context_.TryCancel();
  });
}

void ReadCall::ArmHeartbeat(Duration after) {
  heartbeat_timer_ = executor_.PostAfter(after, [weak = Weak(this)] {
    if (auto self = weak.lock()) self->Heartbeat();
  });
}

void ReadCall::Heartbeat() {
  if (finished() || cancelled_) return;
  const Duration silent = gateway_.clock.Monotonic() - last_write_;
  if (writing_ || silent < heartbeat_) {
    return ArmHeartbeat(writing_ ? heartbeat_ : heartbeat_ - silent);
  }
  ArmHeartbeat(heartbeat_);
  wait_.reset();
  Write({.cursor = stream_->Cursor()});
}

}  // namespace postroad::gateway
