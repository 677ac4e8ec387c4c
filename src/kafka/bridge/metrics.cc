// See metrics.h.
#include "kafka/bridge/metrics.h"

namespace postroad::kafka {
namespace {

Labels LabelsOf(const std::string& connector) { return {{"connector", connector}}; }

Gauge& ConnectedGauge(Metrics& metrics, const std::string& connector) {
  return metrics.GetGauge("postroad_kafka_connected",
                          "Whether the connector reaches a Kafka broker: 1 or 0.",
                          LabelsOf(connector));
}

Counter& RestartCounter(Metrics& metrics, const std::string& connector) {
  return metrics.GetCounter("postroad_kafka_restarts_total",
                            "How often the connector began again after an error.",
                            LabelsOf(connector));
}

}  // namespace

OutMetrics::OutMetrics(Metrics& metrics, const std::string& connector)
    : events(metrics.GetCounter("postroad_kafka_out_events_total",
                                "Events that Kafka has confirmed.", LabelsOf(connector))),
      rejected(metrics.GetCounter("postroad_kafka_out_rejected_total",
                                  "Events that Kafka will never take: dead letters.",
                                  LabelsOf(connector))),
      restarts(RestartCounter(metrics, connector)),
      in_flight(metrics.GetGauge("postroad_kafka_out_in_flight",
                                 "Events sent to Kafka and not yet confirmed.",
                                 LabelsOf(connector))),
      connected(ConnectedGauge(metrics, connector)),
      confirm_seconds(metrics.GetHistogram("postroad_kafka_out_confirm_seconds",
                                           "From an event's sending to Kafka's confirmation.",
                                           LatencyBounds(), LabelsOf(connector))) {}

InMetrics::InMetrics(Metrics& metrics, const std::string& connector)
    : events(metrics.GetCounter("postroad_kafka_in_events_total",
                                "Kafka messages stored as events.", LabelsOf(connector))),
      duplicates(metrics.GetCounter("postroad_kafka_in_duplicates_total",
                                    "Kafka messages whose event was stored already.",
                                    LabelsOf(connector))),
      bad(metrics.GetCounter("postroad_kafka_in_bad_total",
                             "Kafka messages that are no events: dead letters.",
                             LabelsOf(connector))),
      dropped(metrics.GetCounter("postroad_kafka_in_dropped_total",
                                 "Kafka messages dropped by the backpressure drop or latest.",
                                 LabelsOf(connector))),
      lost(metrics.GetCounter("postroad_kafka_in_lost_total",
                              "Offsets that Kafka had deleted before they were read.",
                              LabelsOf(connector))),
      resets(
          metrics.GetCounter("postroad_kafka_in_resets_total",
                             "How often a committed offset was not in Kafka any more and reading "
                             "went on from the earliest that was.",
                             LabelsOf(connector))),
      commits(metrics.GetCounter("postroad_kafka_in_commits_total",
                                 "Commits of offsets that Kafka was asked for.",
                                 LabelsOf(connector))),
      commit_errors(metrics.GetCounter("postroad_kafka_in_commit_errors_total",
                                       "Commits of offsets that failed.", LabelsOf(connector))),
      restarts(RestartCounter(metrics, connector)),
      waiting(metrics.GetGauge("postroad_kafka_in_waiting",
                               "Kafka messages read and not yet stored.", LabelsOf(connector))),
      connected(ConnectedGauge(metrics, connector)),
      store_seconds(metrics.GetHistogram("postroad_kafka_in_store_seconds",
                                         "For a batch of messages to be stored.", LatencyBounds(),
                                         LabelsOf(connector))) {}

}  // namespace postroad::kafka
