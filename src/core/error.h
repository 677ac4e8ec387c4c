// The one list of errors, and Result<T>, by which every call in Postroad reports them.
#ifndef POSTROAD_CORE_ERROR_H_
#define POSTROAD_CORE_ERROR_H_

#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace postroad {

// What went wrong, in the words of gRPC's canonical codes (each gateway maps them once to its own).
enum class ErrorCode {
  kInvalidArgument,     // the request is wrong whatever the state; retrying does not help
  kNotFound,            // what the request names does not exist
  kAlreadyExists,       // what the request creates exists, with other settings
  kPermissionDenied,    // the caller is known and may not
  kUnauthenticated,     // the caller is not known
  kResourceExhausted,   // a limit is reached (rate, memory, disk); retry later
  kFailedPrecondition,  // right request, wrong state; retrying does not help until that changes
  kAborted,             // ended by somebody else: replaced by a newer stream, lease lost
  kOutOfRange,          // a position outside the log
  kDeadlineExceeded,    // the caller's time was up; what was asked may still have happened
  kCancelled,           // the caller went away
  kUnavailable,         // the server is starting, draining or cut off; retry with backoff
  kDataLoss,            // stored bytes fail their checksum
  kUnimplemented,
  kInternal,  // a bug
};

// "INVALID_ARGUMENT" and so on.
std::string_view ErrorCodeName(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  // One sentence that says what is wrong and, where there is something to do, what to do.
  std::string message;
  // The request's field at fault, as a path ("events[3].topic"); empty if none is.
  std::string field = {};
  // A machine-readable reason in UPPER_SNAKE_CASE ("EVENT_TOO_LARGE", "DISK_FULL"); may be empty.
  std::string reason = {};
  // More for programs: {"limit_bytes": "1048576"}. Never secrets.
  std::map<std::string, std::string> metadata = {};

  // "INVALID_ARGUMENT: events[3].topic: …", for logs and terminals.
  std::string ToString() const;
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

inline std::unexpected<Error> Fail(Error error) { return std::unexpected(std::move(error)); }
inline std::unexpected<Error> Fail(ErrorCode code, std::string message, std::string field = {},
                                   std::string reason = {}) {
  return std::unexpected(Error{code, std::move(message), std::move(field), std::move(reason)});
}
inline std::unexpected<Error> Invalid(std::string field, std::string message,
                                      std::string reason = {}) {
  return Fail(ErrorCode::kInvalidArgument, std::move(message), std::move(field), std::move(reason));
}

// Returns the error of `expr` from the calling function, if it has one.
#define POSTROAD_TRY(expr)                                                      \
  do {                                                                          \
    if (auto postroad_try_result = (expr); !postroad_try_result) [[unlikely]] { \
      return std::unexpected(std::move(postroad_try_result).error());           \
    }                                                                           \
  } while (false)

// Declares `lhs` with the value of `expr`, or returns its error from the calling function.
#define POSTROAD_ASSIGN(lhs, expr) \
  POSTROAD_ASSIGN_IMPL(POSTROAD_CONCAT(postroad_result_, __LINE__), lhs, expr)
#define POSTROAD_ASSIGN_IMPL(tmp, lhs, expr)        \
  auto tmp = (expr);                                \
  if (!tmp) [[unlikely]]                            \
    return std::unexpected(std::move(tmp).error()); \
  lhs = *std::move(tmp)
#define POSTROAD_CONCAT(a, b) POSTROAD_CONCAT_IMPL(a, b)
#define POSTROAD_CONCAT_IMPL(a, b) a##b

}  // namespace postroad

#endif  // POSTROAD_CORE_ERROR_H_
