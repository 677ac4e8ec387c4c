// Building, starting and stopping the gRPC server.
#include "gateway/grpc/grpc_server.h"

#include <absl/synchronization/mutex.h>
#include <google/protobuf/reflection.h>
#include <google/protobuf/stubs/logging.h>
#include <grpc/grpc.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <charconv>
#include <limits>
#include <mutex>

#include "gateway/grpc/admin_service.h"
#include "gateway/grpc/gateway.h"
#include "gateway/grpc/postroad_service.h"
#include "grpc/health/v1/health.pb.h"
#include "runtime/listener.h"

namespace postroad::gateway {

namespace {

constexpr std::string_view kUnix = "unix:";

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
    // As Debian builds it, each lock of gRPC's is noted in a graph, to find deadlocks in tests.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
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
}

Result<std::unique_ptr<Listener>> ListenTcp(const std::string& address, ListenerOptions options) {
  const size_t colon = std::min(address.rfind(':'), address.size());
  const size_t bracket = address.starts_with('[') ? 1 : 0;
  if (colon < 2 * bracket) return Fail(ErrorCode::kUnavailable, "");
  const std::string host = address.substr(bracket, colon - 2 * bracket);
  uint16_t port = 0;
  const char* const end = address.data() + address.size();
  const auto parsed =
      std::from_chars(address.data() + std::min(colon + 1, address.size()), end, port);
  if (parsed.ec != std::errc() || parsed.ptr != end) return Fail(ErrorCode::kUnavailable, "");
  // As gRPC has it: each of the two stands for both.
  if (host != "0.0.0.0" && host != "::") return Listener::Tcp(host, port, options);
  auto both = Listener::Tcp("::", port, options);
  return both ? std::move(both) : Listener::Tcp("0.0.0.0", port, options);
}

// "unix:path" and "unix:///path", as gRPC writes them.
Result<std::unique_ptr<Listener>> ListenOn(std::string_view address, ListenerOptions options) {
  if (!address.starts_with(kUnix)) return ListenTcp(std::string(address), std::move(options));
  address.remove_prefix(kUnix.size());
  if (address.starts_with("//")) address.remove_prefix(2);
  return Listener::Unix(std::string(address), std::move(options));
}

class Server final : public GrpcServer {
 public:
  Server(GrpcOptions options, broker::Broker& broker, auth::Authenticator& authenticator,
         CorePool& cores, Clock& clock, Metrics& metrics)
      : gateway_(std::move(options), broker, authenticator, cores, clock, metrics),
        postroad_(gateway_),
        admin_(gateway_),
        refused_(metrics.GetCounter("postroad_grpc_connections_refused_total",
                                    "gRPC connections closed as they came, since files run out.")) {
  }
  ~Server() override { Stop(Duration(0)); }

  Status Listen(const std::vector<grpc::Service*>& services) {
    PrepareGrpc();
    grpc::ServerBuilder builder;
    SetKeepalive(gateway_.options, builder);
    SetLimits(gateway_.options, builder);
    for (const GrpcListen& listen : gateway_.options.listen) {
      POSTROAD_TRY(Bind(listen.address));
      doors_.back().acceptor = builder.experimental().AddExternalConnectionAcceptor(
          grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
          listen.credentials ? listen.credentials : grpc::InsecureServerCredentials());
    }
    builder.RegisterService(&postroad_);
    builder.RegisterService(&admin_);
    for (grpc::Service* service : services) builder.RegisterService(service);
    server_ = builder.BuildAndStart();
    if (!server_) return Fail(ErrorCode::kInternal, "the gRPC server does not start");
    for (Door& door : doors_) Accept(door);
    return {};
  }

  const std::vector<int>& ports() const override { return ports_; }

  void StartDrain() override {
    if (auto* health = server_->GetHealthCheckService()) health->SetServingStatus(false);
  }

  void Stop(Duration deadline) override {
    std::lock_guard lock(stop_mutex_);
    if (!server_) return;
    StartDrain();
    for (Door& door : doors_) door.listener->Stop();
    gateway_.drain.Drain();
    server_->Shutdown(std::chrono::system_clock::now() +
                      std::chrono::duration_cast<std::chrono::system_clock::duration>(deadline));
    server_->Wait();
    gateway_.calls.WaitForNone();
    server_.reset();
  }

 private:
  // Where connections come in. gRPC 1.51's own listener accepts no more, for good, once files have
  // run out.
  struct Door {
    std::unique_ptr<Listener> listener;
    std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor;
  };

  Status Bind(const std::string& address) {
    auto listener =
        ListenOn(address, {.name = "grpc", .user_timeout = gateway_.options.keepalive_timeout});
    if (!listener) {
      return Fail(ErrorCode::kUnavailable,
                  "cannot listen on " + address +
                      " (is the address in use, or not this machine's?); set another");
    }
    ports_.push_back((*listener)->port());
    doors_.push_back({*std::move(listener), nullptr});
    return {};
  }

  void Accept(Door& door) {
    door.listener->Start(gateway_.cores, refused_, [acceptor = door.acceptor.get()](int fd) {
      grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
      connection.fd = fd;
      acceptor->HandleNewConnection(&connection);
      return true;
    });
  }

  Gateway gateway_;
  PostroadService postroad_;
  AdminService admin_;
  Counter& refused_;
  std::vector<int> ports_;
  std::mutex stop_mutex_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<Door> doors_;
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
