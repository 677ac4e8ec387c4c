// What a coroutine and its stream have between them: payloads that came, credit to wait for, the
// end. The inside of Inbound and Outbound.
#ifndef POSTROAD_RSOCKET_COROUTINE_EXCHANGE_H_
#define POSTROAD_RSOCKET_COROUTINE_EXCHANGE_H_

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "rsocket/coroutine/payload.h"
#include "rsocket/session/session.h"
#include "runtime/asio_signal.h"

namespace postroad::rsocket {

// On the session's thread, as all of this folder. One coroutine at a time in Next, one in Send.
class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  // The peer is asked for `window` payloads ahead, and no more are ever held.
  Exchange(const boost::asio::any_io_executor& executor, uint32_t window)
      : readable_(executor), writable_(executor), window_(window) {}

  // The stream's handler, which tells this. `stream` is null for a request that is still to be
  // made.
  StreamHandlerPtr MakeHandler(Stream* stream);
  void SetStream(Stream* stream) { stream_ = stream; }
  // What came with the request itself, which needed no credit.
  void SetFirst(Payload first) { first_ = std::move(first); }
  // Nothing will come.
  void CloseInbound() { in_done_ = true; }
  // Nothing will be sent.
  void CloseOutbound() { out_done_ = true; }
  // Asks for the first of what is to come.
  void Open() {
    if (stream_ != nullptr) stream_->Request(window_);
  }

  Async<Result<std::optional<Payload>>> Next();
  Async<Status> Send(EncodedPayload payload, bool complete);
  // The answer is given: with success, or the error.
  void Finish(const Status& status);
  // Wants nothing more.
  void CancelInbound();
  // Sends nothing more.
  void CompleteOutbound();
  uint32_t window() const { return window_; }
  // Set off when there is no use in going on: the peer has cancelled, or the session has ended.
  boost::asio::cancellation_signal& abandoned() { return abandoned_; }

 private:
  class Handler;
  void Took();
  void End(Error error);
  void Abandon();

  Stream* stream_ = nullptr;  // null once it is over
  Signal readable_, writable_;
  const uint32_t window_;
  uint32_t taken_ = 0;  // since the peer was last asked
  std::optional<Payload> first_;
  std::deque<Payload> arrived_;
  bool in_done_ = false, out_done_ = false;
  bool cancelled_ = false;  // by us
  bool finished_ = false;   // the coroutine has ended
  std::optional<Error> in_error_, out_error_;
  boost::asio::cancellation_signal abandoned_;
};

}  // namespace postroad::rsocket

#endif  // POSTROAD_RSOCKET_COROUTINE_EXCHANGE_H_
