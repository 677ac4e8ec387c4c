// The local engine: a relay whose target is the streams of this process. A row is marked once the
// streams of its topic have handled it; rows of topics without a stream wait in the table.
#ifndef POSTROAD_EVENT_BUS_LOCAL_ENGINE_H_
#define POSTROAD_EVENT_BUS_LOCAL_ENGINE_H_

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "event_bus/settings.h"
#include "event_bus/stream_base.h"
#include "outbox/options.h"
#include "outbox/relay.h"

namespace postroad::event_bus {

class LocalStreams;

// The table as the local engine needs it: its rows are marked.
Result<outbox::SourceOptions> LocalSource(const LocalEventStore& store);

// Thread-safe.
class LocalEngine {
 public:
  LocalEngine(LocalEventStore store, std::shared_ptr<BusMetrics> metrics);
  ~LocalEngine();  // Stop

  // How long rows are kept; FAILED_PRECONDITION if the relay already works by another time.
  Status SetRetention(Duration retention);
  // The first stream starts the relay. ALREADY_EXISTS: the group has a stream of this topic;
  // FAILED_PRECONDITION: of streams with MessageCommit there are either all or none.
  Result<std::shared_ptr<StreamBase>> Open(const ConsumerSettings& settings,
                                           const std::string& topic, const std::string& group,
                                           StreamHandlers handlers);
  // Of the relay; streams are their owners'. Idempotent.
  void Stop();
  // Null until the first stream, and from then on as long as this.
  const outbox::Relay* relay() const;

 private:
  Status StartRelay(kafka::CommitMode mode);

  const LocalEventStore store_;
  const std::shared_ptr<BusMetrics> metrics_;
  const std::shared_ptr<LocalStreams> streams_;
  mutable std::mutex mutex_;
  std::optional<Duration> retention_;     // guarded by mutex_
  kafka::CommitMode mode_{};              // guarded by mutex_; the relay's
  std::unique_ptr<outbox::Relay> relay_;  // guarded by mutex_
};

}  // namespace postroad::event_bus

#endif  // POSTROAD_EVENT_BUS_LOCAL_ENGINE_H_
