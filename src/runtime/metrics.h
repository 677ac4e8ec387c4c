// Metrics in Prometheus form. Each module declares its own families with name, help and labels;
// docs/metrics.md is generated from them (`postroad config metrics`).
#ifndef POSTROAD_RUNTIME_METRICS_H_
#define POSTROAD_RUNTIME_METRICS_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace postroad {

using Labels = std::map<std::string, std::string>;

// Counts up; thread-safe, cheap (one atomic add).
class Counter {
 public:
  virtual ~Counter() = default;
  virtual void Add(double n = 1) = 0;
  virtual double Value() const = 0;
};

class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void Set(double value) = 0;
  virtual void Add(double n) = 0;
  virtual double Value() const = 0;
};

// A distribution; unit in the metric's name, seconds unless it says otherwise.
class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void Observe(double value) = 0;
};

// Everything that is measured in one process. Thread-safe. What it returns lives as long as it,
// unless Keep says otherwise; asking twice for the same name and labels gives the same object. A
// name that is malformed, or is asked for again as another type, is a bug and ends the process.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // Names by Prometheus's conventions: postroad_<what>_<unit>[_total].
  Counter& GetCounter(std::string_view name, std::string_view help, const Labels& labels = {});
  Gauge& GetGauge(std::string_view name, std::string_view help, const Labels& labels = {});
  // `bounds` are upper bounds in rising order.
  Histogram& GetHistogram(std::string_view name, std::string_view help,
                          const std::vector<double>& bounds, const Labels& labels = {});
  // Calls `refresh` before each Render, to set gauges that are costly to keep, as long as what is
  // returned lives; its destruction waits for a call that is under way. `refresh` may get metrics,
  // but neither Render nor destroy registrations.
  using Registration = std::shared_ptr<void>;
  [[nodiscard]] Registration OnRender(std::function<void()> refresh);

  // For what comes and goes: all metrics of exactly these labels end with the last that is returned
  // for them, and are shown no more. To be held by whoever gets such metrics, from before to after.
  [[nodiscard]] Registration Keep(const Labels& labels);

  // Prometheus text exposition format 0.0.4.
  std::string Render() const;

  struct Family {
    std::string name, type, help;
    std::vector<std::string> labels;
  };
  // What is declared so far, by name.
  std::vector<Family> Families() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;  // shared with what Keep returned, which may outlive this
};

// Bounds for times from 50 µs to 60 s, in seconds.
const std::vector<double>& LatencyBounds();

}  // namespace postroad

#endif  // POSTROAD_RUNTIME_METRICS_H_
