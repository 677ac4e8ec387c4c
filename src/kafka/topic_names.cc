// See topic_names.h.
#include "kafka/topic_names.h"

#include "core/names.h"

namespace postroad::kafka {
namespace {

constexpr size_t kMaxKafkaTopic = 249;

bool AllowedByKafka(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

void Replace(std::string& text, std::string_view what, std::string_view by) {
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
}

}  // namespace

Status CheckKafkaTopic(std::string_view name) {
  bool allowed = !name.empty() && name.size() <= kMaxKafkaTopic && name != "." && name != "..";
  for (const char c : name) allowed = allowed && AllowedByKafka(c);
  if (allowed) return {};
  return Invalid({}, "must be 1 to 249 letters, digits, '.', '_' or '-'");
}

Status CheckOutTemplate(std::string_view text) {
  std::string example(text);
  Replace(example, kTopicPlaceholder, "t");
  if (CheckKafkaTopic(example)) return {};
  return Invalid({},
                 "must be a Kafka topic (letters, digits, '.', '_', '-'), in which {topic} stands "
                 "for the event's topic");
}

Status CheckInTemplate(std::string_view text) {
  if (TopicFor(text, "t", "t")) return {};
  return Invalid({},
                 "must be a topic that can be posted to, in which {kafka_topic} stands for Kafka's "
                 "topic and {event_topic} for the one that the message names");
}

std::string KafkaTopicFor(std::string_view to, std::string_view topic) {
  std::string allowed(topic);
  for (char& c : allowed) {
    if (!AllowedByKafka(c)) c = c == '/' ? '.' : '_';
  }
  std::string name(to);
  Replace(name, kTopicPlaceholder, allowed);
  return name;
}

Result<std::string> TopicFor(std::string_view to, std::string_view kafka_topic,
                             std::string_view event_topic) {
  std::string name(to);
  Replace(name, kKafkaTopicPlaceholder, kafka_topic);
  if (name.find(kEventTopicPlaceholder) != name.npos && event_topic.empty()) {
    return Invalid("topic", "the message names none");
  }
  Replace(name, kEventTopicPlaceholder, event_topic);
  POSTROAD_TRY(CheckTopicName(name, "topic"));
  if (IsSystemTopic(name)) return Invalid("topic", "topics that begin with _ are Postroad's own");
  return name;
}

}  // namespace postroad::kafka
