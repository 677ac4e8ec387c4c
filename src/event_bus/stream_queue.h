// The events that a stream has read and not yet handled, by its strategy of backpressure. A plain
// value, without threads.
#ifndef POSTROAD_EVENT_BUS_STREAM_QUEUE_H_
#define POSTROAD_EVENT_BUS_STREAM_QUEUE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "kafka/options.h"
#include "postroad/event_bus.h"

namespace postroad::event_bus {

struct Waiting {
  EventOutput event;
  uint64_t token = 0;  // the engine's
};

class StreamQueue {
 public:
  // Holds `events`, and of large ones fewer: 32 MiB.
  StreamQueue(kafka::Backpressure strategy, size_t events)
      : strategy_(strategy), capacity_(events) {}

  // Whether the engine should read on. A full queue takes what it is given all the same: who reads
  // by HasRoom exceeds it by one reading at most.
  bool HasRoom() const;

  enum class Offered {
    kTaken,
    kDropped,  // this one, or those in `dropped`, by DROP or LATEST
    kOverrun,  // there is no room, which ends a stream with the strategy ERROR
  };
  Offered Offer(Waiting event, std::vector<uint64_t>& dropped);
  std::optional<Waiting> Take();
  // The tokens of those that are gone.
  std::vector<uint64_t> RemoveIf(const std::function<bool(uint64_t token)>& gone);
  size_t size() const { return events_.size(); }

 private:
  bool Full() const;
  void Push(Waiting event);

  const kafka::Backpressure strategy_;
  const size_t capacity_;
  std::deque<Waiting> events_;
  size_t bytes_ = 0;
};

}  // namespace postroad::event_bus

#endif  // POSTROAD_EVENT_BUS_STREAM_QUEUE_H_
