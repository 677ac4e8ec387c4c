// Building, starting and stopping the gRPC server.
#include "gateway/grpc/grpc_server.h"

#include <google/protobuf/reflection.h>
#include <google/protobuf/stubs/logging.h>
#include <grpc/grpc.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <deque>
#include <limits>
#include <mutex>

#include "gateway/grpc/admin_service.h"
#include "gateway/grpc/gateway.h"
#include "gateway/grpc/postroad_service.h"
#include "grpc/health/v1/health.pb.h"

namespace postroad::gateway {

namespace {

int Millis(Duration duration) {
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return static_cast<int>(std::min<int64_t>(millis, std::numeric_limits<int>::max()));
}

// Once in the process: health and reflection beside every server, and no lines on standard error
// for malformed messages, which their senders are told about.
void PrepareGrpc() {
  static std::once_flag once;
  std::call_once(once, [] {
    grpc::EnableDefaultHealthCheckService(true);
    // Else the linker leaves its descriptor out, which reflection looks for.
    google::protobuf::LinkMessageReflection<grpc::health::v1::HealthCheckRequest>();
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    google::protobuf::SetLogHandler(nullptr);
  });
}

void SetKeepalive(const GrpcOptions& options, grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, Millis(options.keepalive_time));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Millis(options.keepalive_timeout));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS,
                             options.keepalive_without_calls ? 1 : 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // no limit to our own
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             Millis(options.min_client_ping_interval));
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 2);
}

void SetLimits(const GrpcOptions& options, grpc::ServerBuilder& builder) {
  const auto most = static_cast<uint64_t>(std::numeric_limits<int>::max());
  builder.SetMaxReceiveMessageSize(static_cast<int>(std::min(options.max_message_bytes, most)));
  builder.SetMaxSendMessageSize(-1);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             static_cast<int>(options.max_concurrent_streams));
  grpc::ResourceQuota quota("postroad");
  quota.Resize(options.memory_quota_bytes);
  builder.SetResourceQuota(quota);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT,
                             0);  // a second server must not share the port
}

class Server final : public GrpcServer {
 public:
  Server(GrpcOptions options, broker::Broker& broker, auth::Authenticator& authenticator,
         CorePool& cores, Clock& clock, Metrics& metrics)
      : gateway_(std::move(options), broker, authenticator, cores, clock, metrics),
        postroad_(gateway_),
        admin_(gateway_) {}
  ~Server() override { Stop(Duration(0)); }

  Status Listen(const std::vector<grpc::Service*>& services) {
    PrepareGrpc();
    grpc::ServerBuilder builder;
    SetKeepalive(gateway_.options, builder);
    SetLimits(gateway_.options, builder);
    ports_.resize(gateway_.options.listen.size());
    for (size_t i = 0; i < ports_.size(); ++i) {
      const GrpcListen& listen = gateway_.options.listen[i];
      builder.AddListeningPort(
          listen.address,
          listen.credentials ? listen.credentials : grpc::InsecureServerCredentials(), &ports_[i]);
    }
    builder.RegisterService(&postroad_);
    builder.RegisterService(&admin_);
    for (grpc::Service* service : services) builder.RegisterService(service);
    server_ = builder.BuildAndStart();
    return CheckListening();
  }

  const std::vector<int>& ports() const override { return ports_; }

  void StartDrain() override {
    if (auto* health = server_->GetHealthCheckService()) health->SetServingStatus(false);
  }

  void Stop(Duration deadline) override {
    std::lock_guard lock(stop_mutex_);
    if (!server_) return;
    StartDrain();
    gateway_.drain.Drain();
    server_->Shutdown(std::chrono::system_clock::now() +
                      std::chrono::duration_cast<std::chrono::system_clock::duration>(deadline));
    server_->Wait();
    gateway_.calls.WaitForNone();
    server_.reset();
  }

 private:
  Status CheckListening() {
    for (size_t i = 0; i < ports_.size(); ++i) {
      const std::string& address = gateway_.options.listen[i].address;
      const bool unix_socket = address.starts_with("unix:");
      if (server_ && (ports_[i] != 0 || unix_socket)) {
        if (unix_socket) ports_[i] = 0;
        continue;
      }
      return Fail(ErrorCode::kUnavailable,
                  "cannot listen on " + address +
                      " (is the address in use, or not this machine's?); set another");
    }
    if (!server_) return Fail(ErrorCode::kInternal, "the gRPC server does not start");
    return {};
  }

  Gateway gateway_;
  PostroadService postroad_;
  AdminService admin_;
  std::vector<int> ports_;
  std::mutex stop_mutex_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

Result<std::unique_ptr<GrpcServer>> GrpcServer::Start(GrpcOptions options, broker::Broker& broker,
                                                      auth::Authenticator& authenticator,
                                                      CorePool& cores, Clock& clock,
                                                      Metrics& metrics,
                                                      std::vector<grpc::Service*> services) {
  auto server =
      std::make_unique<Server>(std::move(options), broker, authenticator, cores, clock, metrics);
  POSTROAD_TRY(server->Listen(services));
  return server;
}

}  // namespace postroad::gateway
