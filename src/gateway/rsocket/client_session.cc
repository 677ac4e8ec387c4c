// See client_session.h.
#include "gateway/rsocket/client_session.h"

#include <utility>

#include "gateway/rsocket/error_map.h"
#include "gateway/rsocket/identity.h"
#include "gateway/rsocket/topic_reader.h"
#include "runtime/log.h"

namespace postroad::rsocket_gateway {

using rsocket::Interaction;

ClientSession::ClientSession(Gateway& gateway, size_t core, std::string peer, std::string token,
                             std::string user)
    : gateway_(gateway),
      core_(core),
      peer_(std::move(peer)),
      token_(std::move(token)),
      user_(std::move(user)) {}

ClientSession::~ClientSession() {
  if (principal_) gateway_.sessions_open.Add(-1);
}

std::expected<void, rsocket::Refusal> ClientSession::OnSetup(rsocket::Session&,
                                                             const rsocket::SetupInfo& setup) {
  const Status entered = Enter(setup);
  if (entered) {
    gateway_.sessions_open.Add(1);
    return {};
  }
  gateway_.setups_refused.Add();
  LogInfo("rsocket: a client's SETUP is refused", {{"peer", peer_}, {"error", entered.error()}});
  return std::unexpected(
      rsocket::Refusal{rsocket::ErrorFrameCode::kRejectedSetup, ErrorText(entered.error())});
}

Status ClientSession::Enter(const rsocket::SetupInfo& setup) {
  POSTROAD_ASSIGN(Identity identity, IdentityOf(setup));
  if (!identity.token.empty()) token_ = std::move(identity.token);
  POSTROAD_ASSIGN(auto principal,
                  gateway_.authenticator.Authenticate({.token = token_, .peer = peer_}));
  if (!identity.user.empty()) user_ = std::move(identity.user);
  if (gateway_.options.require_user && user_.empty()) {
    return Invalid("setup.data", "must name the user whose notifications are wanted", "NO_USER");
  }
  if (!user_.empty()) POSTROAD_TRY(CheckTopicName(user_, "setup.data"));
  metadata_mime_ = setup.metadata_mime;
  principal_ = std::move(principal);
  return {};
}

Result<rsocket::RequestMetadata> ClientSession::MetadataOf(
    const rsocket::PayloadView& payload) const {
  auto metadata = rsocket::ParseRequestMetadata(metadata_mime_, payload.metadata.value_or(""));
  if (!metadata) return Invalid("metadata", metadata.error().message, "BAD_METADATA");
  return *std::move(metadata);
}

rsocket::StreamHandlerPtr ClientSession::OnRequest(rsocket::Stream& stream, Interaction interaction,
                                                   const rsocket::PayloadView& payload) {
  auto handler = Answer(stream, interaction, payload);
  if (handler) return *std::move(handler);
  stream.Fail(ToErrorCode(handler.error().code), ErrorText(handler.error()));
  return nullptr;
}

Result<rsocket::StreamHandlerPtr> ClientSession::Answer(rsocket::Stream& stream,
                                                        Interaction interaction,
                                                        const rsocket::PayloadView& payload) {
  POSTROAD_ASSIGN(const rsocket::RequestMetadata metadata, MetadataOf(payload));
  const Route* const route = gateway_.FindRoute(metadata.route);
  if (route == nullptr) {
    return Fail(ErrorCode::kNotFound,
                "there is no route \"" + std::string(metadata.route) + "\"; there are " +
                    gateway_.RouteNames(),
                "metadata", "NO_ROUTE");
  }
  if (interaction != Interaction::kStream) {
    return Invalid("metadata", "route \"" + route->route + "\" is for request-stream", "NO_ROUTE");
  }
  if (user_.empty() && route->topic.contains(kUserPlaceholder)) {
    return Invalid("setup.data", "must name the user whose notifications are wanted", "NO_USER");
  }
  POSTROAD_ASSIGN(ReadRequest request, ParseReadRequest(*route, user_, payload.data));
  const bool describe = metadata_mime_ == rsocket::mime::kComposite;
  auto reader = std::make_unique<TopicReader>(gateway_, core_, stream, describe);
  POSTROAD_TRY(reader->Open(*principal_, std::move(request)));
  return reader;
}

void ClientSession::OnFireAndForget(const rsocket::PayloadView& payload) {
  OnIgnored("fire-and-forget to a route that takes none");
}

void ClientSession::OnIgnored(std::string_view what) {
  gateway_.ignored.Add();
  LogDebug("rsocket: ignored", {{"peer", peer_}, {"what", what}});
}

void ClientSession::OnClosed(const rsocket::EndReason& reason) {
  LogDebug("rsocket: session ended", {{"peer", peer_},
                                      {"code", rsocket::ErrorFrameCodeName(reason.code)},
                                      {"by", reason.by_peer ? "peer" : "us"},
                                      {"reason", reason.message}});
}

}  // namespace postroad::rsocket_gateway
