// Asking, in coroutines: the requester's side of a session, whichever side connected.
#ifndef POSTROAD_RSOCKET_COROUTINE_REQUESTER_H_
#define POSTROAD_RSOCKET_COROUTINE_REQUESTER_H_

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <memory>
#include <string_view>

#include "rsocket/coroutine/streams.h"

namespace postroad::rsocket {

// A channel that we opened. We send what follows the first payload until Complete, Fail or its end.
class Channel {
 public:
  explicit Channel(const std::shared_ptr<Exchange>& exchange)
      : in_(exchange), out_(exchange), exchange_(exchange) {}

  Inbound& in() { return in_; }
  Outbound& out() { return out_; }
  // We have nothing more to send.
  void Complete();
  // Ends both directions with an error.
  void Fail(const Error& error) { exchange_->Finish(std::unexpected(error)); }

 private:
  Inbound in_;
  Outbound out_;
  std::shared_ptr<Exchange> exchange_;
};

// Cheap to copy; used on the session's thread. Every call fails with UNAVAILABLE once the session
// has ended, with RESOURCE_EXHAUSTED where too much waits to be sent already (CONGESTED) or the
// peer grants no lease (NO_LEASE).
class Requester {
 public:
  static constexpr uint32_t kWindow = 64;

  // `executor` is that of the session's thread.
  Requester(const std::shared_ptr<Session>& session, boost::asio::any_io_executor executor)
      : session_(session), executor_(std::move(executor)) {}

  // The answer; an empty one if the peer completed without. A peer's ERROR is an error with the
  // code's name as reason. Cancelled, it cancels the request.
  Async<Result<Payload>> RequestResponse(Payload request) const;
  // At most `window` payloads come ahead of Next.
  Result<Inbound> RequestStream(const Payload& request, uint32_t window = kWindow) const;
  Result<Channel> RequestChannel(const Payload& first, uint32_t window = kWindow) const;
  Status FireAndForget(const Payload& payload) const;
  Status MetadataPush(std::string_view metadata) const;

  // Null once the session is gone.
  std::shared_ptr<Session> session() const { return session_.lock(); }

 private:
  Result<std::shared_ptr<Exchange>> Ask(Interaction interaction, const Payload& request,
                                        uint32_t window) const;

  std::weak_ptr<Session> session_;
  boost::asio::any_io_executor executor_;
};

}  // namespace postroad::rsocket

#endif  // POSTROAD_RSOCKET_COROUTINE_REQUESTER_H_
