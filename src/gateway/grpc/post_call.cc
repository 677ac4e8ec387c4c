// The unary Post.
#include "gateway/grpc/post_call.h"

#include "gateway/grpc/message.h"

namespace postroad::gateway {

namespace {

// Larger requests would keep gRPC's thread from its other connections for too long.
constexpr size_t kParseHere = 64 << 10;

}  // namespace

void PostCall::Started() {
  if (request_.Length() <= kParseHere) return Parse();
  Hand([this] { Parse(); });
}

void PostCall::Parse() {
  const FlatMessage request(request_);
  auto command = ParsePost(request.bytes(), gateway_.broker, *principal_, Traceparent(context_));
  if (!command) return FinishWith(command.error());
  if (command->await) {
    return Hand([this, command = *std::move(command)]() mutable { Await(std::move(command)); });
  }
  LiveBriefly();
  gateway_.broker.Post(std::move(command->post),
                       [weak = Weak(this)](Result<broker::PostOutcome> outcome) {
                         if (auto self = weak.lock()) self->Stored(std::move(outcome));
                       });
}

void PostCall::Await(PostCommand command) {
  auto wait =
      gateway_.broker.PostAndAwait(std::move(command.post), *command.await, executor_,
                                   [weak = Weak(this)](Result<broker::PostOutcome> outcome) {
                                     if (auto self = weak.lock()) self->Stored(std::move(outcome));
                                   });
  if (!wait) return FinishWith(wait.error());
  wait_ = *std::move(wait);
  WatchDrain();
}

void PostCall::Stored(Result<broker::PostOutcome> outcome) {
  if (!outcome) return FinishWith(outcome.error());
  // First, since the response is gone once another has finished the call.
  if (!MarkFinished(grpc::StatusCode::OK)) return;
  response_ = PostResponse(*outcome);
  Finish(grpc::Status::OK);
}

}  // namespace postroad::gateway
