// See responder.h.
#include "rsocket/coroutine/responder.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <utility>

namespace postroad::rsocket {
namespace {

namespace asio = boost::asio;

std::unexpected<Error> NotAnswered() {
  return Fail(ErrorCode::kUnimplemented, "no requests of this kind are answered here");
}

Status Thrown(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& e) {
    return Fail(ErrorCode::kInternal, e.what());
  } catch (...) {
    return Fail(ErrorCode::kInternal, "the responder failed");
  }
}

Async<Status> Respond(std::shared_ptr<Responder> responder, std::shared_ptr<Exchange> exchange,
                      Payload request) {
  auto answer = co_await responder->RequestResponse(std::move(request));
  if (!answer) co_return std::unexpected(std::move(answer).error());
  co_return co_await exchange->Send(answer->Encoded(), true);
}

Async<Status> Stream(std::shared_ptr<Responder> responder, std::shared_ptr<Exchange> exchange,
                     Payload request) {
  co_return co_await responder->RequestStream(std::move(request), Outbound(std::move(exchange)));
}

Async<Status> Channel(std::shared_ptr<Responder> responder, std::shared_ptr<Exchange> exchange) {
  Inbound in(exchange);
  co_return co_await responder->RequestChannel(std::move(in), Outbound(std::move(exchange)));
}

Async<void> Forget(std::shared_ptr<Responder> responder, Payload payload) {
  co_await responder->FireAndForget(std::move(payload));
}

class Handler final : public SessionHandler {
 public:
  Handler(std::shared_ptr<Responder> responder, asio::any_io_executor executor,
          ResponderOptions options)
      : responder_(std::move(responder)), executor_(std::move(executor)), options_(options) {}

  std::expected<void, Refusal> OnSetup(Session& session, const SetupInfo& setup) override {
    return responder_->OnSetup(Requester(session.shared_from_this(), executor_), setup);
  }
  StreamHandlerPtr OnRequest(rsocket::Stream& stream, Interaction interaction,
                             const PayloadView& payload) override;
  void OnFireAndForget(const PayloadView& payload) override;
  void OnMetadataPush(std::string_view metadata) override { responder_->OnMetadataPush(metadata); }
  void OnIgnored(std::string_view what) override { responder_->OnIgnored(what); }
  void OnSuspended() override { responder_->OnSuspended(); }
  void OnResumed() override { responder_->OnResumed(); }
  void OnClosed(const EndReason& reason) override { responder_->OnClosed(reason); }

 private:
  Async<Status> Answer(Interaction interaction, const std::shared_ptr<Exchange>& exchange,
                       Payload request);

  const std::shared_ptr<Responder> responder_;
  const asio::any_io_executor executor_;
  const ResponderOptions options_;
  // Shared with those that run: they may outlive the session.
  const std::shared_ptr<uint32_t> forgetting_ = std::make_shared<uint32_t>(0);
};

Async<Status> Handler::Answer(Interaction interaction, const std::shared_ptr<Exchange>& exchange,
                              Payload request) {
  switch (interaction) {
    case Interaction::kResponse:
      return Respond(responder_, exchange, std::move(request));
    case Interaction::kStream:
      return Stream(responder_, exchange, std::move(request));
    case Interaction::kChannel:
      break;
  }
  exchange->SetFirst(std::move(request));
  exchange->Open();
  return Channel(responder_, exchange);
}

StreamHandlerPtr Handler::OnRequest(rsocket::Stream& stream, Interaction interaction,
                                    const PayloadView& payload) {
  const auto exchange = std::make_shared<Exchange>(executor_, options_.window);
  auto handler = exchange->MakeHandler(&stream);
  if (interaction != Interaction::kChannel) exchange->CloseInbound();
  asio::co_spawn(executor_, Answer(interaction, exchange, Payload(payload)),
                 asio::bind_cancellation_slot(
                     exchange->abandoned().slot(),
                     [exchange](const std::exception_ptr& thrown, const Status& status) {
                       exchange->Finish(thrown ? Thrown(thrown) : status);
                     }));
  return handler;
}

void Handler::OnFireAndForget(const PayloadView& payload) {
  if (*forgetting_ >= options_.max_fire_and_forgets) {
    return responder_->OnIgnored("a fire-and-forget: too many are being handled");
  }
  ++*forgetting_;
  asio::co_spawn(executor_, Forget(responder_, Payload(payload)),
                 [responder = responder_, running = forgetting_](const std::exception_ptr& thrown) {
                   --*running;
                   if (thrown) responder->OnIgnored(Thrown(thrown).error().message);
                 });
}

}  // namespace

Async<Result<Payload>> Responder::RequestResponse(Payload) { co_return NotAnswered(); }
Async<Status> Responder::RequestStream(Payload, Outbound) { co_return NotAnswered(); }
Async<Status> Responder::RequestChannel(Inbound, Outbound) { co_return NotAnswered(); }
Async<void> Responder::FireAndForget(Payload) {
  OnIgnored("a fire-and-forget, which is not handled here");
  co_return;
}

std::unique_ptr<SessionHandler> AnswerWith(std::shared_ptr<Responder> responder,
                                           const asio::any_io_executor& executor,
                                           ResponderOptions options) {
  return std::make_unique<Handler>(std::move(responder), executor, options);
}

}  // namespace postroad::rsocket
