// The bridge to and from Kafka: all connectors of a configuration.
#ifndef POSTROAD_KAFKA_BRIDGE_BRIDGE_H_
#define POSTROAD_KAFKA_BRIDGE_BRIDGE_H_

#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "kafka/bridge/connector.h"
#include "kafka/options.h"

namespace postroad::kafka {

class Bridge {
 public:
  // Starts every connector; Kafka need not be there. Errors as StartOut and StartIn have them, with
  // "kafka.out[1]." before the field.
  static Result<std::unique_ptr<Bridge>> Start(const BridgeOptions& options,
                                               ConnectorContext context);
  ~Bridge() { Stop(); }

  std::vector<ConnectorStatus> Status() const;
  // A line a connector: "kafka out orders: connected".
  std::string Describe() const;
  // Before the broker drains. Blocks for some seconds at most; not on an executor. Idempotent.
  void Stop();

 private:
  std::vector<std::unique_ptr<Connector>> connectors_;
};

}  // namespace postroad::kafka

#endif  // POSTROAD_KAFKA_BRIDGE_BRIDGE_H_
