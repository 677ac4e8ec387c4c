// Everybody may do everything.
#include "auth/authenticator.h"

#include <algorithm>

namespace postroad::auth {
namespace {

class AllowAllAuthenticator final : public Authenticator {
 public:
  Result<std::shared_ptr<const Principal>> Authenticate(const Credentials&) override {
    return anyone_;
  }

 private:
  const std::shared_ptr<const Principal> anyone_ =
      std::make_shared<const Principal>(Principal::Anyone());
};

}  // namespace

std::unique_ptr<Authenticator> AllowAll() { return std::make_unique<AllowAllAuthenticator>(); }

std::string_view TokenOf(std::string_view authorization, std::string_view api_key) {
  constexpr std::string_view kBearer = "bearer ";
  const bool bearer = authorization.size() > kBearer.size() &&
                      std::equal(kBearer.begin(), kBearer.end(), authorization.begin(),
                                 [](char want, char got) { return want == (got | 0x20); });
  return bearer ? authorization.substr(kBearer.size()) : api_key;
}

}  // namespace postroad::auth
