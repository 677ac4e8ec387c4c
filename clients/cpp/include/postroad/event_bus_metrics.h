// What an event bus has measured, as values. EventBus::MetricsText gives the same to Prometheus.
#ifndef POSTROAD_EVENT_BUS_METRICS_H_
#define POSTROAD_EVENT_BUS_METRICS_H_

#include <cstdint>
#include <string>

#include "postroad/outbox_metrics.h"

namespace postroad::event_bus {

using outbox::TimerValues;

// Since the bus was made. In brackets outbox-event-bus's names.
struct EventBusMetrics {
  // Writing events into transactions, by all of the process.
  TimerValues store;          // [events.store.timer]
  uint64_t store_errors = 0;  // [events.store.error]

  // The relay of this bus.
  TimerValues send;             // [events.send.timer] batches, to the answer to the last event
  uint64_t send_errors = 0;     // [events.send.error] batches sent again
  TimerValues cleanup;          // [events.cleanup.timer] batches of rows removed
  uint64_t cleanup_errors = 0;  // [events.cleanup.error]
  uint64_t sent = 0;            // events
  uint64_t lag_rows = 0;        // committed and not yet sent, counted up to a million
  double lag_seconds = 0;       // age of the oldest of them
  uint64_t poison_rows = 0;     // set aside, since they can be no events
  bool relay_leads = false;     // it works; or another of its name does, or there is no connection
  std::string relay_error;      // why there is no connection, or why the engine takes nothing

  // Streams, all of this bus together.
  uint64_t active_consumers = 0;  // streams that run
  uint64_t received = 0;          // events
  uint64_t receive_errors = 0;    // of the connection to Kafka
  TimerValues receive_delay;      // from an event's timestamp to its handler
  TimerValues handle;             // in handlers
  uint64_t handle_errors = 0;     // streams that a handler ended
  uint64_t dropped = 0;           // by the strategies DROP and LATEST
  uint64_t bad = 0;               // messages that are no events
};

struct StreamStats {
  uint64_t received = 0;
  uint64_t handled = 0;
  uint64_t dropped = 0;
  uint64_t bad = 0;
  uint64_t waiting = 0;    // read and not yet handled
  bool connected = false;  // to Kafka; of the local engine always
  bool paused = false;     // Kafka gives nothing until the handler is further on
};

}  // namespace postroad::event_bus

#endif  // POSTROAD_EVENT_BUS_METRICS_H_
