// See properties.h. What concerns librdkafka itself is in librdkafka.cc.
#include "kafka/properties.h"

#include "core/names.h"
#include "kafka/topic_names.h"

namespace postroad::kafka {
namespace {

std::string_view ModeName(CommitMode mode) {
  switch (mode) {
    case CommitMode::kAutoCommit:
      return "AutoCommit";
    case CommitMode::kEndOfBatchCommit:
      return "EndOfBatchCommit";
    case CommitMode::kMessageCommit:
      return "MessageCommit";
  }
  return "";
}

// The name goes into the subscription's, and into topics and metrics.
Status CheckConnectorName(const std::string& name) {
  if (name.size() <= 100 && CheckName(name, {})) return {};
  return Invalid("name", "must be 1 to 100 characters without blanks and '*'");
}

Status CheckBrokers(const std::string& brokers) {
  if (!brokers.empty()) return {};
  return Invalid("brokers", "must name Kafka brokers as in \"kafka-1:9092,kafka-2:9092\"");
}

Status At(std::string field, Status status) {
  if (!status) return Invalid(std::move(field), status.error().message);
  return {};
}

}  // namespace

Status CheckCommitMode(CommitMode mode, const Properties& properties, bool explicitly) {
  const auto found = properties.find("enable.auto.commit");
  const std::string value = found == properties.end() ? "" : found->second;
  const std::string name(ModeName(mode));
  if (mode == CommitMode::kAutoCommit) {
    if (value != "true") {
      return Invalid("commit_mode", name + " needs the property enable.auto.commit=true");
    }
    if (!properties.contains("auto.commit.interval.ms")) {
      return Invalid("commit_mode", name + " needs the property auto.commit.interval.ms");
    }
    return {};
  }
  if (value == "false" || (value.empty() && !explicitly)) return {};
  return Invalid("commit_mode", name + " needs the property enable.auto.commit=false");
}

Status CheckOptions(const OutOptions& options) {
  POSTROAD_TRY(CheckConnectorName(options.name));
  POSTROAD_TRY(CheckBrokers(options.brokers));
  POSTROAD_TRY(TopicSelector::Parse(options.topics, "topics"));
  POSTROAD_TRY(At("to", CheckOutTemplate(options.to)));
  return CheckProducerProperties(options.properties);
}

Status CheckOptions(const TargetOptions& options) {
  POSTROAD_TRY(CheckBrokers(options.brokers));
  POSTROAD_TRY(At("to", CheckOutTemplate(options.to)));
  return CheckProducerProperties(options.properties);
}

Status CheckOptions(const InOptions& options) {
  POSTROAD_TRY(CheckConnectorName(options.name));
  POSTROAD_TRY(CheckBrokers(options.brokers));
  if (options.topics.empty()) return Invalid("topics", "must name at least one Kafka topic");
  POSTROAD_TRY(At("to", CheckInTemplate(options.to)));
  if (!options.dead_letter_topic.empty()) {
    POSTROAD_TRY(At("dead_letter_topic", CheckInTemplate(options.dead_letter_topic)));
  }
  POSTROAD_TRY(CheckConsumerProperties(options.properties));
  return CheckCommitMode(options.commit_mode, options.properties, false);
}

}  // namespace postroad::kafka
