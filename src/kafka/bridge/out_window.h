// The events that an out connector holds: asked for, arrived, sent and not yet confirmed; and how
// many more it may ask for, counted and in bytes.
#ifndef POSTROAD_KAFKA_BRIDGE_OUT_WINDOW_H_
#define POSTROAD_KAFKA_BRIDGE_OUT_WINDOW_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/time.h"
#include "delivery/delivery.h"
#include "kafka/options.h"

namespace postroad::kafka {

// On the connector's thread.
class OutWindow {
 public:
  // The options outlive it.
  explicit OutWindow(const OutOptions& options) : options_(options) {}

  // Of what was granted these have come.
  void Arrive(std::vector<delivery::Delivery> deliveries);
  // Arrived and not sent, in order.
  bool has_backlog() const { return !backlog_.empty(); }
  const delivery::Delivery& next() const { return backlog_.front(); }
  // The next one is sent.
  void Sent(MonotonicTime now);
  // When the event that is known by now was sent; nothing if it is none of ours.
  std::optional<MonotonicTime> SentAt(uint64_t id) const;
  void Settled(uint64_t id);
  size_t in_flight() const { return in_flight_.size(); }

  // How many more events there is room for; they count as granted. Few large grants cost less than
  // many small ones: 0 where it is not worth it.
  uint64_t Grant();
  void ForEach(const std::function<void(delivery::DeliveryId)>& call) const;
  void Clear();

 private:
  struct InFlight {
    size_t bytes = 0;
    MonotonicTime sent{};
  };

  const OutOptions& options_;
  std::deque<delivery::Delivery> backlog_;
  uint64_t backlog_bytes_ = 0;
  std::unordered_map<uint64_t, InFlight> in_flight_;  // by delivery id
  uint64_t in_flight_bytes_ = 0;
  uint64_t credit_ = 0;  // granted, and not yet come
  double average_bytes_ = 1024;
};

}  // namespace postroad::kafka

#endif  // POSTROAD_KAFKA_BRIDGE_OUT_WINDOW_H_
