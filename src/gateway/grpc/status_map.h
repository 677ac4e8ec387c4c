// Postroad's errors in gRPC's terms: the one place where they are mapped.
#ifndef POSTROAD_GATEWAY_GRPC_STATUS_MAP_H_
#define POSTROAD_GATEWAY_GRPC_STATUS_MAP_H_

#include <grpcpp/support/status.h>

#include "core/error.h"
#include "postroad/v1/postroad.pb.h"

namespace postroad::gateway {

inline constexpr char kErrorDomain[] = "postroad";

grpc::StatusCode ToGrpcCode(ErrorCode code);
// With google.rpc.ErrorInfo (reason, metadata) and, for a bad field, BadRequest as details.
grpc::Status ToGrpcStatus(const Error& error);
// For streams that live on.
v1::StatusDetail ToDetail(const Error& error);

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_GRPC_STATUS_MAP_H_
