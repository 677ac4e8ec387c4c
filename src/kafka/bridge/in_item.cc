// See in_item.h.
#include "kafka/bridge/in_item.h"

#include <utility>

#include "core/utf8.h"
#include "kafka/format.h"
#include "kafka/topic_names.h"
#include "runtime/log.h"

namespace postroad::kafka {
namespace {

// Of a bad message's value, what its dead letter keeps.
constexpr size_t kMaxDeadBytes = 256 << 10;

}  // namespace

Item ItemMaker::Make(const MessageView& message) {
  Item item{.partition = {std::string(message.topic), message.partition},
            .offset = message.offset,
            .bytes = message.value.size() + 256};
  auto event = ToEvent(message);
  if (event) {
    item.event = *std::move(event);
  } else {
    item.dead = true;
    item.event = DeadLetterOf(message, event.error().field + " " + event.error().message);
  }
  return item;
}

Result<Event> ItemMaker::ToEvent(const MessageView& message) {
  POSTROAD_ASSIGN(Event event, DecodeMessage(options_.format, message, options_.id_header));
  POSTROAD_ASSIGN(event.topic, TopicFor(options_.to, message.topic, event.topic));
  if (event.id.empty()) event.id = IdFromPlace(ClusterId(), message);
  return event;
}

const std::string& ItemMaker::ClusterId() {
  if (cluster_id_.empty()) cluster_id_ = ask_cluster_id_();
  return cluster_id_;
}

void ItemMaker::SetAside(Item& item, const std::string& reason) {
  item.event = DeadEvent(item.partition, item.offset, item.event.payload, reason);
  item.dead = true;
}

Event ItemMaker::DeadLetterOf(const MessageView& message, const std::string& reason) {
  Event dead = DeadEvent({std::string(message.topic), message.partition}, message.offset,
                         message.value, reason);
  if (message.key && message.key->size() <= kMaxKeyBytes && IsValidUtf8(*message.key)) {
    dead.key = *message.key;
  }
  return dead;
}

Event ItemMaker::DeadEvent(const Partition& partition, int64_t offset, std::string_view value,
                           const std::string& reason) {
  metrics_.bad.Add();
  LogWarn("kafka message is no event: dead letter", {{"connector", options_.name},
                                                     {"topic", partition.topic},
                                                     {"partition", partition.number},
                                                     {"offset", offset},
                                                     {"reason", reason}});
  const MessageView place{
      .topic = partition.topic, .partition = partition.number, .offset = offset};
  Event dead;
  dead.topic = options_.dead_letter_topic.empty() ? "dead/kafka/" + options_.name
                                                  : options_.dead_letter_topic;
  dead.id = IdFromPlace(ClusterId(), place);
  dead.type = "postroad.kafka.bad_message";
  dead.content_type = "application/octet-stream";
  dead.payload = value.substr(0, kMaxDeadBytes);
  dead.headers = {{"kafka-topic", partition.topic},
                  {"kafka-partition", std::to_string(partition.number)},
                  {"kafka-offset", std::to_string(offset)},
                  {"reason", reason.substr(0, 1000)}};
  if (value.size() > kMaxDeadBytes) {
    dead.headers.emplace_back("kafka-value-bytes", std::to_string(value.size()));
  }
  return dead;
}

}  // namespace postroad::kafka
