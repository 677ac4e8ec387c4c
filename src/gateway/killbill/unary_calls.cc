// See unary_calls.h.
#include "gateway/killbill/unary_calls.h"

#include "gateway/killbill/event_msg.h"
#include "gateway/killbill/stream.h"

namespace postroad::killbill {
namespace {

// How long a Close waits for streams whose clients do not read.
constexpr Duration kCloseWait = std::chrono::seconds(2);

}  // namespace

void PostCall::Started() {
  if (auto status = Post(); !status) FinishWith(InWordsOfEventMsg(status.error()));
}

Status PostCall::Post() {
  broker::Broker& broker = backend_.options.broker;
  POSTROAD_ASSIGN(const Event event, ToEvent(request_, backend_.options.clock.Now()));
  EventView view = ViewOf(event);
  broker::PostBuilder builder = broker.NewPost(*principal_, {.field = "event"});
  POSTROAD_TRY(builder.Add(view));
  POSTROAD_ASSIGN(auto post, builder.Finish());
  broker.Post(std::move(post), executor_, [weak = Weak(this)](auto outcome) {
    const auto self = weak.lock();
    if (!self || self->finished()) return;
    outcome ? self->FinishOk() : self->FinishWith(InWordsOfEventMsg(outcome.error()));
  });
  return {};
}

void AckCall::Started() {
  auto taken = backend_.outstanding.Take(caller(), request_.user_token(),
                                         backend_.options.clock.Monotonic());
  if (!taken) return Settled(false);
  delivery::Settlement settlement{.kind = delivery::SettleKind::kAck, .id = taken->id};
  if (!request_.success()) {
    settlement.kind = delivery::SettleKind::kNack;
    settlement.reason = "acked without success";
  }
  taken->stream->Settle(std::move(settlement), [weak = Weak(this)](bool known) {
    const auto self = weak.lock();
    if (!self) return;
    Executor& executor = self->executor_;
    executor.Post([self, known] { self->Settled(known); });
  });
}

void AckCall::Settled(bool known) {
  if (!known) backend_.NoteUnknownAck(request_.user_token(), caller());
  FinishOk();
}

void CloseCall::Started() {
  const auto streams = backend_.outstanding.StreamsOf({caller(), request_.client_id()});
  streams_ = streams.size();
  if (streams.empty()) return FinishOk();
  timer_ = executor_.PostAfter(kCloseWait, [weak = Weak(this)] {
    if (auto self = weak.lock()) self->FinishOk();
  });
  for (const auto& stream : streams) {
    stream->Close([weak = Weak(this)] {
      const auto self = weak.lock();
      if (!self) return;
      Executor& executor = self->executor_;
      executor.Post([self] {
        if (--self->streams_ == 0) self->FinishOk();
      });
    });
  }
}

}  // namespace postroad::killbill
