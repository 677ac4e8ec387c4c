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

Original OriginalOf(const MessageView& message) {
  Original original{.value = std::string(message.value), .time = message.time};
  if (message.key) original.key = *message.key;
  original.headers.assign(message.headers.begin(), message.headers.end());
  return original;
}

MessageView ViewOf(const Item& item) {
  const Original& original = item.original;
  MessageView view{.topic = item.partition.topic,
                   .partition = item.partition.number,
                   .offset = item.offset,
                   .value = original.value,
                   .time = original.time};
  if (original.key) view.key = *original.key;
  view.headers.assign(original.headers.begin(), original.headers.end());
  return view;
}

}  // namespace

Item ItemMaker::Make(const MessageView& message) {
  Item item{.partition = {std::string(message.topic), message.partition},
            .offset = message.offset,
            .bytes = message.value.size() + 256};
  auto event = ToEvent(message);
  if (event) {
    item.event = *std::move(event);
    item.original = OriginalOf(message);
  } else {
    item.dead = true;
    item.event = DeadLetterOf(message, event.error().field + " " + event.error().message);
  }
  return item;
}

Result<Event> ItemMaker::ToEvent(const MessageView& message) {
  POSTROAD_ASSIGN(Event event, DecodeMessage(options_.format, message, options_.id_header));
  POSTROAD_ASSIGN(event.topic, TopicFor(options_.to, message.topic, event.topic));
  if (event.id.empty()) event.id = IdFromRecord(ClusterId(), message);
  return event;
}

const std::string& ItemMaker::ClusterId() {
  if (cluster_id_.empty()) cluster_id_ = ask_cluster_id_();
  return cluster_id_;
}

void ItemMaker::SetAside(Item& item, const std::string& reason) {
  item.event = DeadLetterOf(ViewOf(item), reason);
  item.original = {};
  item.dead = true;
}

Event ItemMaker::DeadLetterOf(const MessageView& message, const std::string& reason) {
  metrics_.bad.Add();
  LogWarn("kafka message is no event: dead letter", {{"connector", options_.name},
                                                     {"topic", message.topic},
                                                     {"partition", message.partition},
                                                     {"offset", message.offset},
                                                     {"reason", reason}});
  Event dead;
  dead.topic = options_.dead_letter_topic.empty() ? "dead/kafka/" + options_.name
                                                  : options_.dead_letter_topic;
  dead.id = IdFromRecord(ClusterId(), message);
  dead.type = "postroad.kafka.bad_message";
  dead.content_type = "application/octet-stream";
  dead.payload = message.value.substr(0, kMaxDeadBytes);
  dead.headers = {{"kafka-topic", std::string(message.topic)},
                  {"kafka-partition", std::to_string(message.partition)},
                  {"kafka-offset", std::to_string(message.offset)},
                  {"reason", reason.substr(0, 1000)}};
  if (message.value.size() > kMaxDeadBytes) {
    dead.headers.emplace_back("kafka-value-bytes", std::to_string(message.value.size()));
  }
  if (message.key && message.key->size() <= kMaxKeyBytes && IsValidUtf8(*message.key)) {
    dead.key = *message.key;
  }
  return dead;
}

}  // namespace postroad::kafka
