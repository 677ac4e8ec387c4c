// See error_map.h.
#include "gateway/rsocket/error_map.h"

namespace postroad::rsocket_gateway {

using rsocket::ErrorFrameCode;

ErrorFrameCode ToErrorCode(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound:
    case ErrorCode::kOutOfRange:
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kFailedPrecondition:
    case ErrorCode::kUnimplemented:
      return ErrorFrameCode::kInvalid;
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kUnauthenticated:
    case ErrorCode::kResourceExhausted:
    case ErrorCode::kUnavailable:
      return ErrorFrameCode::kRejected;
    case ErrorCode::kAborted:
    case ErrorCode::kCancelled:
      return ErrorFrameCode::kCanceled;
    case ErrorCode::kDeadlineExceeded:
    case ErrorCode::kDataLoss:
    case ErrorCode::kInternal:
      break;
  }
  return ErrorFrameCode::kApplicationError;
}

std::string ErrorText(const Error& error) {
  std::string text = error.reason.empty() ? std::string(ErrorCodeName(error.code)) : error.reason;
  text += ": ";
  if (!error.field.empty()) text += error.field + ": ";
  return text + error.message;
}

}  // namespace postroad::rsocket_gateway
