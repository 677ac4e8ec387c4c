// See static_keys.h. Keys are compared by their SHA-256, all of them and in constant time, so that
// how long a refusal takes tells nothing.
#include "auth/static_keys.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <array>
#include <optional>
#include <string_view>
#include <utility>

namespace postroad::auth {
namespace {

using Hash = std::array<unsigned char, SHA256_DIGEST_LENGTH>;
constexpr std::string_view kHashPrefix = "sha256:";

Hash HashOf(std::string_view key) {
  Hash hash;
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), hash.data());
  return hash;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<Hash> ParseHash(std::string_view hex) {
  Hash hash;
  if (hex.size() != 2 * hash.size()) return std::nullopt;
  for (size_t i = 0; i < hash.size(); ++i) {
    const int high = HexDigit(hex[2 * i]), low = HexDigit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    hash[i] = static_cast<unsigned char>(high << 4 | low);
  }
  return hash;
}

Result<Hash> HashOfSecret(const std::string& secret, const std::string& field) {
  if (secret.starts_with(kHashPrefix)) {
    const auto hash = ParseHash(std::string_view(secret).substr(kHashPrefix.size()));
    if (!hash) return Invalid(field, "`sha256:` must be followed by 64 hexadecimal digits");
    return *hash;
  }
  if (secret.size() < kMinKeyBytes) {
    return Invalid(field, "a key must have at least " + std::to_string(kMinKeyBytes) +
                              " bytes; `openssl rand -hex 24` makes a good one");
  }
  return HashOf(secret);
}

class StaticKeyAuthenticator final : public Authenticator {
 public:
  struct Known {
    Hash hash;
    std::shared_ptr<const Principal> principal;
  };
  explicit StaticKeyAuthenticator(std::vector<Known> known) : known_(std::move(known)) {}

  Result<std::shared_ptr<const Principal>> Authenticate(const Credentials& credentials) override {
    if (credentials.token.empty()) {
      return Fail(ErrorCode::kUnauthenticated,
                  "an API key is needed: send it as `authorization: Bearer <key>` or `x-api-key`",
                  {}, "KEY_MISSING");
    }
    const Hash shown = HashOf(credentials.token);
    const std::shared_ptr<const Principal>* found = nullptr;
    for (const Known& known : known_) {
      const bool same = CRYPTO_memcmp(known.hash.data(), shown.data(), shown.size()) == 0;
      found = same ? &known.principal : found;
    }
    if (found == nullptr) {
      return Fail(ErrorCode::kUnauthenticated, "the API key is not known here", {}, "KEY_UNKNOWN");
    }
    return *found;
  }

 private:
  const std::vector<Known> known_;
};

}  // namespace

Result<std::unique_ptr<Authenticator>> StaticKeys(std::vector<ApiKey> keys) {
  std::vector<StaticKeyAuthenticator::Known> known;
  for (size_t i = 0; i < keys.size(); ++i) {
    ApiKey& key = keys[i];
    const std::string field = "keys[" + std::to_string(i) + "]";
    if (key.name.empty()) return Invalid(field + ".name", "a key needs a name");
    POSTROAD_ASSIGN(const Hash hash, HashOfSecret(key.secret, field + ".key"));
    for (const auto& other : known) {
      if (other.principal->name() == key.name) {
        return Invalid(field + ".name", "another key is already named `" + key.name + "`");
      }
      if (other.hash == hash) {
        return Invalid(field + ".key", "`" + other.principal->name() + "` has the same key");
      }
    }
    auto principal = std::make_shared<const Principal>(
        std::move(key.name), std::move(key.post), std::move(key.read), std::move(key.administer));
    known.push_back({hash, std::move(principal)});
  }
  return std::make_unique<StaticKeyAuthenticator>(std::move(known));
}

}  // namespace postroad::auth
