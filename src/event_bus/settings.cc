// See settings.h.
#include "event_bus/settings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <vector>

#include "core/names.h"
#include "kafka/properties.h"

namespace postroad::event_bus {
namespace {

constexpr std::string_view kStreamMode = "consumer.streamMode";
constexpr std::string_view kSyncInterval = "consumer.syncInterval";
constexpr std::string_view kStrategy = "consumer.backpressureStrategy";
constexpr std::string_view kBufferEvents = "consumer.bufferEvents";
constexpr std::string_view kRetention = "producer.event.cleanup.intervalInSeconds";
constexpr std::string_view kRelay = "producer.relay";
constexpr std::string_view kBrokers = "bootstrap.servers";
constexpr std::string_view kReset = "auto.offset.reset";
constexpr std::string_view kMaxPoll = "max.poll.records";
// Producers and consumers may be given the same properties: each skips the other's.
constexpr std::array kOfConsumers = {kStreamMode, kSyncInterval, kStrategy, kBufferEvents};
constexpr std::array kOfProducers = {kRetention, kRelay};
// librdkafka's properties that concern consumers only, as far as that library's users set them.
constexpr std::array<std::string_view, 7> kKafkaOfConsumers = {
    "enable.auto.commit",    "auto.commit.interval.ms", "group.id", kReset, kMaxPoll,
    "heartbeat.interval.ms", "session.timeout.ms"};
constexpr std::array<std::string_view, 4> kSerializers = {"key.serializer", "value.serializer",
                                                          "key.deserializer", "value.deserializer"};

bool IsOneOf(const auto& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

Status Bad(std::string_view name, std::string message) {
  return Invalid(std::string(name), std::move(message));
}

// A property given by name, taken out of the rest.
class Given {
 public:
  explicit Given(const Properties& properties) : rest_(properties) {}

  std::string Take(std::string_view name) {
    const auto found = rest_.find(std::string(name));
    if (found == rest_.end()) return "";
    std::string value = std::move(found->second);
    rest_.erase(found);
    return value;
  }
  void Drop(const auto& names) {
    for (const std::string_view name : names) rest_.erase(std::string(name));
  }
  // A whole number from `least` to `most`; `otherwise` where it is not given.
  Result<uint64_t> Number(std::string_view name, uint64_t least, uint64_t most,
                          uint64_t otherwise) {
    const bool given = rest_.contains(std::string(name));
    const std::string text = Take(name);
    if (!given) return otherwise;
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size() && value >= least &&
        value <= most) {
      return value;
    }
    return Invalid(std::string(name), "must be a number from " + std::to_string(least) + " to " +
                                          std::to_string(most) + ", not \"" + text + "\"");
  }
  // What was not taken: Kafka's. Refuses what would be a setting of the event bus and is none.
  Result<kafka::Properties> Rest() {
    for (const auto& [name, value] : rest_) {
      if (!name.starts_with("consumer.") && !name.starts_with("producer.")) continue;
      std::vector<std::string> known(kOfConsumers.begin(), kOfConsumers.end());
      known.insert(known.end(), kOfProducers.begin(), kOfProducers.end());
      const std::string near = NearestName(name, known);
      return Invalid(name, "is no setting of the event bus" +
                               (near.empty() ? "" : "; did you mean " + near + "?"));
    }
    return std::move(rest_);
  }
  const Properties& all() const { return rest_; }

 private:
  Properties rest_;
};

// Java's: keys and values are text here as there.
Status TakeSerializers(Given& given) {
  for (const std::string_view name : kSerializers) {
    const std::string kind = name.ends_with("deserializer") ? "Deserializer" : "Serializer";
    const std::string value = given.Take(name);
    const std::string needed = "org.apache.kafka.common.serialization.String" + kind;
    if (!value.empty() && value != needed) return Bad(name, "must be " + needed);
  }
  return {};
}

Status TakeBrokers(Given& given, std::string& brokers) {
  brokers = given.Take(kBrokers);
  if (!brokers.empty()) return {};
  return Bad(kBrokers, R"(must name Kafka brokers as in "kafka-1:9092,kafka-2:9092")");
}

// The kafka module's words for fields, to the bus's.
Status Renamed(Status status) {
  if (status) return status;
  Error error = std::move(status).error();
  constexpr std::string_view kPrefix = "properties.";
  if (error.field.starts_with(kPrefix)) error.field.erase(0, kPrefix.size());
  if (error.field == "commit_mode") error.field = kStreamMode;
  return Fail(std::move(error));
}

Status TakeMode(Given& given, kafka::CommitMode& mode) {
  const std::string text = given.Take(kStreamMode);
  if (text.empty() || text == "AutoCommit") {
    mode = kafka::CommitMode::kAutoCommit;
  } else if (text == "EndOfBatchCommit") {
    mode = kafka::CommitMode::kEndOfBatchCommit;
  } else if (text == "MessageCommit") {
    mode = kafka::CommitMode::kMessageCommit;
  } else {
    return Bad(kStreamMode,
               "must be AutoCommit, EndOfBatchCommit or MessageCommit, not \"" + text + "\"");
  }
  return {};
}

Status TakeStrategy(Given& given, kafka::Backpressure& strategy) {
  const std::string text = given.Take(kStrategy);
  if (text.empty()) {
    strategy = kafka::Backpressure::kPause;
  } else if (text == "ERROR") {
    strategy = kafka::Backpressure::kError;
  } else if (text == "BUFFER") {
    strategy = kafka::Backpressure::kBuffer;
  } else if (text == "DROP") {
    strategy = kafka::Backpressure::kDrop;
  } else if (text == "LATEST") {
    strategy = kafka::Backpressure::kLatest;
  } else if (text == "MISSING") {
    return Bad(kStrategy,
               "MISSING would be no backpressure at all: leave the setting out, and "
               "reading waits for the handler");
  } else {
    return Bad(kStrategy,
               "must be ERROR, BUFFER, DROP or LATEST, or left out for backpressure, "
               "not \"" +
                   text + "\"");
  }
  return {};
}

Status TakeStart(Given& given, kafka::InStart& start) {
  const std::string text = given.Take(kReset);
  if (text.empty() || text == "latest") return {};
  if (text != "earliest") return Bad(kReset, "must be earliest or latest, not \"" + text + "\"");
  start = kafka::InStart::kEarliest;
  return {};
}

// Kafka's own, and how they go with the mode.
Status TakeKafka(Given& given, ConsumerSettings& settings) {
  POSTROAD_TRY(TakeBrokers(given, settings.brokers));
  POSTROAD_TRY(TakeStart(given, settings.start));
  given.Take("group.id");  // a stream's is its own
  POSTROAD_TRY(Renamed(kafka::CheckCommitMode(settings.mode, given.all(), /*explicitly=*/true)));
  POSTROAD_ASSIGN(settings.kafka, given.Rest());
  return Renamed(kafka::CheckConsumerProperties(settings.kafka));
}

}  // namespace

Result<ProducerSettings> ParseProducer(EventBackend backend, const Properties& properties) {
  Given given(properties);
  ProducerSettings settings;
  given.Drop(kOfConsumers);
  given.Drop(kKafkaOfConsumers);
  POSTROAD_TRY(TakeSerializers(given));
  constexpr uint64_t kWeek = 7 * 24 * 3600, kCentury = 100ULL * 365 * 24 * 3600;
  POSTROAD_ASSIGN(const uint64_t retention, given.Number(kRetention, 0, kCentury, kWeek));
  settings.retention = std::chrono::seconds(retention);
  const std::string relay = given.Take(kRelay);
  if (relay == "apart") {
    settings.relay = RelayPlace::kApart;
  } else if (!relay.empty() && relay != "embedded") {
    return Invalid(std::string(kRelay), "must be embedded or apart, not \"" + relay + "\"");
  }
  if (backend == EventBackend::kLocal) {
    if (settings.relay == RelayPlace::kApart) {
      return Invalid(std::string(kRelay), "must be embedded: the local engine is its own relay");
    }
    POSTROAD_TRY(given.Rest());  // Kafka's mean nothing here, so that engines can change places
    return settings;
  }
  if (settings.relay == RelayPlace::kApart) {
    if (properties.contains(std::string(kRetention))) {
      return Invalid(std::string(kRetention),
                     "is the `retention` of the relay apart: set it there, or leave out "
                     "producer.relay");
    }
    POSTROAD_TRY(given.Rest());
    return settings;
  }
  POSTROAD_TRY(TakeBrokers(given, settings.brokers));
  POSTROAD_ASSIGN(settings.kafka, given.Rest());
  POSTROAD_TRY(Renamed(kafka::CheckProducerProperties(settings.kafka)));
  return settings;
}

Result<ConsumerSettings> ParseConsumer(EventBackend backend, const Properties& properties) {
  Given given(properties);
  ConsumerSettings settings;
  given.Drop(kOfProducers);
  POSTROAD_TRY(TakeSerializers(given));
  POSTROAD_TRY(TakeMode(given, settings.mode));
  POSTROAD_TRY(TakeStrategy(given, settings.strategy));
  POSTROAD_ASSIGN(const uint64_t interval, given.Number(kSyncInterval, 1, 3'600'000, 100));
  settings.sync_interval = std::chrono::milliseconds(interval);
  POSTROAD_ASSIGN(const uint64_t batch, given.Number(kMaxPoll, 1, 100'000, 500));
  settings.batch_events = static_cast<uint32_t>(batch);
  const bool unbuffered = settings.strategy == kafka::Backpressure::kPause;
  if (unbuffered && properties.contains(std::string(kBufferEvents))) {
    return Invalid(std::string(kBufferEvents), "needs a consumer.backpressureStrategy");
  }
  POSTROAD_ASSIGN(const uint64_t buffer, given.Number(kBufferEvents, 1, 1'000'000, 1024));
  settings.buffer_events = static_cast<uint32_t>(buffer);
  if (backend == EventBackend::kLocal) {
    POSTROAD_TRY(given.Rest());
  } else {
    POSTROAD_TRY(TakeKafka(given, settings));
  }
  return settings;
}

}  // namespace postroad::event_bus
