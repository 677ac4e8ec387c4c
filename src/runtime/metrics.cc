// Metrics on prometheus-cpp.
#include "runtime/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cstdlib>
#include <list>
#include <mutex>
#include <utility>

#include "runtime/histogram_totals.h"
#include "runtime/log.h"

namespace postroad {
namespace {

// A metric of a family, until it is destroyed.
template <typename Metric>
class Member {
 public:
  Member(prometheus::Family<Metric>& family, Metric& metric) : family_(family), metric_(metric) {}
  ~Member() { family_.Remove(&metric_); }
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;
  Metric* operator->() const { return &metric_; }

 private:
  prometheus::Family<Metric>& family_;
  Metric& metric_;
};

struct PrometheusCounter final : Counter {
  PrometheusCounter(auto& family, auto& metric) : counter(family, metric) {}
  void Add(double n) override { counter->Increment(n); }
  double Value() const override { return counter->Value(); }
  const Member<prometheus::Counter> counter;
};

struct PrometheusGauge final : Gauge {
  PrometheusGauge(auto& family, auto& metric) : gauge(family, metric) {}
  void Set(double value) override { gauge->Set(value); }
  void Add(double n) override { gauge->Increment(n); }
  double Value() const override { return gauge->Value(); }
  const Member<prometheus::Gauge> gauge;
};

struct PrometheusHistogram final : Histogram {
  PrometheusHistogram(auto& family, auto& metric) : histogram(family, metric) {}
  // What took less than no time, by a clock that was set back, took none: sums never fall.
  void Observe(double value) override { histogram->Observe(std::max(value, 0.0)); }
  const Member<prometheus::Histogram> histogram;
};

using Key = std::pair<std::string, Labels>;

// Looks up or makes the wrapper of one metric; `add` adds it to its family.
template <typename Wrapper, typename Family, typename Add>
Wrapper& FindOrMake(std::map<Key, std::unique_ptr<Wrapper>>& known, std::string_view name,
                    const Labels& labels, Family& family, Add add) {
  auto& entry = known[{std::string(name), labels}];
  if (!entry) entry = std::make_unique<Wrapper>(family, add(family));
  return *entry;
}

}  // namespace

struct Metrics::Impl {
  // Notes the family; ends the process where the declaration contradicts an earlier one.
  void Declare(std::string_view name, std::string_view type, std::string_view help,
               const Labels& labels) {
    auto [at, added] = families.try_emplace(std::string(name));
    Family& family = at->second;
    if (!added) {
      if (family.type == type) return;
      LogError("metric declared twice with different types", {{"name", name}});
      std::abort();
    }
    family.name = name;
    family.type = type;
    family.help = help;
    for (const auto& [label, value] : labels) family.labels.push_back(label);
  }

  std::mutex mutex;
  prometheus::Registry registry;
  std::map<std::string, Family> families;
  std::map<Key, std::unique_ptr<PrometheusCounter>> counters;
  std::map<Key, std::unique_ptr<PrometheusGauge>> gauges;
  std::map<Key, std::unique_ptr<PrometheusHistogram>> histograms;
  std::map<Labels, size_t> keepers;

  void Release(const Labels& labels) {
    std::lock_guard lock(mutex);
    const auto keeper = keepers.find(labels);
    if (--keeper->second > 0) return;
    keepers.erase(keeper);
    const auto of_these = [&](const auto& metric) { return metric.first.second == labels; };
    std::erase_if(counters, of_these);
    std::erase_if(gauges, of_these);
    std::erase_if(histograms, of_these);
  }

  // Held while refreshes run. Shared with registrations, which may outlive the Metrics.
  struct Refreshes {
    std::mutex mutex;
    std::list<std::function<void()>> functions;
  };
  std::shared_ptr<Refreshes> refreshes = std::make_shared<Refreshes>();
};

Metrics::Metrics() : impl_(std::make_shared<Impl>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::GetCounter(std::string_view name, std::string_view help, const Labels& labels) {
  std::lock_guard lock(impl_->mutex);
  impl_->Declare(name, "counter", help, labels);
  auto& family = prometheus::BuildCounter()
                     .Name(std::string(name))
                     .Help(std::string(help))
                     .Register(impl_->registry);
  return FindOrMake(impl_->counters, name, labels, family,
                    [&](auto& f) -> auto& { return f.Add(labels); });
}

Gauge& Metrics::GetGauge(std::string_view name, std::string_view help, const Labels& labels) {
  std::lock_guard lock(impl_->mutex);
  impl_->Declare(name, "gauge", help, labels);
  auto& family = prometheus::BuildGauge()
                     .Name(std::string(name))
                     .Help(std::string(help))
                     .Register(impl_->registry);
  return FindOrMake(impl_->gauges, name, labels, family,
                    [&](auto& f) -> auto& { return f.Add(labels); });
}

Histogram& Metrics::GetHistogram(std::string_view name, std::string_view help,
                                 const std::vector<double>& bounds, const Labels& labels) {
  std::lock_guard lock(impl_->mutex);
  impl_->Declare(name, "histogram", help, labels);
  auto& family = prometheus::BuildHistogram()
                     .Name(std::string(name))
                     .Help(std::string(help))
                     .Register(impl_->registry);
  return FindOrMake(impl_->histograms, name, labels, family, [&](auto& f) -> auto& {
    return f.Add(labels, prometheus::Histogram::BucketBoundaries(bounds));
  });
}

Metrics::Registration Metrics::OnRender(std::function<void()> refresh) {
  struct Handle {
    std::shared_ptr<Impl::Refreshes> refreshes;
    std::list<std::function<void()>>::iterator at;
    ~Handle() {
      std::lock_guard lock(refreshes->mutex);
      refreshes->functions.erase(at);
    }
  };
  std::lock_guard lock(impl_->refreshes->mutex);
  auto& functions = impl_->refreshes->functions;
  const auto at = functions.insert(functions.end(), std::move(refresh));
  return std::shared_ptr<void>(new Handle{impl_->refreshes, at},
                               [](void* handle) { delete static_cast<Handle*>(handle); });
}

Metrics::Registration Metrics::Keep(const Labels& labels) {
  std::lock_guard lock(impl_->mutex);
  ++impl_->keepers[labels];
  return {impl_.get(), [impl = impl_, labels](Impl*) { impl->Release(labels); }};
}

std::string Metrics::Render() const {
  {
    std::lock_guard lock(impl_->refreshes->mutex);
    for (const auto& refresh : impl_->refreshes->functions) refresh();
  }
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

std::vector<Metrics::Family> Metrics::Families() const {
  std::lock_guard lock(impl_->mutex);
  std::vector<Family> families;
  for (const auto& [name, family] : impl_->families) families.push_back(family);
  return families;
}

HistogramTotals TotalsOf(const Histogram& histogram) {
  // There is no other kind.
  const auto seen = static_cast<const PrometheusHistogram&>(histogram).histogram->Collect();
  return {seen.histogram.sample_count, seen.histogram.sample_sum};
}

const std::vector<double>& LatencyBounds() {
  static const std::vector<double> bounds = {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                             0.01,    0.025,  0.05,    0.1,    0.25,  0.5,    1,
                                             2.5,     5,      10,      30,     60};
  return bounds;
}

}  // namespace postroad
