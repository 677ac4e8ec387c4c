// Gives memory that a burst needed back to the system once the process is quiet again.
#ifndef POSTROAD_SERVER_MEMORY_H_
#define POSTROAD_SERVER_MEMORY_H_

#include "core/time.h"
#include "runtime/clock.h"

namespace postroad::server {

// The allocator keeps what was freed for the next burst, also when none comes. Used on one thread.
class MemoryKeeper {
 public:
  static constexpr Duration kInterval = std::chrono::seconds(30);

  explicit MemoryKeeper(Clock& clock);
  // To be called about every kInterval. Trims if much is free and the process did little since the
  // last call; that takes milliseconds, so it is not for a thread that serves.
  void Tick();

 private:
  Clock& clock_;
  MonotonicTime last_tick_;
  Duration last_cpu_;
};

}  // namespace postroad::server

#endif  // POSTROAD_SERVER_MEMORY_H_
