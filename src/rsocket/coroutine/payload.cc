// See payload.h.
#include "rsocket/coroutine/payload.h"

namespace postroad::rsocket {
namespace {

ErrorCode ErrorCodeOf(ErrorFrameCode code) {
  switch (code) {
    case ErrorFrameCode::kInvalid:
    case ErrorFrameCode::kInvalidSetup:
      return ErrorCode::kInvalidArgument;
    case ErrorFrameCode::kUnsupportedSetup:
      return ErrorCode::kUnimplemented;
    case ErrorFrameCode::kRejectedSetup:
      return ErrorCode::kPermissionDenied;
    case ErrorFrameCode::kCanceled:
      return ErrorCode::kCancelled;
    case ErrorFrameCode::kRejected:  // surely not processed: it may be tried again
    case ErrorFrameCode::kRejectedResume:
    case ErrorFrameCode::kConnectionError:
    case ErrorFrameCode::kConnectionClose:
      return ErrorCode::kUnavailable;
    case ErrorFrameCode::kApplicationError:
      break;
  }
  return ErrorCode::kInternal;
}

}  // namespace

Error ToError(ErrorFrameCode code, std::string_view message) {
  return {ErrorCodeOf(code), std::string(message), {}, ErrorFrameCodeName(code)};
}

ErrorFrameCode CodeOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kOutOfRange:
      return ErrorFrameCode::kInvalid;
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kUnauthenticated:
    case ErrorCode::kResourceExhausted:
    case ErrorCode::kUnavailable:
    case ErrorCode::kUnimplemented:
      return ErrorFrameCode::kRejected;
    case ErrorCode::kCancelled:
    case ErrorCode::kAborted:
      return ErrorFrameCode::kCanceled;
    default:
      return ErrorFrameCode::kApplicationError;
  }
}

}  // namespace postroad::rsocket
