// Server contexts from certificates.
#include "runtime/asio_socket.h"

namespace postroad {

namespace ssl = boost::asio::ssl;

std::shared_ptr<ssl::context> TlsContexts::Current() {
  const TlsIdentityPtr identity = source_();
  if (context_ && version_ == identity->version) return context_;
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  context->set_options(ssl::context::default_workarounds | ssl::context::no_tlsv1 |
                       ssl::context::no_tlsv1_1);
  context->use_certificate_chain(boost::asio::buffer(identity->certificate_pem));
  context->use_private_key(boost::asio::buffer(identity->key_pem), ssl::context::pem);
  context_ = context;
  version_ = identity->version;
  return context;
}

}  // namespace postroad
