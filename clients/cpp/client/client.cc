#include "postroad/client.h"

#include <condition_variable>
#include <fstream>
#include <mutex>
#include <random>
#include <sstream>
#include <utility>

#include "client/backoff.h"
#include "client/connection.h"

namespace postroad {
namespace {

class MachineEnvironment final : public Environment {
 public:
  MonotonicTime Monotonic() const override { return std::chrono::steady_clock::now(); }

  void Sleep(Duration duration, std::stop_token stop) override {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    wake.wait_for(lock, stop, duration, [] { return false; });
  }

  double Random() override {
    thread_local std::mt19937_64 engine{std::random_device{}()};
    return std::uniform_real_distribution<double>(0, 1)(engine);
  }
};

Result<std::string> ReadPem(const std::string& path, std::string_view field) {
  if (path.empty()) return std::string();
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    return Invalid(std::string(field), "cannot read '" + path + "'", "FILE_UNREADABLE");
  }
  return std::move(text).str();
}

Result<std::shared_ptr<grpc::ChannelCredentials>> CredentialsFor(const TlsOptions& tls) {
  if (!tls.enabled) {
    if (!tls.ca_file.empty() || !tls.certificate_file.empty() || !tls.key_file.empty()) {
      return Invalid("tls.enabled", "must be set for the other TLS options to have a meaning");
    }
    return grpc::InsecureChannelCredentials();
  }
  if (tls.certificate_file.empty() != tls.key_file.empty()) {
    return Invalid(tls.key_file.empty() ? "tls.key_file" : "tls.certificate_file",
                   "certificate and key go together");
  }
  grpc::SslCredentialsOptions options;
  POSTROAD_ASSIGN(options.pem_root_certs, ReadPem(tls.ca_file, "tls.ca_file"));
  POSTROAD_ASSIGN(options.pem_cert_chain, ReadPem(tls.certificate_file, "tls.certificate_file"));
  POSTROAD_ASSIGN(options.pem_private_key, ReadPem(tls.key_file, "tls.key_file"));
  return grpc::SslCredentials(options);
}

// "host:port", where the host may be "[::1]", or a target with a scheme.
Status CheckAddress(const std::string& address, size_t index) {
  const std::string field = "addresses[" + std::to_string(index) + "]";
  if (address.starts_with("unix:") || address.find("://") != std::string::npos ||
      address.starts_with("dns:") || address.starts_with("ipv4:") || address.starts_with("ipv6:")) {
    return {};
  }
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == address.size() ||
      address.find_first_not_of("0123456789", colon + 1) != std::string::npos ||
      address.size() - colon > 6 || std::stoi(address.substr(colon + 1)) > 65535) {
    return Invalid(field, "'" + address + "' is no host:port");
  }
  return {};
}

Status CheckOptions(const ClientOptions& options) {
  if (options.addresses.empty()) return Invalid("addresses", "at least one is needed");
  for (size_t i = 0; i < options.addresses.size(); ++i) {
    POSTROAD_TRY(CheckAddress(options.addresses[i], i));
  }
  if (options.api_key.find_first_of("\r\n\0 ", 0, 4) != std::string::npos) {
    return Invalid("api_key", "must not have blanks or line ends");
  }
  if (options.connect_timeout <= Duration{}) return Invalid("connect_timeout", "must be positive");
  if (options.keepalive.time < Duration{}) {
    return Invalid("keepalive.time", "must not be negative");
  }
  if (options.keepalive.time > Duration{} && options.keepalive.timeout <= Duration{}) {
    return Invalid("keepalive.timeout", "must be positive");
  }
  return client::CheckBackoff(options.backoff);
}

}  // namespace

std::string_view StateName(State state) {
  switch (state) {
    case State::kClosed:
      return "closed";
    case State::kConnected:
      return "connected";
    case State::kDisconnected:
      return "disconnected";
  }
  return "unknown";
}

Environment& SystemEnvironment() {
  static MachineEnvironment environment;
  return environment;
}

Result<Client> Client::Create(ClientOptions options) {
  POSTROAD_TRY(CheckOptions(options));
  auto impl = std::make_shared<Impl>();
  POSTROAD_ASSIGN(impl->credentials, CredentialsFor(options.tls));
  impl->environment = options.environment ? options.environment : &SystemEnvironment();
  impl->options = std::move(options);
  return Client(std::move(impl));
}

State Client::state() const {
  std::lock_guard lock(impl_->mutex);
  if (impl_->is_closed) return State::kClosed;
  if (!impl_->channel) return State::kDisconnected;
  return impl_->channel->GetState(false) == GRPC_CHANNEL_READY ? State::kConnected
                                                               : State::kDisconnected;
}

void Client::Close() {
  std::vector<std::weak_ptr<std::stop_source>> parts;
  {
    std::lock_guard lock(impl_->mutex);
    if (std::exchange(impl_->is_closed, true)) return;
    parts.swap(impl_->parts);
  }
  for (const auto& part : parts) {
    if (const auto source = part.lock()) source->request_stop();
  }
}

}  // namespace postroad
