// A connector: one of the [[kafka.out]] or [[kafka.in]] at work, with a thread of its own.
#ifndef POSTROAD_KAFKA_BRIDGE_CONNECTOR_H_
#define POSTROAD_KAFKA_BRIDGE_CONNECTOR_H_

#include <memory>
#include <string>

#include "broker/broker.h"
#include "core/error.h"
#include "kafka/options.h"
#include "runtime/clock.h"
#include "runtime/executor.h"
#include "runtime/metrics.h"

namespace postroad::kafka {

// All outlive the connector.
struct ConnectorContext {
  broker::Broker& broker;
  CorePool& cores;
  Clock& clock;
  Metrics& metrics;
};

struct ConnectorStatus {
  std::string name;
  std::string direction;   // "out" or "in"
  bool connected = false;  // with any Kafka broker
  std::string error;       // why it does not go on, or what happened last; empty: nothing
};

// Thread-safe.
class Connector {
 public:
  virtual ~Connector() = default;  // stops
  virtual ConnectorStatus Status() const = 0;
  // Ends what is under way, for at most some seconds, and its thread. Blocks; not on an executor.
  virtual void Stop() = 0;
};

// Errors: what CheckOptions finds; those of the broker for its subscription. Kafka need not be
// there.
Result<std::unique_ptr<Connector>> StartOut(const OutOptions& options, ConnectorContext context);
Result<std::unique_ptr<Connector>> StartIn(const InOptions& options, ConnectorContext context);

}  // namespace postroad::kafka

#endif  // POSTROAD_KAFKA_BRIDGE_CONNECTOR_H_
