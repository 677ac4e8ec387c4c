// What the streams of both engines have in common: how one ends, and who waits for that.
#ifndef POSTROAD_EVENT_BUS_STREAM_BASE_H_
#define POSTROAD_EVENT_BUS_STREAM_BASE_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "event_bus/bus_metrics.h"
#include "postroad/event_bus.h"

namespace postroad::event_bus {

class StreamBase : public EventStream {
 public:
  StreamBase(std::string topic, std::string group, std::shared_ptr<BusMetrics> metrics)
      : metrics_(std::move(metrics)),
        meters_(metrics_->Of(topic, group)),
        topic_(std::move(topic)),
        group_(std::move(group)) {
    meters_.running.Add(1);
  }

  const std::string& topic() const final { return topic_; }
  const std::string& group() const final { return group_; }
  Status Wait(Duration at_most) final;
  // Whether it reads no more.
  bool ended() const;

 private:
  const std::shared_ptr<BusMetrics> metrics_;

 protected:
  // Once, by the stream's last work; success: it was stopped. Calls `on_error`, then wakes who
  // waits.
  void End(Status how, const std::function<void(const Error&)>& on_error);

  StreamMeters& meters_;

 private:
  const std::string topic_, group_;
  mutable std::mutex end_mutex_;
  std::condition_variable end_changed_;
  std::optional<Status> end_;  // guarded by end_mutex_
};

// The event that a message, or a row, is.
EventOutput ToOutput(Event event);

}  // namespace postroad::event_bus

#endif  // POSTROAD_EVENT_BUS_STREAM_BASE_H_
