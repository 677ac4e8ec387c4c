// What an event bus measures.
#ifndef POSTROAD_EVENT_BUS_BUS_METRICS_H_
#define POSTROAD_EVENT_BUS_BUS_METRICS_H_

#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "outbox/relay.h"
#include "postroad/event_bus_metrics.h"
#include "runtime/metrics.h"

namespace postroad::event_bus {

// Of one topic and group, with these labels.
struct StreamMeters {
  StreamMeters(Metrics& metrics, const std::string& topic, const std::string& group);
  Counter& received;
  Counter& handled;
  Counter& handle_errors;
  Counter& dropped;
  Counter& bad;
  Counter& errors;
  Histogram& delay;
  Histogram& handle;
  Gauge& running;
};

// Thread-safe.
class BusMetrics {
 public:
  // Of a stream, as long as this lives.
  StreamMeters& Of(const std::string& topic, const std::string& group);
  Metrics& all() { return metrics_; }
  // `relay`: null, where there is none.
  EventBusMetrics Snapshot(const outbox::Relay* relay);
  std::string Text() const;

 private:
  Metrics metrics_;
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, StreamMeters> streams_;  // guarded by mutex_
};

}  // namespace postroad::event_bus

#endif  // POSTROAD_EVENT_BUS_BUS_METRICS_H_
