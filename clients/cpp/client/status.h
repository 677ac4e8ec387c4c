// From gRPC's statuses to Postroad's errors.
#ifndef POSTROAD_CLIENTS_CPP_CLIENT_STATUS_H_
#define POSTROAD_CLIENTS_CPP_CLIENT_STATUS_H_

#include <string_view>

#include "core/error.h"

namespace grpc {
class Status;
}

namespace postroad::client {

// Reason and metadata come from google.rpc.ErrorInfo, the field from BadRequest, if the status has
// them. The status must not be OK.
Error ToError(const grpc::Status& status);
// A serialized postroad.v1.StatusDetail.
Error ParseStatusDetail(std::string_view bytes);
// A gRPC code by its number; what is no code of ours becomes kInternal.
ErrorCode ToErrorCode(int code);

// Whether the same request may succeed later, so that an idempotent one should be repeated. Of a
// whole stream, kInternal and kCancelled count too: that is how gRPC tells of broken connections.
bool IsRetryable(ErrorCode code);
bool EndsStreamForNow(ErrorCode code);

// A newer one of the same client id took over.
bool WasReplaced(const Error& error);
inline constexpr std::string_view kConnectTimeout = "CONNECT_TIMEOUT";
Error ClientClosed();

}  // namespace postroad::client

#endif  // POSTROAD_CLIENTS_CPP_CLIENT_STATUS_H_
