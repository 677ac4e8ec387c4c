// Administrative calls on the threads that may block.
#include "gateway/grpc/admin_call.h"

#include <optional>

#include "gateway/grpc/convert.h"
#include "gateway/grpc/message.h"

namespace postroad::gateway {

namespace {

// Administrative calls that may be queued or running at once.
constexpr size_t kMaxBlockingCalls = 256;

}  // namespace

void AdminCall::Started() {
  if (gateway_.blocking_calls.fetch_add(1) >= kMaxBlockingCalls) {
    gateway_.blocking_calls.fetch_sub(1);
    return FinishWith({ErrorCode::kResourceExhausted,
                       "too many administrative calls at once; try again in a moment", "",
                       "OVERLOADED"});
  }
  auto self = std::static_pointer_cast<AdminCall>(shared_from_this());
  gateway_.blocking.Next().Post([self = std::move(self)]() mutable {
    const FlatMessage request(self->request_);
    auto answer = self->work_(self->gateway_, *self->principal_, request.bytes());
    self->gateway_.blocking_calls.fetch_sub(1);
    Executor& executor = self->executor_;
    executor.Post([self = std::move(self), answer = std::move(answer)]() mutable {
      self->Answer(std::move(answer));
    });
  });
}

void AdminCall::Answer(Result<std::string> answer) {
  if (finished()) return;  // and the response is gone
  if (!answer) return FinishWith(answer.error());
  response_ = ToBuffer(*std::move(answer));
  FinishOk();
}

void AwaitReceiptCall::Started() {
  if (auto awaiting = Await(); !awaiting) return FinishWith(awaiting.error());
  WatchDrain();
}

Status AwaitReceiptCall::Await() {
  v1::AwaitReceiptRequest request;
  POSTROAD_TRY(ParseMessage(FlatMessage(request_).bytes(), request));
  POSTROAD_ASSIGN(const Duration timeout, FromProto(request.timeout(), "timeout"));
  std::optional<Offset> offset;
  if (request.has_offset()) offset = Offset(request.offset());
  POSTROAD_ASSIGN(wait_,
                  gateway_.broker.AwaitReceipt(
                      *principal_, request.topic(), request.event_id(), offset, timeout, executor_,
                      [weak = Weak(this)](const broker::EventReceipt& receipt, bool late) {
                        if (auto self = weak.lock()) self->Settled(receipt, late);
                      }));
  return {};
}

void AwaitReceiptCall::Settled(const broker::EventReceipt& receipt, bool timed_out) {
  if (finished()) return;
  v1::AwaitReceiptResponse response;
  *response.mutable_receipt() = ToProto(receipt);
  response.set_timed_out(timed_out);
  response_ = ToBuffer(response.SerializeAsString());
  FinishOk();
}

}  // namespace postroad::gateway
