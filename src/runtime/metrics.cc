// Metrics on prometheus-cpp.
#include "runtime/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <cstdlib>
#include <list>
#include <mutex>
#include <utility>

#include "runtime/log.h"

namespace postroad {
namespace {

class PrometheusCounter final : public Counter {
 public:
  explicit PrometheusCounter(prometheus::Counter& counter) : counter_(counter) {}
  void Add(double n) override { counter_.Increment(n); }
  double Value() const override { return counter_.Value(); }

 private:
  prometheus::Counter& counter_;
};

class PrometheusGauge final : public Gauge {
 public:
  explicit PrometheusGauge(prometheus::Gauge& gauge) : gauge_(gauge) {}
  void Set(double value) override { gauge_.Set(value); }
  void Add(double n) override { gauge_.Increment(n); }
  double Value() const override { return gauge_.Value(); }

 private:
  prometheus::Gauge& gauge_;
};

class PrometheusHistogram final : public Histogram {
 public:
  explicit PrometheusHistogram(prometheus::Histogram& histogram) : histogram_(histogram) {}
  void Observe(double value) override { histogram_.Observe(value); }

 private:
  prometheus::Histogram& histogram_;
};

using Key = std::pair<std::string, Labels>;

// Looks up or makes the wrapper of one metric.
template <typename Wrapper, typename Make>
Wrapper& FindOrMake(std::map<Key, std::unique_ptr<Wrapper>>& known, std::string_view name,
                    const Labels& labels, Make make) {
  auto& entry = known[{std::string(name), labels}];
  if (!entry) entry = std::make_unique<Wrapper>(make());
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

  // Held while refreshes run. Shared with registrations, which may outlive the Metrics.
  struct Refreshes {
    std::mutex mutex;
    std::list<std::function<void()>> functions;
  };
  std::shared_ptr<Refreshes> refreshes = std::make_shared<Refreshes>();
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::GetCounter(std::string_view name, std::string_view help, const Labels& labels) {
  std::lock_guard lock(impl_->mutex);
  impl_->Declare(name, "counter", help, labels);
  return FindOrMake(impl_->counters, name, labels, [&]() -> prometheus::Counter& {
    return prometheus::BuildCounter()
        .Name(std::string(name))
        .Help(std::string(help))
        .Register(impl_->registry)
        .Add(labels);
  });
}

Gauge& Metrics::GetGauge(std::string_view name, std::string_view help, const Labels& labels) {
  std::lock_guard lock(impl_->mutex);
  impl_->Declare(name, "gauge", help, labels);
  return FindOrMake(impl_->gauges, name, labels, [&]() -> prometheus::Gauge& {
    return prometheus::BuildGauge()
        .Name(std::string(name))
        .Help(std::string(help))
        .Register(impl_->registry)
        .Add(labels);
  });
}

Histogram& Metrics::GetHistogram(std::string_view name, std::string_view help,
                                 const std::vector<double>& bounds, const Labels& labels) {
  std::lock_guard lock(impl_->mutex);
  impl_->Declare(name, "histogram", help, labels);
  return FindOrMake(impl_->histograms, name, labels, [&]() -> prometheus::Histogram& {
    return prometheus::BuildHistogram()
        .Name(std::string(name))
        .Help(std::string(help))
        .Register(impl_->registry)
        .Add(labels, prometheus::Histogram::BucketBoundaries(bounds));
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

const std::vector<double>& LatencyBounds() {
  static const std::vector<double> bounds = {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                             0.01,    0.025,  0.05,    0.1,    0.25,  0.5,    1,
                                             2.5,     5,      10,      30,     60};
  return bounds;
}

}  // namespace postroad
