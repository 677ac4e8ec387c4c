// How long a connector waits before it begins again.
#ifndef POSTROAD_KAFKA_BRIDGE_BACKOFF_H_
#define POSTROAD_KAFKA_BRIDGE_BACKOFF_H_

#include <algorithm>
#include <utility>

#include "core/time.h"

namespace postroad::kafka {

// Doubles from the first wait up to the last; Reset once it goes well.
class Backoff {
 public:
  Backoff(Duration first, Duration last) : first_(first), last_(last), next_(first) {}
  Duration Next() { return std::exchange(next_, std::min(next_ * 2, last_)); }
  void Reset() { next_ = first_; }

 private:
  const Duration first_, last_;
  Duration next_;
};

}  // namespace postroad::kafka

#endif  // POSTROAD_KAFKA_BRIDGE_BACKOFF_H_
