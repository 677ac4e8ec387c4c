// From Kafka's messages to what is stored of them: an event, or the dead letter of one that is
// none.
#ifndef POSTROAD_KAFKA_BRIDGE_IN_ITEM_H_
#define POSTROAD_KAFKA_BRIDGE_IN_ITEM_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/event.h"
#include "kafka/bridge/metrics.h"
#include "kafka/consumer.h"
#include "kafka/message.h"
#include "kafka/options.h"

namespace postroad::kafka {

// A message's own bytes, beside the event that was made of them.
struct Original {
  std::optional<std::string> key;
  std::string value;
  bool tombstone = false;
  std::vector<std::pair<std::string, std::string>> headers;
  Timestamp time{};
};

struct Item {
  Event event;
  Original original;  // for a dead letter, should the log not take the event; of none itself
  Partition partition;
  int64_t offset = 0;
  bool dead = false;  // the event is a dead letter
  size_t bytes = 0;
};
using Items = std::vector<Item>;

// On the connector's thread.
class ItemMaker {
 public:
  // `cluster_id` is asked for once it is needed. Options and metrics outlive it.
  ItemMaker(const InOptions& options, InMetrics& metrics, std::function<std::string()> cluster_id)
      : options_(options), metrics_(metrics), ask_cluster_id_(std::move(cluster_id)) {}

  Item Make(const MessageView& message);
  // Makes the item's event, which the log does not take, a dead letter with the reason.
  void SetAside(Item& item, const std::string& reason);

 private:
  Result<Event> ToEvent(const MessageView& message);
  Event DeadLetterOf(const MessageView& message, const std::string& reason);
  const std::string& ClusterId();

  const InOptions& options_;
  InMetrics& metrics_;
  const std::function<std::string()> ask_cluster_id_;
  std::string cluster_id_;
};

}  // namespace postroad::kafka

#endif  // POSTROAD_KAFKA_BRIDGE_IN_ITEM_H_
