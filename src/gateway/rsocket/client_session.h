// A client's session: who it is, and what its requests ask of the broker.
#ifndef POSTROAD_GATEWAY_RSOCKET_CLIENT_SESSION_H_
#define POSTROAD_GATEWAY_RSOCKET_CLIENT_SESSION_H_

#include <memory>
#include <string>

#include "auth/principal.h"
#include "gateway/rsocket/gateway.h"
#include "rsocket/framing/metadata.h"
#include "rsocket/session/session.h"

namespace postroad::rsocket_gateway {

class ClientSession final : public rsocket::SessionHandler {
 public:
  // `token` and `user` are what the WebSocket handshake showed; SETUP's own come before them.
  ClientSession(Gateway& gateway, size_t core, std::string peer, std::string token,
                std::string user);
  ~ClientSession() override;

  std::expected<void, rsocket::Refusal> OnSetup(rsocket::Session& session,
                                                const rsocket::SetupInfo& setup) override;
  rsocket::StreamHandlerPtr OnRequest(rsocket::Stream& stream, rsocket::Interaction interaction,
                                      const rsocket::PayloadView& payload) override;
  void OnFireAndForget(const rsocket::PayloadView& payload) override;
  void OnIgnored(std::string_view what) override;
  void OnClosed(const rsocket::EndReason& reason) override;

 private:
  Status Enter(const rsocket::SetupInfo& setup);
  Result<rsocket::StreamHandlerPtr> Answer(rsocket::Stream& stream,
                                           rsocket::Interaction interaction,
                                           const rsocket::PayloadView& payload);
  Result<rsocket::RequestMetadata> MetadataOf(const rsocket::PayloadView& payload) const;

  Gateway& gateway_;
  const size_t core_;
  const std::string peer_;
  std::string token_;
  std::string user_;
  std::string metadata_mime_;
  std::shared_ptr<const auth::Principal> principal_;  // null until SETUP was taken
};

}  // namespace postroad::rsocket_gateway

#endif  // POSTROAD_GATEWAY_RSOCKET_CLIENT_SESSION_H_
