// The epoch of what is acknowledged without being synced (memory topics, and the feed, which names
// them): new after the machine may have lost some of it. A kill of the process alone loses nothing,
// since what was written is with the operating system; so the test is whether the machine was
// booted anew with unsynced events behind.
#ifndef POSTROAD_JOURNAL_MEMORY_EPOCH_H_
#define POSTROAD_JOURNAL_MEMORY_EPOCH_H_

#include <atomic>
#include <string>

#include "store/store.h"

namespace postroad::journal {

class MemoryEpoch {
 public:
  explicit MemoryEpoch(store::Store& store) : store_(store) {}

  // Reads, and renews where that is due. `boot_id` names this run of the machine ("" if unknown).
  Status Open(const std::string& boot_id);
  // Notes durably, the first time, that unsynced events are about to be acknowledged.
  Status BeforeUnsynced();
  // All is synced: nothing can be lost any more. Called last.
  Status Close();

  Epoch value() const { return Epoch(epoch_.load()); }

 private:
  Status Save(bool unsynced);

  store::Store& store_;
  std::atomic<uint64_t> epoch_ = 0;
  std::string boot_id_;
  bool unsynced_ = false;  // as saved
};

// The kernel's id of this boot, or "" where there is none.
std::string ReadBootId();

}  // namespace postroad::journal

#endif  // POSTROAD_JOURNAL_MEMORY_EPOCH_H_
