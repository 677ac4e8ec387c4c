#include "client/backoff.h"

#include <algorithm>

namespace postroad::client {

void Backoff::Reset() {
  next_ = {};
  failing_since_.reset();
}

std::optional<Duration> Backoff::Next() {
  const MonotonicTime now = environment_.Monotonic();
  if (!failing_since_) failing_since_ = now;
  if (options_.give_up_after > Duration{} && now - *failing_since_ >= options_.give_up_after) {
    return std::nullopt;
  }
  // Compared before doubling, so that it cannot overflow.
  const Duration wait = next_ == Duration{} ? options_.base : next_;
  next_ = wait > options_.max / 2 ? options_.max : wait * 2;
  const double spread = 1 + options_.jitter * (2 * environment_.Random() - 1);
  return Duration(static_cast<int64_t>(static_cast<double>(wait.count()) * spread));
}

Status CheckBackoff(const BackoffOptions& options) {
  using std::chrono::milliseconds;
  if (options.base < milliseconds(1)) return Invalid("backoff.base", "must be at least 1 ms");
  if (options.max < options.base) return Invalid("backoff.max", "must not be less than base");
  if (options.max > std::chrono::hours(24)) return Invalid("backoff.max", "must be at most 24 h");
  if (!(options.jitter >= 0 && options.jitter < 1)) {
    return Invalid("backoff.jitter", "must be from 0 to under 1");
  }
  if (options.give_up_after < Duration{}) {
    return Invalid("backoff.give_up_after", "must not be negative");
  }
  return {};
}

}  // namespace postroad::client
