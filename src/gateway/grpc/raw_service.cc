// Registering methods with gRPC as its generated code does for raw callback methods.
#include "gateway/grpc/raw_service.h"

#include <grpcpp/impl/codegen/server_callback_handlers.h>

namespace postroad::gateway {

using grpc::internal::RpcMethod;

MethodMetrics& RawService::MetricsOf(const std::string& method) {
  const std::string short_name = name_.substr(name_.rfind('.') + 1) + "/" + method;
  return metrics_.emplace_back(gateway_.metrics, short_name);
}

void RawService::Declare(const std::string& method, RpcMethod::RpcType type,
                         grpc::internal::MethodHandler* handler) {
  const std::string& path = paths_.emplace_back("/" + name_ + "/" + method);
  AddMethod(new grpc::internal::RpcServiceMethod(path.c_str(), type, nullptr));
  MarkMethodRawCallback(methods_++, handler);
}

void RawService::AddUnary(const std::string& method, Unary handler) {
  auto* own = new grpc::internal::CallbackUnaryHandler<Bytes, Bytes>(
      [handler = std::move(handler), &metrics = MetricsOf(method)](
          Context* context, const Bytes* request, Bytes* response) {
        return handler(metrics, *context, *request, *response);
      });
  Declare(method, RpcMethod::NORMAL_RPC, own);
}

void RawService::AddServerStream(const std::string& method, ServerStream handler) {
  auto* own = new grpc::internal::CallbackServerStreamingHandler<Bytes, Bytes>(
      [handler = std::move(handler), &metrics = MetricsOf(method)](
          Context* context, const Bytes* request) { return handler(metrics, *context, *request); });
  Declare(method, RpcMethod::SERVER_STREAMING, own);
}

void RawService::AddBidiStream(const std::string& method, BidiStream handler) {
  auto* own = new grpc::internal::CallbackBidiHandler<Bytes, Bytes>(
      [handler = std::move(handler), &metrics = MetricsOf(method)](Context* context) {
        return handler(metrics, *context);
      });
  Declare(method, RpcMethod::BIDI_STREAMING, own);
}

}  // namespace postroad::gateway
