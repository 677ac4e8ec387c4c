// What the bridge measures; every family has the label `connector`.
#ifndef POSTROAD_KAFKA_BRIDGE_METRICS_H_
#define POSTROAD_KAFKA_BRIDGE_METRICS_H_

#include <string>

#include "runtime/metrics.h"

namespace postroad::kafka {

struct OutMetrics {
  OutMetrics(Metrics& metrics, const std::string& connector);
  Counter& events;
  Counter& rejected;
  Counter& restarts;
  Gauge& in_flight;
  Gauge& connected;
  Histogram& confirm_seconds;
};

struct InMetrics {
  InMetrics(Metrics& metrics, const std::string& connector);
  Counter& events;
  Counter& duplicates;
  Counter& bad;
  Counter& dropped;
  Counter& lost;
  Counter& resets;
  Counter& commits;
  Counter& commit_errors;
  Counter& restarts;
  Gauge& waiting;
  Gauge& connected;
  Histogram& store_seconds;
};

}  // namespace postroad::kafka

#endif  // POSTROAD_KAFKA_BRIDGE_METRICS_H_
