// The unary Post.
#include "gateway/grpc/post_call.h"

#include "gateway/grpc/message.h"
#include "gateway/grpc/post_message.h"

namespace postroad::gateway {

void PostCall::Started() {
  const FlatMessage request(request_);
  auto command = ParsePost(request.bytes(), gateway_.broker, *principal_, Traceparent(context_));
  if (!command) return FinishWith(command.error());
  auto done = [weak = Weak(this)](Result<broker::PostOutcome> outcome) {
    if (auto self = weak.lock()) self->Completed(std::move(outcome));
  };
  if (!command->await) {
    return gateway_.broker.Post(std::move(command->post), executor_, std::move(done));
  }
  auto wait = gateway_.broker.PostAndAwait(std::move(command->post), *command->await, executor_,
                                           std::move(done));
  if (!wait) return FinishWith(wait.error());
  wait_ = *std::move(wait);
  WatchDrain();
}

void PostCall::Completed(Result<broker::PostOutcome> outcome) {
  if (finished()) return;
  if (!outcome) return FinishWith(outcome.error());
  response_ = PostResponse(*outcome);
  FinishOk();
}

}  // namespace postroad::gateway
