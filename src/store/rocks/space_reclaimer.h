// Gives back the disk space of large ranges that were deleted, on a thread of its own.
#ifndef POSTROAD_STORE_ROCKS_SPACE_RECLAIMER_H_
#define POSTROAD_STORE_ROCKS_SPACE_RECLAIMER_H_

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "store/rocks/engine.h"

namespace postroad::store {

// Thread-safe. RocksDB's own compactions free space in the end too, but only where there is
// writing.
class SpaceReclaimer {
 public:
  explicit SpaceReclaimer(Engine& engine) : engine_(engine) {}
  ~SpaceReclaimer();  // drops what it has not done
  SpaceReclaimer(const SpaceReclaimer&) = delete;
  SpaceReclaimer& operator=(const SpaceReclaimer&) = delete;

  // Runs in [begin, end) are deleted, durably. If too many ranges wait, this one is left to
  // RocksDB.
  void ReclaimRuns(std::string begin, std::string end);

 private:
  struct Range {
    std::string begin, end;
  };
  void Work();
  void Reclaim(const Range& range);

  Engine& engine_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Range> ranges_;  // guarded by mutex_
  std::atomic<bool> stop_ = false;
  std::thread thread_;  // started by the first range
};

}  // namespace postroad::store

#endif  // POSTROAD_STORE_ROCKS_SPACE_RECLAIMER_H_
