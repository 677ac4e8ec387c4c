// See exchange.h.
#include "rsocket/coroutine/exchange.h"

#include <utility>

namespace postroad::rsocket {

class Exchange::Handler final : public StreamHandler {
 public:
  explicit Handler(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
  ~Handler() override {
    exchange_->stream_ = nullptr;
    if (exchange_->in_done_ && exchange_->out_done_) return;
    exchange_->End(exchange_->cancelled_
                       ? Error{ErrorCode::kCancelled, "cancelled on this side"}
                       : Error{ErrorCode::kUnavailable, "the connection is gone"});
  }
  void OnRoom() override { exchange_->writable_.Set(); }
  void OnPayload(const PayloadView& payload, bool complete) override {
    exchange_->arrived_.emplace_back(payload);
    exchange_->in_done_ |= complete;
    exchange_->readable_.Set();
  }
  void OnComplete() override {
    exchange_->in_done_ = true;
    exchange_->readable_.Set();
  }
  void OnCancel() override {
    exchange_->out_done_ = true;
    exchange_->out_error_ = {ErrorCode::kCancelled, "the peer has cancelled"};
    exchange_->writable_.Set();
    if (exchange_->in_done_) exchange_->Abandon();
  }
  void OnError(ErrorFrameCode code, std::string_view message) override {
    exchange_->End(ToError(code, message));
  }

 private:
  const std::shared_ptr<Exchange> exchange_;
};

StreamHandlerPtr Exchange::MakeHandler(Stream* stream) {
  stream_ = stream;
  return std::make_unique<Handler>(shared_from_this());
}

void Exchange::End(Error error) {
  const bool in = !std::exchange(in_done_, true), out = !std::exchange(out_done_, true);
  if (out) out_error_ = error;
  if (in) in_error_ = std::move(error);
  readable_.Set();
  writable_.Set();
  if (in || out) Abandon();
}

void Exchange::Abandon() {
  if (!finished_) abandoned_.emit(boost::asio::cancellation_type::terminal);
}

// Asks for as many as were taken, half a window at a time.
void Exchange::Took() {
  if (++taken_ < (window_ + 1) / 2 || in_done_ || stream_ == nullptr) return;
  stream_->Request(std::exchange(taken_, 0));
}

Async<Result<std::optional<Payload>>> Exchange::Next() {
  if (first_) co_return std::exchange(first_, std::nullopt);
  while (true) {
    if (!arrived_.empty()) {
      Payload payload = std::move(arrived_.front());
      arrived_.pop_front();
      Took();
      co_return payload;
    }
    if (in_done_ && in_error_) co_return postroad::Fail(*in_error_);
    if (in_done_) co_return std::nullopt;
    co_await readable_.Wait();
  }
}

Async<Status> Exchange::Send(EncodedPayload payload, bool complete) {
  while (stream_ != nullptr && !out_done_ && stream_->Room() == 0) co_await writable_.Wait();
  if (stream_ == nullptr || out_done_) {
    if (out_error_) co_return postroad::Fail(*out_error_);
    co_return postroad::Fail(ErrorCode::kFailedPrecondition, "nothing can be sent after the end");
  }
  out_done_ = complete;
  co_return stream_->Send(std::move(payload), complete);
}

void Exchange::Finish(const Status& status) {
  finished_ = true;
  const bool over = std::exchange(out_done_, true);
  if (stream_ == nullptr) return;
  if (!status && !over) {
    in_done_ = true;
    readable_.Set();
    return stream_->Fail(CodeOf(status.error()), status.error().message);
  }
  CancelInbound();
  if (stream_ != nullptr && !over) stream_->Complete();
}

void Exchange::CompleteOutbound() {
  if (std::exchange(out_done_, true)) return;
  if (stream_ != nullptr) stream_->Complete();
}

void Exchange::CancelInbound() {
  if (std::exchange(in_done_, true)) return;
  cancelled_ = true;
  arrived_.clear();
  if (stream_ != nullptr) stream_->Cancel();
  readable_.Set();
}

}  // namespace postroad::rsocket
