// See out_window.h.
#include "kafka/bridge/out_window.h"

#include <algorithm>
#include <utility>

namespace postroad::kafka {

using delivery::Delivery;

void OutWindow::Arrive(std::vector<Delivery> deliveries) {
  credit_ -= std::min<uint64_t>(credit_, deliveries.size());
  for (Delivery& delivery : deliveries) {
    backlog_bytes_ += delivery.record.size();
    backlog_.push_back(std::move(delivery));
  }
}

void OutWindow::Sent(MonotonicTime now) {
  const size_t bytes = backlog_.front().record.size();
  in_flight_.emplace(backlog_.front().id.value(), InFlight{bytes, now});
  in_flight_bytes_ += bytes;
  average_bytes_ += (static_cast<double>(bytes) - average_bytes_) / 64;
  backlog_bytes_ -= bytes;
  backlog_.pop_front();
}

std::optional<MonotonicTime> OutWindow::SentAt(uint64_t id) const {
  const auto found = in_flight_.find(id);
  if (found == in_flight_.end()) return std::nullopt;
  return found->second.sent;
}

void OutWindow::Settled(uint64_t id) {
  const auto found = in_flight_.find(id);
  in_flight_bytes_ -= found->second.bytes;
  in_flight_.erase(found);
}

uint64_t OutWindow::Grant() {
  const uint64_t held = in_flight_.size() + backlog_.size() + credit_;
  const uint64_t by_count =
      options_.max_in_flight - std::min<uint64_t>(held, options_.max_in_flight);
  const double average = std::max(average_bytes_, 64.0);
  const double bytes = static_cast<double>(in_flight_bytes_ + backlog_bytes_) +
                       static_cast<double>(credit_) * average;
  const double room = (static_cast<double>(options_.max_in_flight_bytes) - bytes) / average;
  uint64_t grant = std::min(by_count, static_cast<uint64_t>(std::max(room, 0.0)));
  if (grant == 0 && held == 0) grant = 1;
  if (grant < options_.max_in_flight / 16 && held > grant) return 0;
  credit_ += grant;
  return grant;
}

void OutWindow::ForEach(const std::function<void(delivery::DeliveryId)>& call) const {
  for (const auto& [id, flight] : in_flight_) call(delivery::DeliveryId(id));
  for (const Delivery& delivery : backlog_) call(delivery.id);
}

void OutWindow::Clear() {
  backlog_.clear();
  backlog_bytes_ = 0;
  in_flight_.clear();
  in_flight_bytes_ = 0;
  credit_ = 0;
}

}  // namespace postroad::kafka
