// What applies to a topic: settings by rules on name patterns.
#ifndef POSTROAD_JOURNAL_TOPIC_RULES_H_
#define POSTROAD_JOURNAL_TOPIC_RULES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/names.h"
#include "core/time.h"

namespace postroad::journal {

// What an acknowledgement stands on.
enum class Durability {
  kMemory,  // survives the process, not the machine: written, not synced
  kDisk,    // synced to disk
};

struct TopicSettings {
  Durability durability = Durability::kDisk;
  // Events older than this go; 0: none by age.
  Duration retention_age = std::chrono::days(7);
  // More events than this: the oldest go; 0: no such limit.
  uint64_t retention_count = 0;
  // More bytes of records than this: the oldest go; 0: no such limit.
  uint64_t retention_bytes = 0;
  // The largest event, all fields together.
  uint64_t max_event_bytes = 1 << 20;
  // How long a repeated event id is recognised; 0: never.
  Duration dedup_window = std::chrono::minutes(10);

  bool operator==(const TopicSettings&) const = default;
};

// One rule: what it leaves unset comes from the rules before it, and at last from the defaults.
struct TopicRule {
  TopicPattern pattern;
  std::optional<Durability> durability;
  std::optional<Duration> retention_age;
  std::optional<uint64_t> retention_count;
  std::optional<uint64_t> retention_bytes;
  std::optional<uint64_t> max_event_bytes;
  std::optional<Duration> dedup_window;
};

// Immutable, so thread-safe.
class TopicRules {
 public:
  TopicRules() = default;
  // Rules apply in their order; where several match, the later one wins, setting by setting.
  explicit TopicRules(std::vector<TopicRule> rules) : rules_(std::move(rules)) {}

  TopicSettings For(std::string_view topic) const;
  const std::vector<TopicRule>& rules() const { return rules_; }

 private:
  std::vector<TopicRule> rules_;
};

}  // namespace postroad::journal

#endif  // POSTROAD_JOURNAL_TOPIC_RULES_H_
