// See in_item.h.
#include "kafka/bridge/in_item.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <set>
#include <utility>

#include "core/base64.h"
#include "core/event_rules.h"
#include "core/utf8.h"
#include "kafka/format.h"
#include "kafka/topic_names.h"
#include "runtime/log.h"

namespace postroad::kafka {
namespace {

Original OriginalOf(const MessageView& message) {
  Original original{
      .value = std::string(message.value), .tombstone = message.tombstone, .time = message.time};
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
                   .tombstone = original.tombstone,
                   .time = original.time};
  if (original.key) view.key = *original.key;
  view.headers.assign(original.headers.begin(), original.headers.end());
  return view;
}

// Whether CloudEvents of several sources may come into one topic, where an id counts once.
bool MixesSources(const InOptions& options) {
  return options.id_header.empty() && options.to.find(kEventTopicPlaceholder) == options.to.npos &&
         (options.format == Format::kCloudEventsStructured ||
          options.format == Format::kCloudEventsBinary);
}

constexpr std::string_view kKeyEncoding = "kafka-key.encoding";

// A dead letter's own headers.
bool IsOwn(std::string_view name) {
  return name == "kafka-topic" || name == "kafka-partition" || name == "kafka-offset" ||
         name == "reason" || name == kKeyEncoding || name == kTombstoneHeader;
}

// The value is the payload, key and headers are the event's; false: they cannot be, as they are.
bool TakeAsItIs(const MessageView& message, Event& dead) {
  dead.payload = message.value;
  if (message.tombstone) dead.headers.emplace_back(kTombstoneHeader, "true");
  if (message.key) {
    const bool text = IsValidUtf8(*message.key);
    dead.key = text ? std::string(*message.key) : Base64(*message.key);
    if (!text) dead.headers.emplace_back(kKeyEncoding, "base64");
    if (dead.key.empty() || dead.key.size() > kMaxKeyBytes) return false;
  }
  std::set<std::string_view> names;
  for (const auto& [name, value] : message.headers) {
    if (IsOwn(name) || !names.insert(name).second) return false;
    if (!CheckHeader(name, value, {})) return false;
    dead.headers.emplace_back(name, value);
  }
  return dead.headers.size() <= kMaxHeaders;
}

// The whole message as JSON, for those whose key or headers no event can have.
void TakeAsRecord(const MessageView& message, Event& dead) {
  boost::json::object record{{"value", nullptr}};
  if (!message.tombstone) record["value"] = Base64(message.value);
  if (message.key) record["key"] = Base64(*message.key);
  boost::json::array headers;
  for (const auto& [name, value] : message.headers) {
    headers.push_back({{"name", Base64(name)}, {"value", Base64(value)}});
  }
  record["headers"] = std::move(headers);
  dead.payload = boost::json::serialize(record);
  dead.content_type = "application/vnd.postroad.kafka-record+json";
  dead.key.clear();
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
  const std::string named = std::exchange(event.topic, {});
  POSTROAD_ASSIGN(event.topic, TopicFor(options_.to, message.topic, named));
  if (event.id.empty()) {
    event.id = IdFromRecord(ClusterId(), message);
  } else if (MixesSources(options_)) {
    AddSourceToId(ViewOf(event).Header("source").value_or("/" + named), event);
  }
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
  dead.headers = {{"kafka-topic", std::string(message.topic)},
                  {"kafka-partition", std::to_string(message.partition)},
                  {"kafka-offset", std::to_string(message.offset)},
                  {"reason", std::string(Utf8Prefix(MendUtf8(reason), 1000))}};
  const size_t own = dead.headers.size();
  if (!TakeAsItIs(message, dead)) {
    dead.headers.resize(own);
    TakeAsRecord(message, dead);
  }
  return dead;
}

}  // namespace postroad::kafka
