// From what a connection shows of its caller to a Principal.
#ifndef POSTROAD_AUTH_AUTHENTICATOR_H_
#define POSTROAD_AUTH_AUTHENTICATOR_H_

#include <memory>
#include <string>
#include <string_view>

#include "auth/principal.h"
#include "core/error.h"

namespace postroad::auth {

// What a call shows. Gateways fill in what their protocol has.
struct Credentials {
  // The `authorization` value's token ("Bearer <token>") or the `x-api-key` value; empty: none.
  std::string token;
  std::string peer;  // the remote address, for logs
};

// The token of a call that shows these two headers: that of "Bearer <token>", else the API key.
std::string_view TokenOf(std::string_view authorization, std::string_view api_key);

// Thread-safe; cheap enough for every call.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  // UNAUTHENTICATED if the credentials are missing or wrong (never says which key was near).
  virtual Result<std::shared_ptr<const Principal>> Authenticate(const Credentials& credentials) = 0;
};

// Everybody may do everything; for servers without keys.
std::unique_ptr<Authenticator> AllowAll();

}  // namespace postroad::auth

#endif  // POSTROAD_AUTH_AUTHENTICATOR_H_
