// Points in time and durations: nanoseconds since 1970, and the text forms of both.
#ifndef POSTROAD_CORE_TIME_H_
#define POSTROAD_CORE_TIME_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.h"

namespace postroad {

using Duration = std::chrono::nanoseconds;
// Wall-clock time (UTC, no leap seconds).
using Timestamp = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;
// Time that never jumps, for timeouts.
using MonotonicTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

inline int64_t ToNanos(Timestamp t) { return t.time_since_epoch().count(); }
inline Timestamp FromNanos(int64_t nanos) { return Timestamp(Duration(nanos)); }

// The range accepted anywhere a time is given: 1970-01-01 to 2200-01-01.
inline constexpr Timestamp kEarliestTime{};
inline constexpr Timestamp kLatestTime{std::chrono::seconds(7'258'118'400)};

// RFC 3339 in UTC, with as many fraction digits as it takes: "2026-01-31T08:00:00.25Z".
std::string FormatTime(Timestamp t);
// RFC 3339 with any offset, or "now", "+5m", "-1h" relative to `now`.
Result<Timestamp> ParseTime(std::string_view text, Timestamp now);

// "1h30m", "250ms", "7d". Exact: parsing it gives the same duration.
std::string FormatDuration(Duration d);
// A sum of number-unit pairs, units ns us ms s m h d ("1h30m", "1.5s"); "0" needs no unit.
// INVALID_ARGUMENT on anything else, negative or over 100 years.
Result<Duration> ParseDuration(std::string_view text);

}  // namespace postroad

#endif  // POSTROAD_CORE_TIME_H_
