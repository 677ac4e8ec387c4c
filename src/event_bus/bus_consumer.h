// The consumer of either engine: its streams by topic and group.
#ifndef POSTROAD_EVENT_BUS_BUS_CONSUMER_H_
#define POSTROAD_EVENT_BUS_BUS_CONSUMER_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "event_bus/local_engine.h"
#include "event_bus/settings.h"
#include "event_bus/stream_base.h"

namespace postroad::event_bus {

class BusConsumer final : public EventConsumer {
 public:
  // `local`: null, where the engine is Kafka.
  BusConsumer(ConsumerSettings settings, std::shared_ptr<BusMetrics> metrics,
              std::shared_ptr<LocalEngine> local);
  ~BusConsumer() override { Close(); }

  Result<std::shared_ptr<EventStream>> Stream(const std::string& topic, const std::string& group,
                                              StreamHandlers handlers) override;
  Status Unsubscribe(const std::string& topic, const std::string& group) override;
  std::vector<std::string> ListSubscribers(const std::string& topic) const override;
  // Stops the streams; there are no new ones.
  void Close();

 private:
  using Name = std::pair<std::string, std::string>;
  Result<std::shared_ptr<StreamBase>> Open(const Name& name, StreamHandlers handlers);

  const ConsumerSettings settings_;
  const std::shared_ptr<BusMetrics> metrics_;
  const std::shared_ptr<LocalEngine> local_;
  mutable std::mutex mutex_;
  bool closed_ = false;                                  // guarded by mutex_
  std::map<Name, std::shared_ptr<StreamBase>> streams_;  // guarded by mutex_
};

}  // namespace postroad::event_bus

#endif  // POSTROAD_EVENT_BUS_BUS_CONSUMER_H_
