// Pipelined posting over one stream.
#include "gateway/grpc/post_stream_call.h"

#include "gateway/grpc/message.h"
#include "gateway/grpc/post_message.h"

namespace postroad::gateway {

void PostStreamCall::Started() {
  traceparent_ = Traceparent(context_);
  WatchDrain();
  StartSendInitialMetadata();
  ReadOn();
}

void PostStreamCall::Drain() {
  draining_ = true;
  WriteOn();
}

void PostStreamCall::Cancelled() {
  cancelled_ = true;
  if (!writing_) Call::Cancelled();
}

void PostStreamCall::ReadOn() {
  const bool room = slots_.size() < gateway_.options.post_window_batches &&
                    window_bytes_ < gateway_.options.post_window_bytes;
  if (reading_ || half_closed_ || draining_ || finished() || !room) return;
  reading_ = true;
  StartRead(&request_);
}

void PostStreamCall::OnReadDone(bool ok) {
  Hand([this, ok] {
    reading_ = false;
    if (finished()) return;
    if (ok) {
      TakeRequest();
    } else {
      half_closed_ = true;
    }
    WriteOn();
    ReadOn();
  });
}

void PostStreamCall::TakeRequest() {
  const FlatMessage message(request_);
  const uint64_t sequence = first_ + slots_.size();
  slots_.push_back({.bytes = message.bytes().size()});
  window_bytes_ += message.bytes().size();
  Post(sequence, message.bytes());
  request_.Clear();
}

void PostStreamCall::Post(uint64_t sequence, std::string_view request) {
  auto command = ParsePost(request, gateway_.broker, *principal_, traceparent_);
  if (!command) return Answer(sequence, PostRefusal(command.error()));
  auto done = [weak = Weak(this), sequence](Result<broker::PostOutcome> outcome) {
    auto self = weak.lock();
    if (!self || self->finished()) return;
    self->Answer(sequence, outcome ? PostResponse(*outcome) : PostRefusal(outcome.error()));
    self->WriteOn();
  };
  if (!command->await) {
    return gateway_.broker.Post(std::move(command->post), executor_, std::move(done));
  }
  auto wait = gateway_.broker.PostAndAwait(std::move(command->post), *command->await, executor_,
                                           std::move(done));
  if (!wait) return Answer(sequence, PostRefusal(wait.error()));
  slots_[sequence - first_].wait = *std::move(wait);
}

void PostStreamCall::Answer(uint64_t sequence, grpc::ByteBuffer answer) {
  Slot& slot = slots_[sequence - first_];
  slot.answered = true;
  slot.answer.Swap(&answer);
}

void PostStreamCall::WriteOn() {
  if (writing_ || finished()) return;
  if (slots_.empty()) {
    if (half_closed_) return FinishOk();
    if (draining_) FinishWith(broker::Draining());
    return;
  }
  if (!slots_.front().answered) return;
  writing_ = true;
  grpc::WriteOptions options;
  // More answers are ready: let them share a packet.
  if (slots_.size() > 1 && slots_[1].answered) options.set_buffer_hint();
  StartWrite(&slots_.front().answer, options);
}

void PostStreamCall::OnWriteDone(bool ok) {
  Hand([this, ok] { Written(ok); });
}

void PostStreamCall::Written(bool ok) {
  writing_ = false;
  if (finished()) return;
  if (cancelled_ || !ok) return Call::Cancelled();
  window_bytes_ -= slots_.front().bytes;
  slots_.pop_front();
  ++first_;
  WriteOn();
  ReadOn();
}

}  // namespace postroad::gateway
