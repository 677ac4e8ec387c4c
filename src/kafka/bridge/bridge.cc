// See bridge.h.
#include "kafka/bridge/bridge.h"

#include <thread>

namespace postroad::kafka {
namespace {

std::unexpected<Error> InItem(std::string list, size_t index, Error error) {
  const std::string item = list + "[" + std::to_string(index) + "]";
  error.field = error.field.empty() ? item : item + "." + error.field;
  return Fail(std::move(error));
}

}  // namespace

Result<std::unique_ptr<Bridge>> Bridge::Start(const BridgeOptions& options,
                                              ConnectorContext context) {
  auto bridge = std::make_unique<Bridge>();
  for (size_t i = 0; i < options.out.size(); ++i) {
    auto connector = StartOut(options.out[i], context);
    if (!connector) return InItem("kafka.out", i, connector.error());
    bridge->connectors_.push_back(*std::move(connector));
  }
  for (size_t i = 0; i < options.in.size(); ++i) {
    auto connector = StartIn(options.in[i], context);
    if (!connector) return InItem("kafka.in", i, connector.error());
    bridge->connectors_.push_back(*std::move(connector));
  }
  return bridge;
}

std::vector<ConnectorStatus> Bridge::Status() const {
  std::vector<ConnectorStatus> all;
  for (const auto& connector : connectors_) all.push_back(connector->Status());
  return all;
}

std::string Bridge::Describe() const {
  std::string lines;
  for (const ConnectorStatus& status : Status()) {
    lines += "kafka " + status.direction + " " + status.name + ": " +
             (status.connected ? "connected" : "not connected");
    if (!status.error.empty()) lines += "; " + status.error;
    lines += '\n';
  }
  return lines;
}

void Bridge::Stop() {
  // Side by side: each may wait for Kafka.
  std::vector<std::thread> stopping;
  for (const auto& connector : connectors_) {
    stopping.emplace_back([&connector] { connector->Stop(); });
  }
  for (std::thread& thread : stopping) thread.join();
}

}  // namespace postroad::kafka
