#include "client/status.h"

#include <grpcpp/support/status.h>

#include <string>
#include <utility>

#include "client/wire.h"

namespace postroad::client {
namespace {

constexpr std::string_view kErrorInfo = "google.rpc.ErrorInfo";
constexpr std::string_view kBadRequest = "google.rpc.BadRequest";

void ParseMapEntry(std::string_view bytes, std::map<std::string, std::string>& out) {
  WireReader entry(bytes);
  WireField field;
  std::string key, value;
  while (entry.Next(field)) {
    if (field.number == 1) key = field.bytes;
    if (field.number == 2) value = field.bytes;
  }
  out.insert_or_assign(std::move(key), std::move(value));
}

void ParseErrorInfo(std::string_view bytes, Error& error) {
  WireReader info(bytes);
  WireField field;
  while (info.Next(field)) {
    if (field.number == 1) error.reason = field.bytes;
    if (field.number == 3) ParseMapEntry(field.bytes, error.metadata);
  }
}

// The first violation's field.
void ParseBadRequest(std::string_view bytes, Error& error) {
  WireReader request(bytes);
  WireField violation;
  if (!request.Next(violation) || violation.number != 1) return;
  WireReader reader(violation.bytes);
  WireField field;
  while (reader.Next(field)) {
    if (field.number == 1) error.field = field.bytes;
  }
}

// A google.protobuf.Any.
void ParseDetail(std::string_view bytes, Error& error) {
  WireReader any(bytes);
  WireField field;
  std::string_view type, value;
  while (any.Next(field)) {
    if (field.number == 1) type = field.bytes.substr(field.bytes.rfind('/') + 1);
    if (field.number == 2) value = field.bytes;
  }
  if (type == kErrorInfo) ParseErrorInfo(value, error);
  if (type == kBadRequest) ParseBadRequest(value, error);
}

}  // namespace

ErrorCode ToErrorCode(int code) {
  switch (code) {
    case grpc::INVALID_ARGUMENT:
      return ErrorCode::kInvalidArgument;
    case grpc::NOT_FOUND:
      return ErrorCode::kNotFound;
    case grpc::ALREADY_EXISTS:
      return ErrorCode::kAlreadyExists;
    case grpc::PERMISSION_DENIED:
      return ErrorCode::kPermissionDenied;
    case grpc::UNAUTHENTICATED:
      return ErrorCode::kUnauthenticated;
    case grpc::RESOURCE_EXHAUSTED:
      return ErrorCode::kResourceExhausted;
    case grpc::FAILED_PRECONDITION:
      return ErrorCode::kFailedPrecondition;
    case grpc::ABORTED:
      return ErrorCode::kAborted;
    case grpc::OUT_OF_RANGE:
      return ErrorCode::kOutOfRange;
    case grpc::DEADLINE_EXCEEDED:
      return ErrorCode::kDeadlineExceeded;
    case grpc::CANCELLED:
      return ErrorCode::kCancelled;
    case grpc::UNAVAILABLE:
      return ErrorCode::kUnavailable;
    case grpc::DATA_LOSS:
      return ErrorCode::kDataLoss;
    case grpc::UNIMPLEMENTED:
      return ErrorCode::kUnimplemented;
    default:
      return ErrorCode::kInternal;
  }
}

Error ToError(const grpc::Status& status) {
  Error error{ToErrorCode(status.error_code()), status.error_message()};
  const std::string details = status.error_details();
  WireReader reader(details);  // a google.rpc.Status
  WireField field;
  while (reader.Next(field)) {
    if (field.number == 3) ParseDetail(field.bytes, error);
  }
  return error;
}

Error ParseStatusDetail(std::string_view bytes) {
  Error error;
  WireReader reader(bytes);
  WireField field;
  while (reader.Next(field)) {
    switch (field.number) {
      case 1:
        error.code = ToErrorCode(static_cast<int>(field.value));
        break;
      case 2:
        error.message = field.bytes;
        break;
      case 3:
        error.reason = field.bytes;
        break;
      case 4:
        error.field = field.bytes;
        break;
      case 5:
        ParseMapEntry(field.bytes, error.metadata);
        break;
      default:
        break;
    }
  }
  return error;
}

bool IsRetryable(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnavailable:
    case ErrorCode::kResourceExhausted:
    case ErrorCode::kAborted:
    case ErrorCode::kDeadlineExceeded:
      return true;
    default:
      return false;
  }
}

bool EndsStreamForNow(ErrorCode code) {
  return IsRetryable(code) || code == ErrorCode::kInternal || code == ErrorCode::kCancelled;
}

bool WasReplaced(const Error& error) {
  return error.code == ErrorCode::kAborted && error.reason == "REPLACED";
}

Error ClientClosed() {
  return {ErrorCode::kFailedPrecondition, "the client was closed", "", "CLIENT_CLOSED"};
}

}  // namespace postroad::client
