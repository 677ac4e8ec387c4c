// How much memory the bodies of all requests may take together.
#ifndef POSTROAD_GATEWAY_HTTP_BODY_BUDGET_H_
#define POSTROAD_GATEWAY_HTTP_BODY_BUDGET_H_

#include <atomic>
#include <cstdint>

#include "runtime/metrics.h"

namespace postroad::gateway {

// Thread-safe.
class BodyBudget {
 public:
  BodyBudget(uint64_t most, Metrics& metrics)
      : most_(most),
        held_gauge_(metrics.GetGauge("postroad_http_body_bytes",
                                     "Of requests' bodies that are being gathered or handled.")),
        refused_(metrics.GetCounter("postroad_http_bodies_refused_total",
                                    "Bodies that http.body_memory_bytes had no room for.")) {}

  // One request's share; given back with it. On one thread.
  class Share {
   public:
    explicit Share(BodyBudget& budget) : budget_(budget) {}
    ~Share() { budget_.Give(held_); }
    Share(const Share&) = delete;

    // Whether it may hold `bytes` now, in steps; if not it holds what it held.
    [[nodiscard]] bool Hold(uint64_t bytes) {
      constexpr uint64_t kStep = 16 << 10;
      const uint64_t wanted = (bytes + kStep - 1) / kStep * kStep;
      if (wanted > held_ && !budget_.Take(wanted - held_)) return false;
      if (wanted < held_) budget_.Give(held_ - wanted);
      held_ = wanted;
      return true;
    }

   private:
    BodyBudget& budget_;
    uint64_t held_ = 0;
  };

 private:
  bool Take(uint64_t bytes) {
    if (held_.fetch_add(bytes) + bytes > most_) {
      held_.fetch_sub(bytes);
      refused_.Add();
      return false;
    }
    held_gauge_.Add(static_cast<double>(bytes));
    return true;
  }
  void Give(uint64_t bytes) {
    if (bytes == 0) return;
    held_.fetch_sub(bytes);
    held_gauge_.Add(-static_cast<double>(bytes));
  }

  const uint64_t most_;
  std::atomic<uint64_t> held_ = 0;
  Gauge& held_gauge_;
  Counter& refused_;
};

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_BODY_BUDGET_H_
