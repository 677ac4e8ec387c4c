// What can be set about the bridge to and from Kafka; docs/kafka.md explains it.
#ifndef POSTROAD_KAFKA_OPTIONS_H_
#define POSTROAD_KAFKA_OPTIONS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/names.h"
#include "core/time.h"

namespace postroad::kafka {

// librdkafka's properties, by name: SASL, TLS, timeouts, batching.
using Properties = std::map<std::string, std::string>;

// What a message's value and headers hold.
enum class Format : uint8_t {
  kEnvelope,               // JSON {topic, uuid, timestamp, msgType, mimeType, payload}
  kCloudEventsStructured,  // reading: CloudEvents of either mode
  kCloudEventsBinary,
  kRaw,  // the payload as it is; the rest in headers
};

// What becomes of an event that Kafka will never take: too large, its Kafka topic not there.
enum class OnRejected : uint8_t {
  kDeadLetter,  // set aside with the reason; those behind go on
  kStop,        // nothing behind it goes on; it is tried again and again
};

enum class OutStart : uint8_t { kEnd, kBeginning };  // of the log, on the connector's first start

// One of the [[kafka.out]]: topics to Kafka.
struct OutOptions {
  std::string name;  // the subscription is "kafka/<name>"
  std::string brokers;
  std::string connection;           // that the brokers are of, if it has a name
  std::vector<std::string> topics;  // patterns
  std::string to = "{topic}";       // Kafka topic, or template
  Format format = Format::kEnvelope;
  OutStart start = OutStart::kEnd;
  OnRejected on_rejected = OnRejected::kDeadLetter;
  uint32_t max_in_flight = 10'000;             // events sent and not yet confirmed
  uint64_t max_in_flight_bytes = 32ULL << 20;  // of them
  Properties properties;
};

// When the offsets of what was stored are committed to Kafka. Always after it is durable.
enum class CommitMode : uint8_t {
  kAutoCommit,        // every auto.commit.interval.ms
  kEndOfBatchCommit,  // with each batch
  kMessageCommit,     // message by message
};

// What happens while Kafka gives messages faster than they can be stored.
enum class Backpressure : uint8_t {
  kPause,   // reading pauses
  kError,   // the connector stops with an error, and starts again from what is committed
  kBuffer,  // reads ahead up to buffer_events and buffer_bytes, and pauses then
  kDrop,    // the newest are dropped
  kLatest,  // of those that wait only the newest is kept
};

enum class InStart : uint8_t { kEarliest, kLatest };  // where nothing is committed yet

// One of the [[kafka.in]]: Kafka topics to Postroad's.
struct InOptions {
  std::string name;
  std::string brokers;
  std::string connection;           // as above
  std::string group;                // empty: "postroad-<name>"
  std::vector<std::string> topics;  // of Kafka; one that begins with ^ is a regular expression
  std::string to = "{kafka_topic}";
  Format format = Format::kEnvelope;
  std::string id_header;  // whose value is the event's id; empty: see docs/kafka.md
  InStart start = InStart::kEarliest;
  CommitMode commit_mode = CommitMode::kEndOfBatchCommit;
  Backpressure backpressure = Backpressure::kPause;
  uint32_t batch_events = 2'000;  // stored at once
  uint32_t buffer_events = 10'000;
  uint64_t buffer_bytes = 32ULL << 20;
  std::string dead_letter_topic;  // empty: "dead/kafka/<name>"
  Properties properties;
};

// A relay's target that is Kafka.
struct TargetOptions {
  std::string name;  // of the relay's source, for logs
  std::string brokers;
  std::string connection;      // as above
  std::string to = "{topic}";  // Kafka topic, or template
  Format format = Format::kEnvelope;
  // A batch that Kafka has not confirmed by then fails, and comes again.
  Duration send_timeout = std::chrono::seconds(30);
  Properties properties;
};

struct BridgeOptions {
  std::vector<OutOptions> out;
  std::vector<InOptions> in;
};

}  // namespace postroad::kafka

#endif  // POSTROAD_KAFKA_OPTIONS_H_
