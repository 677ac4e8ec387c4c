// See stream_base.h.
#include "event_bus/stream_base.h"

#include "runtime/log.h"

namespace postroad::event_bus {

Status StreamBase::Wait(Duration at_most) {
  std::unique_lock lock(end_mutex_);
  if (end_changed_.wait_for(lock, at_most, [&] { return end_.has_value(); })) return *end_;
  return Fail(ErrorCode::kDeadlineExceeded, "the stream still runs");
}

bool StreamBase::ended() const {
  std::lock_guard lock(end_mutex_);
  return end_.has_value();
}

void StreamBase::End(Status how, const std::function<void(const Error&)>& on_error) {
  meters_.running.Add(-1);
  if (!how) {
    LogError("event bus stream ended",
             {{"topic", topic_}, {"group", group_}, {"error", how.error()}});
    if (on_error) on_error(how.error());
  }
  std::lock_guard lock(end_mutex_);
  end_ = std::move(how);
  end_changed_.notify_all();
}

EventOutput ToOutput(Event event) {
  return {.uuid = std::move(event.id),
          .timestamp = event.time.value_or(Timestamp{}),
          .topic = std::move(event.topic),
          .msg_type = std::move(event.type),
          .mime_type = std::move(event.content_type),
          .payload = std::move(event.payload),
          .key = std::move(event.key),
          .headers = std::move(event.headers)};
}

}  // namespace postroad::event_bus
