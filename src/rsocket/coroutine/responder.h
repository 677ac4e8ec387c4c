// Answering, in coroutines: the responder's side of a session, whichever side connected.
#ifndef POSTROAD_RSOCKET_COROUTINE_RESPONDER_H_
#define POSTROAD_RSOCKET_COROUTINE_RESPONDER_H_

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <expected>
#include <memory>
#include <string_view>

#include "rsocket/coroutine/requester.h"
#include "rsocket/coroutine/streams.h"
#include "rsocket/session/session.h"

namespace postroad::rsocket {

// The application's side. Each request runs as a coroutine on the session's thread, and what it
// throws is an APPLICATION_ERROR. When the peer cancels, or the session ends, it is cancelled: what
// it waits for ends, and the next co_await throws (boost::system::system_error, operation_aborted).
class Responder {
 public:
  virtual ~Responder() = default;
  // The accepting side: a client connected. `peer` asks it, from then on.
  virtual std::expected<void, Refusal> OnSetup(const Requester& peer, const SetupInfo& setup) {
    return {};
  }
  virtual Async<Result<Payload>> RequestResponse(Payload request);
  // Ends with success, or with the error that the peer gets.
  virtual Async<Status> RequestStream(Payload request, Outbound out);
  // The request's own payload is the first of `in`.
  virtual Async<Status> RequestChannel(Inbound in, Outbound out);
  virtual Async<void> FireAndForget(Payload payload);
  virtual void OnMetadataPush(std::string_view metadata) {}
  // See SessionHandler.
  virtual void OnIgnored(std::string_view what) {}
  virtual void OnSuspended() {}
  virtual void OnResumed() {}
  virtual void OnClosed(const EndReason& reason) {}
};

struct ResponderOptions {
  uint32_t window = Requester::kWindow;   // of a channel's inbound side
  uint32_t max_fire_and_forgets = 1'000;  // running at once; more are left out (OnIgnored)
};

// The handler of a session whose requests `responder` answers. `executor` is that of its thread.
std::unique_ptr<SessionHandler> AnswerWith(std::shared_ptr<Responder> responder,
                                           const boost::asio::any_io_executor& executor,
                                           ResponderOptions options = {});

}  // namespace postroad::rsocket

#endif  // POSTROAD_RSOCKET_COROUTINE_RESPONDER_H_
