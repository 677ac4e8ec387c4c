// One stream's queue, and the thread that calls its handler.
#ifndef POSTROAD_EVENT_BUS_STREAM_PUMP_H_
#define POSTROAD_EVENT_BUS_STREAM_PUMP_H_

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "event_bus/bus_metrics.h"
#include "event_bus/stream_queue.h"

namespace postroad::event_bus {

// Called on the pump's thread, without its lock.
class PumpOwner {
 public:
  virtual ~PumpOwner() = default;
  // The handler is through with it. The next event waits until this returns.
  virtual void OnHandled(uint64_t token) = 0;
  // The handler failed, and is called no more.
  virtual void OnHandlerFailed(uint64_t token, Error error) = 0;
  // Once, at the thread's end.
  virtual void OnPumpEnd() {}
};

// Thread-safe.
class StreamPump {
 public:
  StreamPump(kafka::Backpressure strategy, size_t events, StreamHandlers handlers,
             StreamMeters& meters, PumpOwner& owner);
  ~StreamPump();  // Stop, from another thread

  void Start();
  bool HasRoom() const;
  // Dropped events are done with: their tokens are appended.
  StreamQueue::Offered Offer(Waiting event, std::vector<uint64_t>& dropped);
  // Takes events back that wait; their tokens.
  std::vector<uint64_t> RemoveIf(const std::function<bool(uint64_t token)>& gone);
  // What the handler has at the moment.
  std::optional<uint64_t> in_hand() const;
  // Waits until it has nothing for which `held` is true, at most so long.
  bool AwaitHandler(const std::function<bool(uint64_t token)>& held, Duration at_most);
  uint64_t waiting() const;

  // No more calls of the handler after the one that runs.
  void Close();
  // Close, and waits for the thread, unless called on it.
  void Stop();
  bool OnOwnThread() const { return own_ == std::this_thread::get_id(); }
  const StreamHandlers& handlers() const { return handlers_; }

 private:
  void Run();
  void Pump();
  Status Handle(const EventOutput& event);

  const StreamHandlers handlers_;
  StreamMeters& meters_;
  PumpOwner& owner_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  StreamQueue queue_;                // guarded by mutex_
  bool closed_ = false;              // guarded by mutex_
  std::optional<uint64_t> in_hand_;  // guarded by mutex_
  std::atomic<std::thread::id> own_;
  std::mutex join_mutex_;
  std::thread thread_;
};

}  // namespace postroad::event_bus

#endif  // POSTROAD_EVENT_BUS_STREAM_PUMP_H_
