// From core's error codes to gRPC's, with details a program can read.
#include "gateway/grpc/status_map.h"

#include "google/rpc/error.pb.h"

namespace postroad::gateway {

grpc::StatusCode ToGrpcCode(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return grpc::StatusCode::INVALID_ARGUMENT;
    case ErrorCode::kNotFound:
      return grpc::StatusCode::NOT_FOUND;
    case ErrorCode::kAlreadyExists:
      return grpc::StatusCode::ALREADY_EXISTS;
    case ErrorCode::kPermissionDenied:
      return grpc::StatusCode::PERMISSION_DENIED;
    case ErrorCode::kUnauthenticated:
      return grpc::StatusCode::UNAUTHENTICATED;
    case ErrorCode::kResourceExhausted:
      return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case ErrorCode::kFailedPrecondition:
      return grpc::StatusCode::FAILED_PRECONDITION;
    case ErrorCode::kAborted:
      return grpc::StatusCode::ABORTED;
    case ErrorCode::kOutOfRange:
      return grpc::StatusCode::OUT_OF_RANGE;
    case ErrorCode::kDeadlineExceeded:
      return grpc::StatusCode::DEADLINE_EXCEEDED;
    case ErrorCode::kCancelled:
      return grpc::StatusCode::CANCELLED;
    case ErrorCode::kUnavailable:
      return grpc::StatusCode::UNAVAILABLE;
    case ErrorCode::kDataLoss:
      return grpc::StatusCode::DATA_LOSS;
    case ErrorCode::kUnimplemented:
      return grpc::StatusCode::UNIMPLEMENTED;
    case ErrorCode::kInternal:
      return grpc::StatusCode::INTERNAL;
  }
  return grpc::StatusCode::INTERNAL;
}

namespace {

std::string Message(const Error& error) {
  return error.field.empty() ? error.message : error.field + ": " + error.message;
}

google::rpc::Status Details(const Error& error, grpc::StatusCode code) {
  google::rpc::Status status;
  status.set_code(code);
  status.set_message(Message(error));
  google::rpc::ErrorInfo info;
  // Every error has a reason a program can switch on; the code's name where there is none closer.
  info.set_reason(error.reason.empty() ? std::string(ErrorCodeName(error.code)) : error.reason);
  info.set_domain(kErrorDomain);
  info.mutable_metadata()->insert(error.metadata.begin(), error.metadata.end());
  status.add_details()->PackFrom(info);
  if (!error.field.empty()) {
    google::rpc::BadRequest request;
    auto* violation = request.add_field_violations();
    violation->set_field(error.field);
    violation->set_description(error.message);
    status.add_details()->PackFrom(request);
  }
  return status;
}

}  // namespace

grpc::Status ToGrpcStatus(const Error& error) {
  const grpc::StatusCode code = ToGrpcCode(error.code);
  return {code, Message(error), Details(error, code).SerializeAsString()};
}

v1::StatusDetail ToDetail(const Error& error) {
  v1::StatusDetail detail;
  detail.set_code(ToGrpcCode(error.code));
  detail.set_message(error.message);
  detail.set_reason(error.reason.empty() ? std::string(ErrorCodeName(error.code)) : error.reason);
  detail.set_field(error.field);
  detail.mutable_metadata()->insert(error.metadata.begin(), error.metadata.end());
  return detail;
}

}  // namespace postroad::gateway
