// The machine's clock.
#include "runtime/clock.h"

namespace postroad {
namespace {

class MachineClock final : public Clock {
 public:
  Timestamp Now() const override { return std::chrono::system_clock::now(); }
  MonotonicTime Monotonic() const override { return std::chrono::steady_clock::now(); }
};

}  // namespace

Clock& SystemClock() {
  static MachineClock clock;
  return clock;
}

}  // namespace postroad
