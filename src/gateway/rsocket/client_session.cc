// See client_session.h.
#include "gateway/rsocket/client_session.h"

#include <tuple>
#include <utility>

#include "gateway/rsocket/error_map.h"
#include "gateway/rsocket/identity.h"
#include "gateway/rsocket/own_routes.h"
#include "gateway/rsocket/shared_reader.h"
#include "gateway/rsocket/topic_reader.h"
#include "runtime/log.h"

namespace postroad::rsocket_gateway {

using rsocket::Interaction;

namespace {

std::unexpected<Error> NoRoute(std::string_view route, const Gateway& gateway) {
  return Fail(ErrorCode::kNotFound,
              "there is no route \"" + std::string(route) + "\"; there are " + gateway.RouteNames(),
              "metadata", "NO_ROUTE");
}

}  // namespace

ClientSession::ClientSession(Gateway& gateway, ClientOrigin origin)
    : gateway_(gateway), origin_(std::move(origin)), claimed_(!origin_.token.empty()) {}

ClientSession::~ClientSession() { NotOpen(); }

void ClientSession::NotOpen() {
  if (std::exchange(open_, false)) gateway_.sessions_open.Add(-1);
}

std::expected<void, rsocket::Refusal> ClientSession::OnSetup(rsocket::Session& session,
                                                             const rsocket::SetupInfo& setup) {
  session_ = &session;
  const Status entered = Enter(setup);
  if (entered) {
    open_ = true;
    gateway_.sessions_open.Add(1);
    return {};
  }
  gateway_.setups_refused.Add();
  LogInfo("rsocket: a client's SETUP is refused",
          {{"peer", origin_.peer}, {"error", entered.error()}});
  return std::unexpected(
      rsocket::Refusal{rsocket::ErrorFrameCode::kRejectedSetup, ErrorText(entered.error())});
}

Status ClientSession::Enter(const rsocket::SetupInfo& setup) {
  POSTROAD_ASSIGN(Identity identity, IdentityOf(setup));
  if (!identity.token.empty()) origin_.token = std::move(identity.token);
  POSTROAD_ASSIGN(auto principal, gateway_.authenticator.Authenticate(
                                      {.token = origin_.token, .peer = origin_.peer}));
  if (!identity.user.empty()) origin_.user = std::move(identity.user);
  if (gateway_.options.require_user && origin_.user.empty()) {
    return Invalid("setup.data", "must name the user whose notifications are wanted", "NO_USER");
  }
  if (!origin_.user.empty()) POSTROAD_TRY(CheckTopicName(origin_.user, "setup.data"));
  metadata_mime_ = setup.metadata_mime;
  POSTROAD_ASSIGN(
      connection_,
      gateway_.broker.Connect(
          *principal, {.user = origin_.user, .transport = origin_.transport, .peer = origin_.peer},
          gateway_.cores.at(origin_.core), *this));
  principal_ = std::move(principal);
  return {};
}

Result<rsocket::RequestMetadata> ClientSession::MetadataOf(
    const rsocket::PayloadView& payload) const {
  if (!payload.metadata) return rsocket::RequestMetadata();
  auto metadata = rsocket::ParseRequestMetadata(metadata_mime_, *payload.metadata);
  if (!metadata) return Invalid("metadata", metadata.error().message, "BAD_METADATA");
  return *std::move(metadata);
}

rsocket::StreamHandlerPtr ClientSession::OnRequest(rsocket::Stream& stream, Interaction interaction,
                                                   const rsocket::PayloadView& payload) {
  asked_ = true;
  auto handler = Answer(stream, interaction, payload);
  if (handler) return *std::move(handler);
  stream.Fail(ToErrorCode(handler.error().code), ErrorText(handler.error()));
  return nullptr;
}

Result<rsocket::StreamHandlerPtr> ClientSession::Answer(rsocket::Stream& stream,
                                                        Interaction interaction,
                                                        const rsocket::PayloadView& payload) {
  POSTROAD_ASSIGN(const rsocket::RequestMetadata metadata, MetadataOf(payload));
  const bool own = IsOwnRoute(metadata.route);
  const Route* const route = own ? nullptr : gateway_.FindRoute(metadata.route);
  if (!own && route == nullptr) return NoRoute(metadata.route, gateway_);
  const Interaction wanted = own ? Interaction::kResponse : Interaction::kStream;
  if (interaction != wanted) {
    return Invalid("metadata",
                   "route \"" + std::string(metadata.route) + "\" is for " +
                       (own ? "request-response" : "request-stream"),
                   "NO_ROUTE");
  }
  if (own) return AnswerOwn(stream, metadata.route, payload.data);
  return OpenReader(stream, *route, payload.data);
}

Result<rsocket::StreamHandlerPtr> ClientSession::OpenReader(rsocket::Stream& stream,
                                                            const Route& route,
                                                            std::string_view data) {
  if (origin_.user.empty() && route.topic.contains(kUserPlaceholder)) {
    return Invalid("setup.data", "must name the user whose notifications are wanted", "NO_USER");
  }
  POSTROAD_ASSIGN(ReadRequest request, ParseReadRequest(route, origin_.user, data));
  PayloadForm form = PayloadForm::kPlain;
  if (metadata_mime_ == rsocket::mime::kComposite) form = PayloadForm::kDescribed;
  if (request.lines) form = PayloadForm::kLine;
  if (route.receivers != Receivers::kAll) {
    const bool newest = route.receivers == Receivers::kNewest;
    auto shared = std::make_unique<SharedReader>(gateway_, origin_.core, stream, form);
    POSTROAD_TRY(shared->Open(*principal_, *connection_, std::move(request),
                              newest ? broker::TurnOrder::kNewest : broker::TurnOrder::kOne));
    return shared;
  }
  auto reader = std::make_unique<TopicReader>(gateway_, origin_.core, stream, form);
  POSTROAD_TRY(reader->Open(*principal_, *connection_, std::move(request)));
  return reader;
}

Result<rsocket::StreamHandlerPtr> ClientSession::AnswerOwn(rsocket::Stream& stream,
                                                           std::string_view route,
                                                           std::string_view data) {
  if (route == kPostRoute) {
    auto post = std::make_unique<PostAnswer>(gateway_, origin_.core, stream);
    POSTROAD_TRY(post->Begin(*principal_, data));
    return post;
  }
  std::string answer;
  if (route == kAckRoute) {
    POSTROAD_TRY(TakeAcks(*connection_, data));
  } else {
    POSTROAD_ASSIGN(answer, PresenceText(gateway_, *principal_, origin_.user, data));
  }
  POSTROAD_TRY(stream.Send(rsocket::PayloadView{{}, answer}, true));
  return std::make_unique<rsocket::StreamHandler>();
}

void ClientSession::OnFireAndForget(const rsocket::PayloadView& payload) {
  asked_ = true;
  const auto metadata = MetadataOf(payload);
  if (!metadata || !IsOwnRoute(metadata->route) || metadata->route == kPresenceRoute) {
    return OnIgnored("fire-and-forget to a route that takes none");
  }
  Status taken;
  if (metadata->route == kAckRoute) {
    taken = TakeAcks(*connection_, payload.data);
  } else {
    taken = PostAndForget(gateway_, *principal_, payload.data);
  }
  if (taken) return;
  gateway_.forgotten.Add();
  LogDebug("rsocket: a fire-and-forget could not be done",
           {{"peer", origin_.peer}, {"error", taken.error()}});
}

// --- What the broker wants of it ---

void ClientSession::OnClose(const Error& reason) {
  session_->Close(rsocket::ErrorFrameCode::kConnectionError, ErrorText(reason));
}

std::string ClientSession::MetadataFor(std::string_view route) const {
  std::string routing, metadata;
  rsocket::AppendRoutingTag(route, routing);
  if (metadata_mime_ == rsocket::mime::kRouting) return routing;
  if (metadata_mime_ == rsocket::mime::kComposite) {
    rsocket::AppendComposite(rsocket::mime::kRouting, routing, metadata);
  }
  return metadata;
}

void ClientSession::OnQuestion(const broker::Question& question) {
  Status asked;
  if (questions_->size() >= broker::kMaxOpenQuestions) {
    asked = postroad::Fail(ErrorCode::kResourceExhausted, "it has too many questions to answer");
  } else {
    const std::string metadata = MetadataFor(question.route);
    rsocket::PayloadView payload{{}, *question.payload};
    if (!metadata.empty()) payload.metadata = metadata;
    auto handler = std::make_unique<QuestionStream>(*connection_, question.id, questions_);
    auto stream = session_->Request(Interaction::kResponse, rsocket::EncodedPayload(payload), 0,
                                    std::move(handler));
    if (stream) {
      questions_->emplace(question.id, *stream);
    } else {
      asked = postroad::Fail(stream.error());
    }
  }
  if (asked) return;
  // It may be over meanwhile.
  std::ignore =
      connection_->Answer(question.id, broker::AnswerState::kFailed, ErrorText(asked.error()));
}

void ClientSession::OnWithdrawn(broker::QuestionId question) {
  const auto found = questions_->find(question);
  if (found != questions_->end()) found->second->Cancel();
}

// RESUME has no place for a key: the token stands for it, which is long enough where keys are
// configured. But a key that a handshake has shown, this one's or the session's, must be of the
// session's principal.
std::expected<void, rsocket::Refusal> ClientSession::MayResume(const std::string& claim) {
  if (!principal_ || (claim.empty() && !claimed_)) return {};
  const auto claims = gateway_.authenticator.Authenticate({.token = claim, .peer = origin_.peer});
  if (claims && (*claims)->name() == principal_->name()) return {};
  LogInfo("rsocket: a RESUME is refused: it does not show the key of its session",
          {{"session_of", principal_->name()}});
  return std::unexpected(
      rsocket::Refusal{rsocket::ErrorFrameCode::kRejectedResume,
                       "NOT_ALLOWED: the session was begun with another key than the handshake of "
                       "this connection shows; connect anew"});
}

void ClientSession::OnSuspended() {
  if (connection_) connection_->SetSuspended(true);
}
void ClientSession::OnResumed() {
  if (connection_) connection_->SetSuspended(false);
}

void ClientSession::OnIgnored(std::string_view what) {
  gateway_.ignored.Add();
  LogDebug("rsocket: ignored", {{"peer", origin_.peer}, {"what", what}});
}

void ClientSession::OnClosed(const rsocket::EndReason& reason) {
  gateway_.Ended(reason).Add();
  if (reason.by_peer && !asked_ && metadata_mime_ == rsocket::mime::kComposite &&
      reason.message.contains("1005")) {
    LogInfo(
        "rsocket: a client closed itself right behind its SETUP: npm rsocket-core 0.0.x does so "
        "where it has composite metadata and no encoders for it (pass `BufferEncoders` or your "
        "own to its transport)",
        {{"peer", origin_.peer}});
  }
  LogDebug("rsocket: session ended", {{"peer", origin_.peer},
                                      {"code", rsocket::ErrorFrameCodeName(reason.code)},
                                      {"by", reason.by_peer ? "peer" : "us"},
                                      {"reason", reason.message}});
  // At once: what is left of the session may linger.
  connection_.reset();
  NotOpen();
}

}  // namespace postroad::rsocket_gateway
