#include "client/connection.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <utility>

#include "client/status.h"

namespace postroad {
namespace {

// How soon a stop is noticed while a connection is being made.
constexpr Duration kStopCheck = std::chrono::milliseconds(20);

int Millis(Duration d) {
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(d).count());
}

grpc::ChannelArguments ArgumentsFor(const ClientOptions& options) {
  grpc::ChannelArguments args;
  if (options.keepalive.time > Duration{}) {
    args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, Millis(options.keepalive.time));
    args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Millis(options.keepalive.timeout));
    args.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, options.keepalive.without_calls);
    args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  }
  args.SetMaxReceiveMessageSize(-1);
  args.SetMaxSendMessageSize(-1);
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  // Bounds a connection that gRPC makes by itself, for a call that was under way.
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS,
              Millis(2 * std::min<Duration>(options.connect_timeout, std::chrono::hours(1))));
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  if (!options.tls.server_name.empty()) {
    args.SetSslTargetNameOverride(options.tls.server_name);
  }
  return args;
}

bool HasFailed(grpc_connectivity_state state) {
  return state == GRPC_CHANNEL_TRANSIENT_FAILURE || state == GRPC_CHANNEL_SHUTDOWN;
}

}  // namespace

std::shared_ptr<grpc::Channel> Client::Impl::NewChannelLocked() {
  const std::string& address = options.addresses[next_address];
  next_address = (next_address + 1) % options.addresses.size();
  return grpc::CreateCustomChannel(address, credentials, ArgumentsFor(options));
}

std::shared_ptr<grpc::Channel> Client::Impl::CurrentChannel() {
  std::lock_guard lock(mutex);
  if (!channel) channel = NewChannelLocked();
  return channel;
}

// The present channel, or a new one if that is still the failed one that was seen.
std::shared_ptr<grpc::Channel> Client::Impl::FreshChannel(std::shared_ptr<grpc::Channel> seen) {
  std::lock_guard lock(mutex);
  if (channel == seen) channel = NewChannelLocked();
  return channel;
}

Result<std::shared_ptr<grpc::Channel>> Client::Impl::Dial(Duration timeout,
                                                          const std::stop_token& stop) {
  std::shared_ptr<grpc::Channel> dialed = CurrentChannel();
  if (HasFailed(dialed->GetState(true))) dialed = FreshChannel(dialed);
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!stop.stop_requested()) {
    const grpc_connectivity_state state = dialed->GetState(true);
    if (state == GRPC_CHANNEL_READY || HasFailed(state)) return dialed;
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= Duration{}) {
      FreshChannel(dialed);  // the next attempt shall not go on with this one
      return Fail(ErrorCode::kUnavailable, "no connection within " + FormatDuration(timeout), "",
                  std::string(client::kConnectTimeout));
    }
    dialed->WaitForStateChange(state, std::chrono::system_clock::now() +
                                          std::min<std::chrono::nanoseconds>(left, kStopCheck));
  }
  return Fail(ErrorCode::kCancelled, "stopped while connecting");
}

std::unique_ptr<grpc::ClientContext> Client::Impl::NewContext() const {
  auto context = std::make_unique<grpc::ClientContext>();
  if (!options.api_key.empty()) {
    context->AddMetadata("authorization", "Bearer " + options.api_key);
  }
  return context;
}

std::shared_ptr<client::Stream> Client::Impl::Open(const std::shared_ptr<grpc::Channel>& over,
                                                   const std::string& method,
                                                   client::StreamListener& listener) const {
  return client::Stream::Open(over, NewContext(), method, listener, options.connect_timeout);
}

void Client::Impl::Judge(const std::shared_ptr<grpc::Channel>& used, const Status& end) {
  if (!end && end.error().reason == client::kConnectTimeout) FreshChannel(used);
}

Status Client::Impl::Register(std::weak_ptr<std::stop_source> part) {
  std::lock_guard lock(mutex);
  if (is_closed) return Fail(client::ClientClosed());
  std::erase_if(parts, [](const auto& p) { return p.expired(); });
  parts.push_back(std::move(part));
  return {};
}

bool Client::Impl::closed() const {
  std::lock_guard lock(mutex);
  return is_closed;
}

void Client::Impl::Log(Severity severity, std::string_view message) {
  if (!options.logger) return;
  std::lock_guard lock(callback_mutex);
  options.logger(severity, message);
}

void Client::Impl::Report(const StateChange& change) {
  std::string text = change.component + ": " + std::string(StateName(change.state));
  const bool bad = !change.error.message.empty();
  if (bad) text += ": " + change.error.ToString();
  Log(bad ? Severity::kWarning : Severity::kInfo, text);
  if (!options.on_state) return;
  std::lock_guard lock(callback_mutex);
  options.on_state(change);
}

}  // namespace postroad
