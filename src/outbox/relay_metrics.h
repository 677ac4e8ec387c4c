// What a relay counts, for each source.
#ifndef POSTROAD_OUTBOX_RELAY_METRICS_H_
#define POSTROAD_OUTBOX_RELAY_METRICS_H_

#include <string>

#include "runtime/metrics.h"

namespace postroad::outbox {

struct RelayMetrics {
  RelayMetrics(Metrics& metrics, const std::string& source);

  Counter& stored;
  Counter& duplicates;
  Counter& poisoned;
  Histogram& read_seconds;
  Counter& source_errors;
  Histogram& send_seconds;
  Counter& send_errors;
  Histogram& cleanup_seconds;
  Counter& cleanup_errors;
  Counter& cleaned;
  Histogram& delay_seconds;
  Gauge& lag_rows;
  Gauge& lag_seconds;
  Gauge& poison_rows;
  Gauge& leading;
};

}  // namespace postroad::outbox

#endif  // POSTROAD_OUTBOX_RELAY_METRICS_H_
