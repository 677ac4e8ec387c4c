// Errors as HTTP tells them: problem details (RFC 9457). The one place where Postroad's errors
// become HTTP's.
#ifndef POSTROAD_GATEWAY_HTTP_PROBLEM_H_
#define POSTROAD_GATEWAY_HTTP_PROBLEM_H_

#include <boost/json/object.hpp>
#include <optional>
#include <string>

#include "core/error.h"
#include "gateway/http/request.h"

namespace postroad::gateway {

inline constexpr char kProblemType[] = "application/problem+json";

unsigned StatusOf(ErrorCode code);

// An error of HTTP's own (404 for a path, 405, 406, 413, …) carries its status in `metadata`.
Error HttpError(unsigned status, ErrorCode code, std::string message, std::string reason);

//   {"type":"urn:postroad:error:EVENT_TOO_LARGE","title":"Bad Request","status":400,"detail":"…",
//    "code":"INVALID_ARGUMENT","reason":"EVENT_TOO_LARGE","field":"events[3]","value":…,
//    "metadata":{…}}
// `value` is what stood in the field, shortened, where it is known.
boost::json::object Problem(const Error& error,
                            const std::optional<std::string>& value = std::nullopt);

// What stood in the error's field: a query parameter, or a place of the JSON body.
std::optional<std::string> OffendingValue(const Error& error, const HttpRequest& request,
                                          const boost::json::value* body);

// The whole answer, with Retry-After and WWW-Authenticate where they belong.
HttpAnswer ProblemAnswer(const Error& error,
                         const std::optional<std::string>& value = std::nullopt);

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_PROBLEM_H_
