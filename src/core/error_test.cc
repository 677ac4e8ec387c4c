#include "core/error.h"

#include <gtest/gtest.h>

namespace postroad {
namespace {

TEST(ErrorTest, ToStringHasCodeFieldAndMessage) {
  const Error error{ErrorCode::kInvalidArgument, "must not be empty", "events[3].topic"};
  EXPECT_EQ(error.ToString(), "INVALID_ARGUMENT: events[3].topic: must not be empty");
  EXPECT_EQ((Error{ErrorCode::kAborted, "replaced"}).ToString(), "ABORTED: replaced");
  EXPECT_EQ((Error{ErrorCode::kDataLoss, ""}).ToString(), "DATA_LOSS");
}

TEST(ErrorTest, EveryCodeHasTheNameGrpcGivesIt) {
  const std::pair<ErrorCode, std::string_view> kNames[] = {
      {ErrorCode::kInvalidArgument, "INVALID_ARGUMENT"},
      {ErrorCode::kNotFound, "NOT_FOUND"},
      {ErrorCode::kAlreadyExists, "ALREADY_EXISTS"},
      {ErrorCode::kPermissionDenied, "PERMISSION_DENIED"},
      {ErrorCode::kUnauthenticated, "UNAUTHENTICATED"},
      {ErrorCode::kResourceExhausted, "RESOURCE_EXHAUSTED"},
      {ErrorCode::kFailedPrecondition, "FAILED_PRECONDITION"},
      {ErrorCode::kAborted, "ABORTED"},
      {ErrorCode::kOutOfRange, "OUT_OF_RANGE"},
      {ErrorCode::kDeadlineExceeded, "DEADLINE_EXCEEDED"},
      {ErrorCode::kCancelled, "CANCELLED"},
      {ErrorCode::kUnavailable, "UNAVAILABLE"},
      {ErrorCode::kDataLoss, "DATA_LOSS"},
      {ErrorCode::kUnimplemented, "UNIMPLEMENTED"},
      {ErrorCode::kInternal, "INTERNAL"},
  };
  for (const auto& [code, name] : kNames) EXPECT_EQ(ErrorCodeName(code), name);
}

Result<int> Half(int n) {
  if (n % 2 != 0) return Invalid("n", "must be even", "ODD");
  return n / 2;
}
Result<int> Quarter(int n) {
  POSTROAD_ASSIGN(const int half, Half(n));
  return Half(half);
}
Status IsMultipleOfFour(int n) {
  POSTROAD_TRY(Half(n));
  POSTROAD_TRY(Quarter(n));
  return {};
}

TEST(ErrorTest, MacrosHandOnTheErrorAndTheValue) {
  EXPECT_EQ(Quarter(8), 2);
  EXPECT_EQ(Quarter(6).error().reason, "ODD");
  EXPECT_TRUE(IsMultipleOfFour(4));
  EXPECT_EQ(IsMultipleOfFour(6).error().field, "n");
}

}  // namespace
}  // namespace postroad
