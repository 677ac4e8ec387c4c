// See requester.h.
#include "rsocket/coroutine/requester.h"

#include <utility>

namespace postroad::rsocket {
namespace {

std::unexpected<Error> Gone() { return Fail(ErrorCode::kUnavailable, "the session has ended"); }

}  // namespace

void Channel::Complete() { exchange_->CompleteOutbound(); }

Result<std::shared_ptr<Exchange>> Requester::Ask(Interaction interaction, const Payload& request,
                                                 uint32_t window) const {
  const auto session = session_.lock();
  if (!session) return Gone();
  if (window == 0 || window > kMaxRequestN) {
    return Invalid("window", "must be from 1 to 2147483647");
  }
  auto exchange = std::make_shared<Exchange>(executor_, window);
  if (interaction != Interaction::kChannel) exchange->CloseOutbound();
  auto handler = exchange->MakeHandler(nullptr);
  POSTROAD_ASSIGN(Stream* const stream,
                  session->Request(interaction, request.Encoded(), window, std::move(handler)));
  exchange->SetStream(stream);
  return exchange;
}

Async<Result<Payload>> Requester::RequestResponse(Payload request) const {
  auto asked = Ask(Interaction::kResponse, request, 1);
  if (!asked) co_return std::unexpected(std::move(asked).error());
  Inbound answer(*std::move(asked));
  auto payload = co_await answer.Next();
  if (!payload) co_return std::unexpected(std::move(payload).error());
  co_return payload->has_value() ? **std::move(payload) : Payload();
}

Result<Inbound> Requester::RequestStream(const Payload& request, uint32_t window) const {
  POSTROAD_ASSIGN(auto exchange, Ask(Interaction::kStream, request, window));
  return Inbound(std::move(exchange));
}

Result<Channel> Requester::RequestChannel(const Payload& first, uint32_t window) const {
  POSTROAD_ASSIGN(const auto exchange, Ask(Interaction::kChannel, first, window));
  return Channel(exchange);
}

Status Requester::FireAndForget(const Payload& payload) const {
  const auto session = session_.lock();
  if (!session) return Gone();
  return session->FireAndForget(payload.Encoded());
}

Status Requester::MetadataPush(std::string_view metadata) const {
  const auto session = session_.lock();
  if (!session) return Gone();
  return session->MetadataPush(metadata);
}

}  // namespace postroad::rsocket
