// The two directions of a stream, as coroutines use them, each bounded by credit: the reader's
// window bounds what the peer may send, and a sender waits for what the peer has asked for.
#ifndef POSTROAD_RSOCKET_COROUTINE_STREAMS_H_
#define POSTROAD_RSOCKET_COROUTINE_STREAMS_H_

#include <memory>
#include <optional>
#include <utility>

#include "rsocket/coroutine/exchange.h"
#include "rsocket/coroutine/payload.h"

namespace postroad::rsocket {

// What comes. Used on the session's thread; one Next at a time. Dropped before the end, it cancels.
class Inbound {
 public:
  explicit Inbound(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
  ~Inbound() { Cancel(); }
  Inbound(Inbound&&) = default;
  Inbound& operator=(Inbound&& other) noexcept {
    Cancel();
    exchange_ = std::move(other.exchange_);
    return *this;
  }

  // The next payload; nothing at the orderly end; or why there is none: the peer's ERROR, or
  // UNAVAILABLE when the connection is gone.
  Async<Result<std::optional<Payload>>> Next() { return exchange_->Next(); }
  // Wants nothing more. Idempotent.
  void Cancel() {
    if (exchange_) exchange_->CancelInbound();
  }

 private:
  std::shared_ptr<Exchange> exchange_;
};

// What goes. Used on the session's thread; one Send at a time.
class Outbound {
 public:
  explicit Outbound(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}

  // Waits until the peer has asked for more, and there is room in the connection's queue. Errors:
  // CANCELLED if the peer wants no more, UNAVAILABLE when the connection is gone.
  Async<Status> Send(const Payload& payload) { return Send(payload.Encoded()); }
  Async<Status> Send(EncodedPayload payload) { return exchange_->Send(std::move(payload), false); }
  // The same, and nothing after it.
  Async<Status> SendLast(const Payload& payload) {
    return exchange_->Send(payload.Encoded(), true);
  }

 private:
  std::shared_ptr<Exchange> exchange_;
};

}  // namespace postroad::rsocket

#endif  // POSTROAD_RSOCKET_COROUTINE_STREAMS_H_
