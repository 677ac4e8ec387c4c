// See bus_metrics.h.
#include "event_bus/bus_metrics.h"

#include "runtime/histogram_totals.h"

namespace postroad::event_bus {
namespace {

Labels Of(const std::string& topic, const std::string& group) {
  return {{"topic", topic}, {"group", group}};
}

void AddTo(TimerValues& timer, const Histogram& histogram) {
  const HistogramTotals totals = TotalsOf(histogram);
  timer.count += totals.count;
  timer.seconds += totals.sum;
}

void AddTo(uint64_t& sum, const Counter& counter) { sum += static_cast<uint64_t>(counter.Value()); }

}  // namespace

StreamMeters::StreamMeters(Metrics& metrics, const std::string& topic, const std::string& group)
    : received(metrics.GetCounter("postroad_event_bus_received_total", "Events that streams read.",
                                  event_bus::Of(topic, group))),
      handled(metrics.GetCounter("postroad_event_bus_handled_total",
                                 "Events that handlers were through with.",
                                 event_bus::Of(topic, group))),
      handle_errors(metrics.GetCounter("postroad_event_bus_handle_errors_total",
                                       "Streams that their handler ended with an error.",
                                       event_bus::Of(topic, group))),
      dropped(metrics.GetCounter("postroad_event_bus_dropped_total",
                                 "Events dropped by the strategies DROP and LATEST.",
                                 event_bus::Of(topic, group))),
      bad(metrics.GetCounter("postroad_event_bus_bad_total", "Messages that are no events.",
                             event_bus::Of(topic, group))),
      errors(metrics.GetCounter("postroad_event_bus_receive_errors_total",
                                "Errors of the connection to Kafka.", event_bus::Of(topic, group))),
      delay(metrics.GetHistogram("postroad_event_bus_delay_seconds",
                                 "From an event's timestamp to its handler.", LatencyBounds(),
                                 event_bus::Of(topic, group))),
      handle(metrics.GetHistogram("postroad_event_bus_handle_seconds", "Time in handlers.",
                                  LatencyBounds(), event_bus::Of(topic, group))),
      running(metrics.GetGauge("postroad_event_bus_streams", "Streams that run.",
                               event_bus::Of(topic, group))) {}

StreamMeters& BusMetrics::Of(const std::string& topic, const std::string& group) {
  std::lock_guard lock(mutex_);
  return streams_.try_emplace(std::pair(topic, group), metrics_, topic, group).first->second;
}

EventBusMetrics BusMetrics::Snapshot(const outbox::Relay* relay) {
  EventBusMetrics snapshot;
  const outbox::StoreMetrics stored = outbox::GetStoreMetrics();
  snapshot.store = stored.store;
  snapshot.store_errors = stored.errors;
  if (relay != nullptr) {
    const outbox::RelayMetrics meters(metrics_, relay->options().name);
    AddTo(snapshot.send, meters.send_seconds);
    AddTo(snapshot.send_errors, meters.send_errors);
    AddTo(snapshot.cleanup, meters.cleanup_seconds);
    AddTo(snapshot.cleanup_errors, meters.cleanup_errors);
    const outbox::RelayState state = relay->state();
    snapshot.sent = state.sent;
    snapshot.lag_rows = state.lag.rows;
    snapshot.lag_seconds = std::chrono::duration<double>(state.lag.age).count();
    snapshot.poison_rows = state.lag.poison;
    snapshot.relay_leads = state.phase == outbox::RelayState::Phase::kLeading;
    snapshot.relay_error = state.error;
  }
  std::lock_guard lock(mutex_);
  for (const auto& [name, meters] : streams_) {
    snapshot.active_consumers += static_cast<uint64_t>(meters.running.Value());
    AddTo(snapshot.received, meters.received);
    AddTo(snapshot.receive_errors, meters.errors);
    AddTo(snapshot.receive_delay, meters.delay);
    AddTo(snapshot.handle, meters.handle);
    AddTo(snapshot.handle_errors, meters.handle_errors);
    AddTo(snapshot.dropped, meters.dropped);
    AddTo(snapshot.bad, meters.bad);
  }
  return snapshot;
}

std::string BusMetrics::Text() const { return metrics_.Render() + outbox::StoreMetricsText(); }

}  // namespace postroad::event_bus
