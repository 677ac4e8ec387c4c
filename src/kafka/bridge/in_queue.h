// Messages that are read and not yet on their way to the log: bounded, and what happens where there
// are too many.
#ifndef POSTROAD_KAFKA_BRIDGE_IN_QUEUE_H_
#define POSTROAD_KAFKA_BRIDGE_IN_QUEUE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <set>

#include "kafka/bridge/in_item.h"
#include "kafka/consumer.h"
#include "kafka/options.h"

namespace postroad::kafka {

// Knows neither Kafka nor the log. On the connector's thread.
class InQueue {
 public:
  // The options outlive it.
  explicit InQueue(const InOptions& options) : options_(options) {}

  bool empty() const { return items_.empty(); }
  size_t size() const { return items_.size(); }

  // Whether nothing is to be read for now; `busy` says whether a batch is on its way to the log.
  bool Full(bool busy) const;
  // How many messages may be read at once.
  size_t Room() const;

  // What becomes of a message that comes, by the strategy: kDrop, and nothing is to be made of it;
  // kOverrun, which ends the session; else it is to be pushed, once `dropped` others made room.
  enum class Verdict { kTake, kDrop, kOverrun };
  struct Answer {
    Verdict verdict = Verdict::kTake;
    size_t dropped = 0;
  };
  Answer Offer(const Partition& partition, int64_t offset, bool busy);
  void Push(Item item);

  // The first items, up to `most` and about `most_bytes`, in order.
  Items Take(size_t most, size_t most_bytes);
  // Offsets behind what was dropped, once nothing waits that is to be stored before they are
  // committed; empty until then.
  Offsets TakeSkipped();

  void Forget(const std::set<Partition>& partitions);
  void Clear();

 private:
  bool Waits(uint64_t events) const;

  const InOptions& options_;
  std::deque<Item> items_;
  uint64_t bytes_ = 0;
  Offsets skipped_;
};

}  // namespace postroad::kafka

#endif  // POSTROAD_KAFKA_BRIDGE_IN_QUEUE_H_
