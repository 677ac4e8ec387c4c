// Everybody may do everything.
#include "auth/authenticator.h"

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

}  // namespace postroad::auth
