// See store_metrics.h.
#include "server/store_metrics.h"

namespace postroad::server {

Metrics::Registration AddStoreMetrics(Metrics& metrics, store::Store& store) {
  Gauge& disk = metrics.GetGauge("postroad_store_disk_bytes", "Size of the store's files.");
  Gauge& free = metrics.GetGauge("postroad_store_free_disk_bytes",
                                 "Free space on the disk that the store is on.");
  Gauge& topics = metrics.GetGauge("postroad_store_topics", "Topics that there are.");
  Gauge& events = metrics.GetGauge("postroad_store_feed_position",
                                   "Events ever stored in this store, over all topics.");
  return metrics.OnRender([&, &store = store] {
    const auto stats = store.Stats();
    if (!stats) return;
    disk.Set(static_cast<double>(stats->disk_bytes));
    free.Set(static_cast<double>(stats->free_disk_bytes));
    topics.Set(static_cast<double>(stats->topics));
    events.Set(static_cast<double>(stats->feed.next.value()));
  });
}

}  // namespace postroad::server
