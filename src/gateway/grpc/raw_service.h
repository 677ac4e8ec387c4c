// A gRPC service whose methods take and give bytes, made from a table of methods instead of
// generated base classes: so that every malformed message is answered by naming its field, and hot
// paths see no message objects.
#ifndef POSTROAD_GATEWAY_GRPC_RAW_SERVICE_H_
#define POSTROAD_GATEWAY_GRPC_RAW_SERVICE_H_

#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "gateway/grpc/gateway.h"

namespace postroad::gateway {

class RawService : public grpc::Service {
 public:
  // `name` as in the proto, with its package.
  RawService(Gateway& gateway, std::string name) : gateway_(gateway), name_(std::move(name)) {}

 protected:
  using Context = grpc::CallbackServerContext;
  using Bytes = grpc::ByteBuffer;
  using Unary =
      std::function<grpc::ServerUnaryReactor*(MethodMetrics&, Context&, const Bytes&, Bytes&)>;
  using ServerStream =
      std::function<grpc::ServerWriteReactor<Bytes>*(MethodMetrics&, Context&, const Bytes&)>;
  using BidiStream =
      std::function<grpc::ServerBidiReactor<Bytes, Bytes>*(MethodMetrics&, Context&)>;

  void AddUnary(const std::string& method, Unary handler);
  void AddServerStream(const std::string& method, ServerStream handler);
  void AddBidiStream(const std::string& method, BidiStream handler);

  Gateway& gateway_;

 private:
  void Declare(const std::string& method, grpc::internal::RpcMethod::RpcType type,
               grpc::internal::MethodHandler* handler);
  MethodMetrics& MetricsOf(const std::string& method);

  const std::string name_;
  std::deque<std::string> paths_;  // gRPC keeps pointers into these
  std::deque<MethodMetrics> metrics_;
  int methods_ = 0;
};

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_GRPC_RAW_SERVICE_H_
