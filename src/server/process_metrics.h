// What the process uses, as metrics by Prometheus's usual names.
#ifndef POSTROAD_SERVER_PROCESS_METRICS_H_
#define POSTROAD_SERVER_PROCESS_METRICS_H_

#include "runtime/clock.h"
#include "runtime/metrics.h"

namespace postroad::server {

// Kept up to date as long as what is returned lives.
[[nodiscard]] Metrics::Registration AddProcessMetrics(Metrics& metrics, Clock& clock);

}  // namespace postroad::server

#endif  // POSTROAD_SERVER_PROCESS_METRICS_H_
