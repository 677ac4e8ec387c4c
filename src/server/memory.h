// Gives memory that a burst needed back to the system once the process is quiet again.
#ifndef POSTROAD_SERVER_MEMORY_H_
#define POSTROAD_SERVER_MEMORY_H_

#include "core/time.h"
#include "runtime/clock.h"

namespace postroad::server {

// Gives back what the allocator keeps of freed memory, if it is much. That takes milliseconds, so
// it is not for a thread that serves.
void ReturnFreeMemory();

// jemalloc gives back what was freed as time passes, but looks at the time only while the process
// allocates: what a burst left stays if none comes after it. Used on one thread.
class MemoryKeeper {
 public:
  static constexpr Duration kInterval = std::chrono::seconds(30);

  explicit MemoryKeeper(Clock& clock);
  // To be called about every kInterval. Returns free memory if the process did little since the
  // last call.
  void Tick();

 private:
  Clock& clock_;
  MonotonicTime last_tick_;
  Duration last_cpu_;
};

}  // namespace postroad::server

#endif  // POSTROAD_SERVER_MEMORY_H_
