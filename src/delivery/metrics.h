// What delivery counts.
#ifndef POSTROAD_DELIVERY_METRICS_H_
#define POSTROAD_DELIVERY_METRICS_H_

#include <string>

#include "runtime/metrics.h"

namespace postroad::delivery {

// Of one subscription.
struct DeliveryMetrics {
  DeliveryMetrics(Metrics& metrics, const std::string& subscription)
      : DeliveryMetrics(metrics, Labels{{"subscription", subscription}}) {}
  DeliveryMetrics(Metrics& metrics, const Labels& labels)
      : keep(metrics.Keep(labels)),
        delivered(metrics.GetCounter("postroad_deliveries_total",
                                     "Deliveries to members, repeats included.", labels)),
        redelivered(metrics.GetCounter("postroad_redeliveries_total",
                                       "Deliveries that were not an event's first attempt.",
                                       labels)),
        acked(metrics.GetCounter("postroad_acks_total", "Events acknowledged by members.", labels)),
        nacked(metrics.GetCounter("postroad_nacks_total",
                                  "Events refused by members, to be retried.", labels)),
        expired(metrics.GetCounter("postroad_ack_deadlines_missed_total",
                                   "Attempts ended by their ack deadline.", labels)),
        dead(metrics.GetCounter("postroad_dead_letters_total", "Events that became dead letters.",
                                labels)),
        lost(metrics.GetCounter(
            "postroad_delivery_gap_events_total",
            "Events gone, by retention or with their topic, before they were settled.", labels)),
        unknown(metrics.GetCounter("postroad_unknown_settlements_total",
                                   "Acks, nacks and the like of deliveries that the member did not "
                                   "have (settled, expired, or never its own).",
                                   labels)),
        in_flight(metrics.GetGauge("postroad_in_flight_events", "Delivered and not yet settled.",
                                   labels)),
        retrying(metrics.GetGauge("postroad_retrying_events", "Waiting for their next attempt.",
                                  labels)),
        backlog(metrics.GetGauge("postroad_backlog_events",
                                 "From the ack floor to the end of the topics; of patterns, in "
                                 "positions of the feed.",
                                 labels)),
        members(metrics.GetGauge("postroad_members", "Members connected.", labels)) {}

  const Metrics::Registration keep;  // until the subscription is gone
  Counter &delivered, &redelivered, &acked, &nacked, &expired, &dead, &lost, &unknown;
  Gauge &in_flight, &retrying, &backlog, &members;
};

}  // namespace postroad::delivery

#endif  // POSTROAD_DELIVERY_METRICS_H_
