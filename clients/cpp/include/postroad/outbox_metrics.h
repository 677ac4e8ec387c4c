// What writing events into transactions takes and how often it fails: outbox-event-bus's
// events.store.timer and events.store.error. Every Enqueue of the process counts; as values, as
// Prometheus's text, or told to an observer for a registry of one's own.
#ifndef POSTROAD_OUTBOX_METRICS_H_
#define POSTROAD_OUTBOX_METRICS_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "core/time.h"

namespace postroad::outbox {

struct TimerValues {
  uint64_t count = 0;
  double seconds = 0;  // all together
  double Mean() const { return count == 0 ? 0 : seconds / static_cast<double>(count); }
};

struct StoreMetrics {
  TimerValues store;    // Enqueue calls that succeeded
  uint64_t errors = 0;  // that did not: refused by MakeRow, or by the database
};
// Since the process began. Thread-safe.
StoreMetrics GetStoreMetrics();
// The same in Prometheus's text format 0.0.4, to be appended to a page of one's own:
// postroad_outbox_store_seconds (histogram) and postroad_outbox_store_errors_total.
std::string StoreMetricsText();

// Told of each Enqueue, on its thread. Must not throw.
class StoreObserver {
 public:
  virtual ~StoreObserver() = default;
  virtual void OnStored(Duration took) = 0;
  virtual void OnStoreError(Duration took) = 0;
};
// Of the process; null: none. A call that is under way may still tell the one before.
void SetStoreObserver(std::shared_ptr<StoreObserver> observer);

// Measures one Enqueue, from its making to its end: an error unless Stored was called.
class StoreTimer {
 public:
  StoreTimer() : begin_(std::chrono::steady_clock::now()) {}
  ~StoreTimer();
  StoreTimer(const StoreTimer&) = delete;
  StoreTimer& operator=(const StoreTimer&) = delete;
  void Stored() { stored_ = true; }

 private:
  const std::chrono::steady_clock::time_point begin_;
  bool stored_ = false;
};

}  // namespace postroad::outbox

#endif  // POSTROAD_OUTBOX_METRICS_H_
