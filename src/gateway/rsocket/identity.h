// Who a client says it is, from its SETUP.
#ifndef POSTROAD_GATEWAY_RSOCKET_IDENTITY_H_
#define POSTROAD_GATEWAY_RSOCKET_IDENTITY_H_

#include <string>

#include "core/error.h"
#include "rsocket/session/session.h"

namespace postroad::rsocket_gateway {

struct Identity {
  std::string user;   // without blanks around it; may be empty
  std::string token;  // of bearer authentication, or the password of simple; may be empty
};

// The user is SETUP's data: as text, or in JSON a string, a number, or an object's "user"; if
// there is none, the name of simple authentication in its metadata. INVALID_ARGUMENT with offset
// and likely cause where metadata or JSON is malformed.
Result<Identity> IdentityOf(const rsocket::SetupInfo& setup);

}  // namespace postroad::rsocket_gateway

#endif  // POSTROAD_GATEWAY_RSOCKET_IDENTITY_H_
