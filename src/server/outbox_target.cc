// See outbox_target.h.
#include "server/outbox_target.h"

#include <utility>
#include <vector>

#include "kafka/kafka_target.h"
#include "outbox/routed_target.h"

namespace postroad::server {

Result<std::unique_ptr<outbox::Target>> MakeOutboxTarget(const Config& config,
                                                         const outbox::SourceOptions& source,
                                                         const LogTargetMaker& log, Clock& clock) {
  const auto found = config.outbox_targets.find(source.name);
  const OutboxTargets settings =
      found == config.outbox_targets.end() ? OutboxTargets() : found->second;
  if (settings.routes.empty()) {
    return settings.rest ? kafka::NewKafkaTarget(*settings.rest, clock) : log();
  }
  // There is one log, however many routes lead there.
  std::vector<std::unique_ptr<outbox::Target>> targets;
  std::vector<outbox::TopicRoute> routes;
  std::vector<size_t> to_log;
  for (const OutboxRoute& route : settings.routes) {
    if (!route.kafka) to_log.push_back(routes.size());
    routes.push_back({.topics = route.topics, .target = targets.size()});
    if (!route.kafka) continue;
    POSTROAD_ASSIGN(auto target, kafka::NewKafkaTarget(*route.kafka, clock));
    targets.push_back(std::move(target));
  }
  if (!to_log.empty() || !settings.rest) {
    for (const size_t route : to_log) routes[route].target = targets.size();
    POSTROAD_ASSIGN(auto target, log());
    targets.push_back(std::move(target));
  }
  if (settings.rest) {
    POSTROAD_ASSIGN(auto target, kafka::NewKafkaTarget(*settings.rest, clock));
    targets.push_back(std::move(target));
  }
  return outbox::NewRoutedTarget(std::move(routes), std::move(targets));
}

}  // namespace postroad::server
