// What a server shows its TLS clients.
#ifndef POSTROAD_RUNTIME_TLS_IDENTITY_H_
#define POSTROAD_RUNTIME_TLS_IDENTITY_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace postroad {

// A certificate chain and its key, which fit each other. Immutable.
struct TlsIdentity {
  uint64_t version = 0;  // rises by one with each change
  std::string certificate_pem;
  std::string key_pem;
};
using TlsIdentityPtr = std::shared_ptr<const TlsIdentity>;

// The identity for new connections. Thread-safe.
using TlsIdentitySource = std::function<TlsIdentityPtr()>;

}  // namespace postroad

#endif  // POSTROAD_RUNTIME_TLS_IDENTITY_H_
