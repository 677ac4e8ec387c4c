// Routes that the gateway answers itself: acks, posts, presence.
#ifndef POSTROAD_GATEWAY_RSOCKET_OWN_ROUTES_H_
#define POSTROAD_GATEWAY_RSOCKET_OWN_ROUTES_H_

#include <memory>
#include <string>
#include <string_view>

#include "broker/user_connection.h"
#include "gateway/rsocket/gateway.h"
#include "rsocket/session/session.h"

namespace postroad::rsocket_gateway {

bool IsOwnRoute(std::string_view route);

// Takes all it can; the first error if there was one.
Status TakeAcks(broker::UserConnection& connection, std::string_view data);

// {"connections":[…]} of the user that `data` names, or of `user`.
Result<std::string> PresenceText(Gateway& gateway, const auth::Principal& principal,
                                 const std::string& user, std::string_view data);

// Without an answer: what is refused later is counted.
Status PostAndForget(Gateway& gateway, const auth::Principal& principal, std::string_view data);

// A post by request-response: what became of it is the answer.
class PostAnswer final : public rsocket::StreamHandler {
 public:
  PostAnswer(Gateway& gateway, size_t core, rsocket::Stream& stream);
  Status Begin(const auth::Principal& principal, std::string_view data);

 private:
  Gateway& gateway_;
  const size_t core_;
  rsocket::Stream& stream_;
  const std::shared_ptr<PostAnswer*> self_;  // what comes late holds it weakly
};

}  // namespace postroad::rsocket_gateway

#endif  // POSTROAD_GATEWAY_RSOCKET_OWN_ROUTES_H_
