// gRPC server credentials whose certificate can change while the server runs.
#ifndef POSTROAD_SERVER_GRPC_CREDENTIALS_H_
#define POSTROAD_SERVER_GRPC_CREDENTIALS_H_

#include <functional>
#include <memory>

#include "server/net/tls_files.h"

namespace grpc {
class ServerCredentials;
}

namespace postroad::server {

// New connections get the identity that `current` gives then; it is called from gRPC's threads, as
// long as the gRPC server lives, and never gives null. For one address: each needs its own.
std::shared_ptr<grpc::ServerCredentials> TlsServerCredentials(
    std::function<TlsIdentityPtr()> current);

}  // namespace postroad::server

#endif  // POSTROAD_SERVER_GRPC_CREDENTIALS_H_
