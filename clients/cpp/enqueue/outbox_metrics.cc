// See postroad/outbox_metrics.h.
#include "postroad/outbox_metrics.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <mutex>
#include <utility>

namespace postroad::outbox {
namespace {

// Upper bounds, in nanoseconds and as Prometheus shows them.
struct Bound {
  int64_t nanos;
  const char* label;
};
constexpr std::array kBounds = {
    Bound{50'000, "5e-05"},    Bound{100'000, "0.0001"},    Bound{250'000, "0.00025"},
    Bound{500'000, "0.0005"},  Bound{1'000'000, "0.001"},   Bound{2'500'000, "0.0025"},
    Bound{5'000'000, "0.005"}, Bound{10'000'000, "0.01"},   Bound{25'000'000, "0.025"},
    Bound{50'000'000, "0.05"}, Bound{100'000'000, "0.1"},   Bound{250'000'000, "0.25"},
    Bound{500'000'000, "0.5"}, Bound{1'000'000'000, "1"},   Bound{2'500'000'000, "2.5"},
    Bound{5'000'000'000, "5"}, Bound{10'000'000'000, "10"},
};

struct Totals {
  std::atomic<uint64_t> errors = 0;
  std::atomic<int64_t> nanos = 0;
  std::array<std::atomic<uint64_t>, kBounds.size() + 1> buckets{};  // the last: beyond all bounds
  std::mutex mutex;
  std::shared_ptr<StoreObserver> observer;  // guarded by mutex
  std::atomic<bool> observed = false;
};

// Never destroyed: threads may write events while the process exits.
Totals& All() {
  static Totals* const totals = new Totals;
  return *totals;
}

std::shared_ptr<StoreObserver> Observer(Totals& all) {
  if (!all.observed) return nullptr;
  std::lock_guard lock(all.mutex);
  return all.observer;
}

std::string Seconds(int64_t nanos) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", static_cast<double>(nanos) / 1e9);
  return text;
}

}  // namespace

StoreTimer::~StoreTimer() {
  const Duration took = std::chrono::steady_clock::now() - begin_;
  Totals& all = All();
  if (stored_) {
    const auto bound = std::ranges::lower_bound(kBounds, took.count(), {}, &Bound::nanos);
    ++all.buckets[static_cast<size_t>(bound - kBounds.begin())];
    all.nanos += took.count();
  } else {
    ++all.errors;
  }
  const auto observer = Observer(all);
  if (!observer) return;
  if (stored_) {
    observer->OnStored(took);
  } else {
    observer->OnStoreError(took);
  }
}

void SetStoreObserver(std::shared_ptr<StoreObserver> observer) {
  Totals& all = All();
  std::lock_guard lock(all.mutex);
  all.observer.swap(observer);
  all.observed = all.observer != nullptr;
}

StoreMetrics GetStoreMetrics() {
  const Totals& all = All();
  StoreMetrics metrics{.errors = all.errors};
  for (const auto& bucket : all.buckets) metrics.store.count += bucket;
  metrics.store.seconds = static_cast<double>(all.nanos) / 1e9;
  return metrics;
}

std::string StoreMetricsText() {
  const Totals& all = All();
  std::string text =
      "# HELP postroad_outbox_store_seconds Time to write an event into the application's "
      "transaction.\n# TYPE postroad_outbox_store_seconds histogram\n";
  uint64_t count = 0;
  for (size_t i = 0; i < kBounds.size(); ++i) {
    count += all.buckets[i];
    text += "postroad_outbox_store_seconds_bucket{le=\"" + std::string(kBounds[i].label) + "\"} " +
            std::to_string(count) + "\n";
  }
  count += all.buckets.back();
  const std::string total = std::to_string(count);
  text += "postroad_outbox_store_seconds_bucket{le=\"+Inf\"} " + total + "\n";
  text += "postroad_outbox_store_seconds_sum " + Seconds(all.nanos) + "\n";
  text += "postroad_outbox_store_seconds_count " + total + "\n";
  text +=
      "# HELP postroad_outbox_store_errors_total Events that could not be written into the "
      "application's transaction.\n# TYPE postroad_outbox_store_errors_total counter\n";
  text += "postroad_outbox_store_errors_total " + std::to_string(all.errors) + "\n";
  return text;
}

}  // namespace postroad::outbox
