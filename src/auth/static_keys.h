// API keys that are written in the configuration.
#ifndef POSTROAD_AUTH_STATIC_KEYS_H_
#define POSTROAD_AUTH_STATIC_KEYS_H_

#include <memory>
#include <string>
#include <vector>

#include "auth/authenticator.h"
#include "core/error.h"
#include "core/names.h"

namespace postroad::auth {

inline constexpr size_t kMinKeyBytes = 16;

struct ApiKey {
  std::string name;  // who uses it; the principal's name
  // The key itself, or "sha256:" and the 64 hexadecimal digits of its SHA-256.
  std::string secret;
  std::vector<TopicPattern> post, read, administer;
};

// Knows callers by the key they show. Keeps only hashes of keys. Errors: INVALID_ARGUMENT naming
// keys[i].name or keys[i].key: name empty or taken, key shorter than kMinKeyBytes, a malformed
// hash, the same key twice.
Result<std::unique_ptr<Authenticator>> StaticKeys(std::vector<ApiKey> keys);

}  // namespace postroad::auth

#endif  // POSTROAD_AUTH_STATIC_KEYS_H_
