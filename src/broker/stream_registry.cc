// Open streams and how they are ended from outside.
#include "broker/stream_registry.h"

#include <utility>
#include <vector>

namespace postroad::broker {

void StreamControl::End(Error reason) {
  std::unique_lock lock(mutex_);
  if (ended_) return;
  ended_ = std::move(reason);
  Task on_ended = std::move(on_ended_);
  auto waiter = std::exchange(waiter_, {});
  lock.unlock();
  if (on_ended) on_ended_executor_->Post(std::move(on_ended));
  if (!waiter.expired()) {
    waiter_executor_->Post([waiter] {
      if (auto one_shot = waiter.lock()) one_shot->Run();
    });
  }
}

std::optional<Error> StreamControl::ended() const {
  std::lock_guard lock(mutex_);
  return ended_;
}

void StreamControl::OnEnded(Executor& executor, Task task) {
  std::unique_lock lock(mutex_);
  if (!ended_) {
    on_ended_executor_ = &executor;
    on_ended_ = std::move(task);
    return;
  }
  lock.unlock();
  executor.Post(std::move(task));
}

void StreamControl::SetWaiter(Executor& executor, std::weak_ptr<OneShot> waiter) {
  std::unique_lock lock(mutex_);
  if (!ended_) {
    waiter_executor_ = &executor;
    waiter_ = std::move(waiter);
    return;
  }
  lock.unlock();
  executor.Post([waiter] {
    if (auto one_shot = waiter.lock()) one_shot->Run();
  });
}

StreamRegistry::StreamRegistry(Metrics& metrics)
    : open_gauge_(metrics.GetGauge("postroad_streams_open", "Streams open now.")),
      replaced_(metrics.GetCounter("postroad_streams_replaced_total",
                                   "Streams ended by a newer one of the same client.")) {}

Status StreamRegistry::Add(const std::string& client,
                           const std::shared_ptr<StreamControl>& control) {
  std::shared_ptr<StreamControl> older;
  {
    std::lock_guard lock(mutex_);
    if (closed_) return Fail(*closed_);
    open_.insert(control);
    open_gauge_.Set(static_cast<double>(open_.size()));
    if (!client.empty()) older = std::exchange(by_client_[client], control);
  }
  if (older) {
    replaced_.Add();
    older->End(
        {ErrorCode::kAborted, "a newer stream of the same client_id took over", "", "REPLACED"});
  }
  return {};
}

void StreamRegistry::Remove(const std::string& client,
                            const std::shared_ptr<StreamControl>& control) {
  std::lock_guard lock(mutex_);
  open_.erase(control);
  open_gauge_.Set(static_cast<double>(open_.size()));
  if (auto it = by_client_.find(client); it != by_client_.end() && it->second == control) {
    by_client_.erase(it);
  }
}

void StreamRegistry::EndTopic(std::string_view topic) {
  std::vector<std::shared_ptr<StreamControl>> ending;
  {
    std::lock_guard lock(mutex_);
    for (const auto& control : open_) {
      if (control->single_topic() == topic) ending.push_back(control);
    }
  }
  for (const auto& control : ending) {
    control->End({ErrorCode::kAborted,
                  "the topic was deleted; a new stream reads what is posted to it from now on", "",
                  "TOPIC_DELETED"});
  }
}

void StreamRegistry::EndAll(const Error& reason) {
  std::vector<std::shared_ptr<StreamControl>> ending;
  {
    std::lock_guard lock(mutex_);
    closed_ = reason;
    ending.assign(open_.begin(), open_.end());
  }
  for (const auto& control : ending) control->End(reason);
}

size_t StreamRegistry::size() const {
  std::lock_guard lock(mutex_);
  return open_.size();
}

}  // namespace postroad::broker
