// See grpc_credentials.h. gRPC's own file watcher takes whatever the files hold, also a key without
// its certificate; its core asks a callback at each handshake, which gives what TlsFiles has
// checked.
#include "server/grpc_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpcpp/security/server_credentials.h>

#include <atomic>
#include <string>
#include <utility>

namespace postroad::server {
namespace {

class ReloadingCredentials final : public grpc::ServerCredentials {
 public:
  explicit ReloadingCredentials(std::function<TlsIdentityPtr()> current)
      : current_(std::move(current)),
        core_(grpc_ssl_server_credentials_create_with_options(
            grpc_ssl_server_credentials_create_options_using_config_fetcher(
                GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE, &Fetch, this))) {}
  ~ReloadingCredentials() override { grpc_server_credentials_release(core_); }

  // Callers are known by their keys (auth), not by gRPC's processors.
  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), core_);
  }

  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    auto* me = static_cast<ReloadingCredentials*>(self);
    const TlsIdentityPtr identity = me->current_();
    if (me->given_version_.exchange(identity->version) == identity->version) {
      return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    }
    const grpc_ssl_pem_key_cert_pair pair = {identity->key_pem.c_str(),
                                             identity->certificate_pem.c_str()};
    // gRPC 1.51 insists on root certificates here, though clients are not asked for theirs.
    *config =
        grpc_ssl_server_certificate_config_create(identity->certificate_pem.c_str(), &pair, 1);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const std::function<TlsIdentityPtr()> current_;
  std::atomic<uint64_t> given_version_ = 0;  // versions begin with 1
  grpc_server_credentials* const core_;
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> TlsServerCredentials(
    std::function<TlsIdentityPtr()> current) {
  return std::make_shared<ReloadingCredentials>(std::move(current));
}

}  // namespace postroad::server
