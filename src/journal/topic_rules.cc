#include "journal/topic_rules.h"

namespace postroad::journal {
namespace {

void Apply(const TopicRule& rule, TopicSettings& settings) {
  settings.durability = rule.durability.value_or(settings.durability);
  settings.retention_age = rule.retention_age.value_or(settings.retention_age);
  settings.retention_count = rule.retention_count.value_or(settings.retention_count);
  settings.retention_bytes = rule.retention_bytes.value_or(settings.retention_bytes);
  settings.max_event_bytes = rule.max_event_bytes.value_or(settings.max_event_bytes);
  settings.dedup_window = rule.dedup_window.value_or(settings.dedup_window);
}

}  // namespace

TopicSettings TopicRules::For(std::string_view topic) const {
  TopicSettings settings;
  for (const TopicRule& rule : rules_) {
    if (rule.pattern.Matches(topic)) Apply(rule, settings);
  }
  return settings;
}

}  // namespace postroad::journal
