// The channel that a client's parts share, and what they need around it.
#ifndef POSTROAD_CLIENTS_CPP_CLIENT_CONNECTION_H_
#define POSTROAD_CLIENTS_CPP_CLIENT_CONNECTION_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/security/credentials.h>

#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "client/stream.h"
#include "postroad/client.h"

namespace postroad {

// Thread-safe.
struct Client::Impl {
  // gRPC's channels wait between attempts on their own account; here the Backoff of each part does.
  // So a channel that failed is not waited for but replaced, by one to the next address.
  //
  // Waits until the channel is up, has failed (a call on it then says why), or `timeout` went by.
  // CANCELLED on stop.
  Result<std::shared_ptr<grpc::Channel>> Dial(Duration timeout, const std::stop_token& stop);
  // The present channel, in whatever state.
  std::shared_ptr<grpc::Channel> CurrentChannel();
  // With the API key.
  std::unique_ptr<grpc::ClientContext> NewContext() const;
  // A stream that must be taken up within the connect timeout; see Stream::Open.
  std::shared_ptr<client::Stream> Open(const std::shared_ptr<grpc::Channel>& over,
                                       const std::string& method,
                                       client::StreamListener& listener) const;
  // A channel whose server took a call not up in time is not used for others.
  void Judge(const std::shared_ptr<grpc::Channel>& used, const Status& end);

  // Close() stops it, if it still lives by then. Fails if it is closed already.
  Status Register(std::weak_ptr<std::stop_source> part);
  bool closed() const;

  void Log(Severity severity, std::string_view message);
  void Report(const StateChange& change);

  ClientOptions options;
  Environment* environment = nullptr;
  std::shared_ptr<grpc::ChannelCredentials> credentials;

  mutable std::mutex mutex;
  std::shared_ptr<grpc::Channel> channel;
  size_t next_address = 0;
  bool is_closed = false;
  std::vector<std::weak_ptr<std::stop_source>> parts;
  std::mutex callback_mutex;  // held only while a logger or state callback runs

 private:
  std::shared_ptr<grpc::Channel> NewChannelLocked();
  std::shared_ptr<grpc::Channel> FreshChannel(std::shared_ptr<grpc::Channel> seen);
};

}  // namespace postroad

#endif  // POSTROAD_CLIENTS_CPP_CLIENT_CONNECTION_H_
