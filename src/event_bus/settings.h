// The event bus's properties, by outbox-event-bus's names and by those of Kafka's clients, and the
// combinations that are refused. docs/event-bus.md has the table.
#ifndef POSTROAD_EVENT_BUS_SETTINGS_H_
#define POSTROAD_EVENT_BUS_SETTINGS_H_

#include <cstdint>
#include <string>

#include "core/error.h"
#include "core/time.h"
#include "kafka/options.h"
#include "postroad/event_bus.h"

namespace postroad::event_bus {

// Who sends what the producer has written.
enum class RelayPlace {
  kEmbedded,  // a thread of the bus
  kApart,     // `postroad serve` or `postroad relay`
};

struct ProducerSettings {
  RelayPlace relay = RelayPlace::kEmbedded;
  Duration retention = std::chrono::days(7);  // of rows that are sent
  std::string brokers;
  kafka::Properties kafka;  // the rest, as librdkafka takes it
};

struct ConsumerSettings {
  kafka::CommitMode mode = kafka::CommitMode::kAutoCommit;
  kafka::Backpressure strategy = kafka::Backpressure::kPause;
  Duration sync_interval = std::chrono::milliseconds(100);  // the longest wait between two polls
  uint32_t batch_events = 500;                              // taken by one poll
  uint32_t buffer_events = 1024;                            // of strategies that have a buffer
  std::string brokers;
  kafka::InStart start = kafka::InStart::kLatest;  // where the group has no offset yet
  kafka::Properties kafka;
};

// INVALID_ARGUMENT, whose field is the property at fault.
Result<ProducerSettings> ParseProducer(EventBackend backend, const Properties& properties);
Result<ConsumerSettings> ParseConsumer(EventBackend backend, const Properties& properties);

}  // namespace postroad::event_bus

#endif  // POSTROAD_EVENT_BUS_SETTINGS_H_
