// Unary gRPC calls, 64 under way: posts of one event, and calls that carry nothing.
#ifndef POSTROAD_CLI_BENCH_UNARY_H_
#define POSTROAD_CLI_BENCH_UNARY_H_

#include <string>

#include "core/error.h"
#include "core/time.h"

namespace postroad::cli::bench {

inline constexpr int kUnderWay = 64;

// Posts of one event each for `length`, to a server without TLS. Returns posts/s.
Result<double> UnaryPosts(const std::string& address, const std::string& api_key, Duration length);

}  // namespace postroad::cli::bench

#endif  // POSTROAD_CLI_BENCH_UNARY_H_
