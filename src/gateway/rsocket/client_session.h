// A client's session: who it is, and what its requests ask of the broker.
#ifndef POSTROAD_GATEWAY_RSOCKET_CLIENT_SESSION_H_
#define POSTROAD_GATEWAY_RSOCKET_CLIENT_SESSION_H_

#include <memory>
#include <string>

#include "auth/principal.h"
#include "broker/user_connection.h"
#include "gateway/rsocket/gateway.h"
#include "gateway/rsocket/question_stream.h"
#include "rsocket/framing/metadata.h"
#include "rsocket/session/session.h"

namespace postroad::rsocket_gateway {

// What is known of a client before its SETUP.
struct ClientOrigin {
  size_t core = 0;
  std::string peer;
  std::string transport;  // "tcp", "websocket"
  // What the WebSocket handshake showed; SETUP's own come before them.
  std::string token;
  std::string user;
};

class ClientSession final : public rsocket::SessionHandler, public broker::ConnectionSink {
 public:
  ClientSession(Gateway& gateway, ClientOrigin origin);
  ~ClientSession() override;

  std::expected<void, rsocket::Refusal> OnSetup(rsocket::Session& session,
                                                const rsocket::SetupInfo& setup) override;
  rsocket::StreamHandlerPtr OnRequest(rsocket::Stream& stream, rsocket::Interaction interaction,
                                      const rsocket::PayloadView& payload) override;
  void OnFireAndForget(const rsocket::PayloadView& payload) override;
  void OnIgnored(std::string_view what) override;
  std::string Claim() const override { return origin_.token; }
  std::expected<void, rsocket::Refusal> MayResume(const std::string& claim) override;
  void OnSuspended() override;
  void OnResumed() override;
  void OnClosed(const rsocket::EndReason& reason) override;

  // broker::ConnectionSink
  void OnClose(const Error& reason) override;
  void OnQuestion(const broker::Question& question) override;
  void OnWithdrawn(broker::QuestionId question) override;

 private:
  Status Enter(const rsocket::SetupInfo& setup);
  Result<rsocket::StreamHandlerPtr> Answer(rsocket::Stream& stream,
                                           rsocket::Interaction interaction,
                                           const rsocket::PayloadView& payload);
  Result<rsocket::StreamHandlerPtr> AnswerOwn(rsocket::Stream& stream, std::string_view route,
                                              std::string_view data);
  Result<rsocket::StreamHandlerPtr> OpenReader(rsocket::Stream& stream, const Route& route,
                                               std::string_view data);
  void NotOpen();
  std::string MetadataFor(std::string_view route) const;
  Result<rsocket::RequestMetadata> MetadataOf(const rsocket::PayloadView& payload) const;

  Gateway& gateway_;
  ClientOrigin origin_;  // user and token as SETUP has them, after it
  const bool claimed_;   // the handshake showed a key
  std::string metadata_mime_;
  rsocket::Session* session_ = nullptr;               // which holds this; null before SETUP
  bool open_ = false;                                 // as it is counted
  bool asked_ = false;                                // the client has sent something after SETUP
  std::shared_ptr<const auth::Principal> principal_;  // null until SETUP was taken
  const std::shared_ptr<OpenQuestions> questions_ = std::make_shared<OpenQuestions>();
  std::unique_ptr<broker::UserConnection> connection_;  // null until SETUP was taken
};

}  // namespace postroad::rsocket_gateway

#endif  // POSTROAD_GATEWAY_RSOCKET_CLIENT_SESSION_H_
