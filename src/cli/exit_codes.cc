#include "cli/exit_codes.h"

namespace postroad::cli {

int ExitCodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return kExitUsage;
    case ErrorCode::kUnavailable:
      return kExitUnavailable;
    case ErrorCode::kNotFound:
      return kExitNotFound;
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kUnauthenticated:
      return kExitForbidden;
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kFailedPrecondition:
    case ErrorCode::kOutOfRange:
    case ErrorCode::kAborted:
    case ErrorCode::kUnimplemented:
      return kExitRefused;
    case ErrorCode::kResourceExhausted:
      return kExitExhausted;
    case ErrorCode::kDeadlineExceeded:
      return kExitTimeout;
    case ErrorCode::kDataLoss:
      return kExitDataLoss;
    case ErrorCode::kCancelled:
      return kExitInterrupted;
    case ErrorCode::kInternal:
      break;
  }
  return kExitInternal;
}

}  // namespace postroad::cli
