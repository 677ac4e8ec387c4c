// The clock, handed in wherever time matters so that tests turn it by hand.
#ifndef POSTROAD_RUNTIME_CLOCK_H_
#define POSTROAD_RUNTIME_CLOCK_H_

#include "core/time.h"

namespace postroad {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Wall-clock time; may jump either way.
  virtual Timestamp Now() const = 0;
  // Never goes back.
  virtual MonotonicTime Monotonic() const = 0;
};

// The machine's own clock; lives for the whole process.
Clock& SystemClock();

}  // namespace postroad

#endif  // POSTROAD_RUNTIME_CLOCK_H_
