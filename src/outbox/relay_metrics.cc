// See relay_metrics.h.
#include "outbox/relay_metrics.h"

namespace postroad::outbox {
namespace {

Labels Of(const std::string& source) { return {{"source", source}}; }

Counter& Events(Metrics& metrics, const std::string& source, const std::string& outcome) {
  return metrics.GetCounter("postroad_outbox_events_total",
                            "Events that the target has answered, by outcome: stored, duplicate or "
                            "poison (set aside).",
                            {{"source", source}, {"outcome", outcome}});
}

}  // namespace

RelayMetrics::RelayMetrics(Metrics& metrics, const std::string& source)
    : stored(Events(metrics, source, "stored")),
      duplicates(Events(metrics, source, "duplicate")),
      poisoned(Events(metrics, source, "poison")),
      read_seconds(metrics.GetHistogram("postroad_outbox_read_seconds",
                                        "Time to read a page of rows that had some.",
                                        LatencyBounds(), Of(source))),
      source_errors(metrics.GetCounter("postroad_outbox_source_errors_total",
                                       "Failures of the database: no connection, a lost one, a "
                                       "table that is not as it should be.",
                                       Of(source))),
      send_seconds(metrics.GetHistogram("postroad_outbox_send_seconds",
                                        "Time from sending a batch to the target's answer.",
                                        LatencyBounds(), Of(source))),
      send_errors(metrics.GetCounter("postroad_outbox_send_errors_total",
                                     "Batches of which the target could not take some events; they "
                                     "are sent again.",
                                     Of(source))),
      cleanup_seconds(metrics.GetHistogram("postroad_outbox_cleanup_seconds",
                                           "Time to remove a batch of delivered rows.",
                                           LatencyBounds(), Of(source))),
      cleanup_errors(metrics.GetCounter("postroad_outbox_cleanup_errors_total",
                                        "Failures to remove delivered rows.", Of(source))),
      cleaned(metrics.GetCounter("postroad_outbox_cleaned_rows_total", "Delivered rows removed.",
                                 Of(source))),
      delay_seconds(metrics.GetHistogram("postroad_outbox_delay_seconds",
                                         "From writing the oldest row of a page to the target's "
                                         "answer.",
                                         LatencyBounds(), Of(source))),
      lag_rows(metrics.GetGauge("postroad_outbox_lag_rows",
                                "Committed rows that are not yet sent, counted up to a million.",
                                Of(source))),
      lag_seconds(metrics.GetGauge("postroad_outbox_lag_seconds", "Age of the oldest of them.",
                                   Of(source))),
      poison_rows(metrics.GetGauge("postroad_outbox_poison_rows", "Rows set aside.", Of(source))),
      leading(metrics.GetGauge("postroad_outbox_leading",
                               "1 if this relay works on the source; 0 if another does or there is "
                               "no connection.",
                               Of(source))) {}

}  // namespace postroad::outbox
