// What the store holds, as metrics.
#ifndef POSTROAD_SERVER_STORE_METRICS_H_
#define POSTROAD_SERVER_STORE_METRICS_H_

#include "runtime/metrics.h"
#include "store/store.h"

namespace postroad::server {

// Kept up to date as long as what is returned lives.
[[nodiscard]] Metrics::Registration AddStoreMetrics(Metrics& metrics, store::Store& store);

}  // namespace postroad::server

#endif  // POSTROAD_SERVER_STORE_METRICS_H_
