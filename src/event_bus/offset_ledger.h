// Which offsets a stream may commit: below the first message of each partition that is not done.
// A plain value, without threads.
#ifndef POSTROAD_EVENT_BUS_OFFSET_LEDGER_H_
#define POSTROAD_EVENT_BUS_OFFSET_LEDGER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "kafka/consumer.h"

namespace postroad::event_bus {

class OffsetLedger {
 public:
  // A message that was read; the token by which it is done. Offsets of a partition rise.
  uint64_t Read(const kafka::Partition& partition, int64_t offset);
  // Once for each; of partitions that were forgotten, nothing.
  void Done(uint64_t token);
  std::optional<kafka::Partition> PartitionOf(uint64_t token) const;
  // Messages that are not done.
  size_t open() const { return open_.size(); }

  // What can be committed and is not; it counts as committed from here on.
  kafka::Offsets TakeCommittable();
  // A commit failed: all is to be committed again.
  void Uncommit() { committed_.clear(); }
  // The partition is another member's.
  void Forget(const kafka::Partition& partition);
  void Clear();

 private:
  struct Progress {
    std::set<int64_t> open;
    int64_t first = 0;  // that was read
    int64_t next = 0;   // after the last one read
  };
  uint64_t last_token_ = 0;
  std::map<uint64_t, std::pair<kafka::Partition, int64_t>> open_;  // by token
  std::map<kafka::Partition, Progress> partitions_;
  kafka::Offsets committed_;
};

}  // namespace postroad::event_bus

#endif  // POSTROAD_EVENT_BUS_OFFSET_LEDGER_H_
