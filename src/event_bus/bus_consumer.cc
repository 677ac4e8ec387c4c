// See bus_consumer.h.
#include "event_bus/bus_consumer.h"

#include "core/names.h"
#include "event_bus/kafka_stream.h"
#include "kafka/topic_names.h"

namespace postroad::event_bus {

BusConsumer::BusConsumer(ConsumerSettings settings, std::shared_ptr<BusMetrics> metrics,
                         std::shared_ptr<LocalEngine> local)
    : settings_(std::move(settings)), metrics_(std::move(metrics)), local_(std::move(local)) {}

Result<std::shared_ptr<EventStream>> BusConsumer::Stream(const std::string& topic,
                                                         const std::string& group,
                                                         StreamHandlers handlers) {
  POSTROAD_TRY(CheckTopicName(topic, "topic"));
  POSTROAD_TRY(CheckName(group, "group"));
  if (!handlers.on_event) return Invalid("on_event", "is needed");
  const Name name(topic, group);
  std::shared_ptr<StreamBase> before;  // is destroyed without the lock
  std::lock_guard lock(mutex_);
  if (closed_) return Fail(ErrorCode::kFailedPrecondition, "the event bus is shut down");
  if (const auto found = streams_.find(name); found != streams_.end()) {
    if (!found->second->ended()) {
      return Fail(ErrorCode::kAlreadyExists,
                  "the group \"" + group + "\" has a stream of \"" + topic + "\" here");
    }
    before = std::move(found->second);
    streams_.erase(found);
  }
  POSTROAD_ASSIGN(auto stream, Open(name, std::move(handlers)));
  streams_.emplace(name, stream);
  return stream;
}

Result<std::shared_ptr<StreamBase>> BusConsumer::Open(const Name& name, StreamHandlers handlers) {
  const auto& [topic, group] = name;
  if (local_) return local_->Open(settings_, topic, group, std::move(handlers));
  if (!kafka::CheckKafkaTopic(kafka::KafkaTopicFor("{topic}", topic))) {
    return Invalid("topic", "makes no Kafka topic, which has 1 to 249 characters");
  }
  return StartKafkaStream(settings_, topic, group, std::move(handlers), metrics_);
}

Status BusConsumer::Unsubscribe(const std::string& topic, const std::string& group) {
  std::shared_ptr<StreamBase> stream;
  {
    std::lock_guard lock(mutex_);
    const auto found = streams_.find(Name(topic, group));
    if (found == streams_.end()) {
      return Fail(ErrorCode::kNotFound,
                  "the group \"" + group + "\" has no stream of \"" + topic + "\" here");
    }
    stream = std::move(found->second);
    streams_.erase(found);
  }
  stream->Stop();
  return {};
}

std::vector<std::string> BusConsumer::ListSubscribers(const std::string& topic) const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> groups;
  for (const auto& [name, stream] : streams_) {
    if (name.first == topic && !stream->ended()) groups.push_back(name.second);
  }
  return groups;
}

void BusConsumer::Close() {
  std::map<Name, std::shared_ptr<StreamBase>> streams;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    streams.swap(streams_);
  }
  for (const auto& [name, stream] : streams) stream->Stop();
}

}  // namespace postroad::event_bus
