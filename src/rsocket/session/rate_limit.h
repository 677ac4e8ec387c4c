// A token bucket: how often a peer may make us do something.
#ifndef POSTROAD_RSOCKET_SESSION_RATE_LIMIT_H_
#define POSTROAD_RSOCKET_SESSION_RATE_LIMIT_H_

#include <algorithm>
#include <cstdint>

#include "core/time.h"

namespace postroad::rsocket {

class RateLimit {
 public:
  // `burst` at once, and `per_second` in the long run.
  RateLimit(uint32_t per_second, uint32_t burst)
      : per_second_(per_second), burst_(burst), tokens_(burst) {}

  bool Take(MonotonicTime now) {
    const double seconds = std::chrono::duration<double>(now - last_).count();
    if (last_ != MonotonicTime{})
      tokens_ = std::min<double>(burst_, tokens_ + seconds * per_second_);
    last_ = now;
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  uint32_t per_second_, burst_;
  double tokens_;
  MonotonicTime last_{};
};

}  // namespace postroad::rsocket

#endif  // POSTROAD_RSOCKET_SESSION_RATE_LIMIT_H_
