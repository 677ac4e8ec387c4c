// See local_engine.h.
#include "event_bus/local_engine.h"

#include <utility>

#include "event_bus/local_stream.h"
#include "outbox/sources/sources.h"
#include "runtime/clock.h"

namespace postroad::event_bus {
namespace {

constexpr uint64_t kBatchRows = 500;
constexpr Duration kDefaultRetention = std::chrono::days(7);

}  // namespace

Result<outbox::SourceOptions> LocalSource(const LocalEventStore& store) {
  return outbox::Complete(
      {.name = store.name, .url = store.url, .table = store.table, .marked = true});
}

LocalEngine::LocalEngine(LocalEventStore store, std::shared_ptr<BusMetrics> metrics)
    : store_(std::move(store)),
      metrics_(std::move(metrics)),
      streams_(std::make_shared<LocalStreams>()) {}

LocalEngine::~LocalEngine() { Stop(); }

Status LocalEngine::SetRetention(Duration retention) {
  std::lock_guard lock(mutex_);
  if (relay_ && retention != retention_.value_or(kDefaultRetention)) {
    return Fail(ErrorCode::kFailedPrecondition,
                "streams are open, and rows are removed by another retention: get the producer "
                "before the first stream",
                "producer.event.cleanup.intervalInSeconds");
  }
  retention_ = retention;
  return {};
}

Result<std::shared_ptr<StreamBase>> LocalEngine::Open(const ConsumerSettings& settings,
                                                      const std::string& topic,
                                                      const std::string& group,
                                                      StreamHandlers handlers) {
  std::lock_guard lock(mutex_);
  POSTROAD_TRY(StartRelay(settings.mode));
  auto stream = std::make_shared<LocalStream>(settings, topic, group, std::move(handlers), metrics_,
                                              streams_);
  stream->Start();
  if (!streams_->Add(stream)) {
    return Fail(ErrorCode::kAlreadyExists,
                "the group \"" + group + "\" has a stream of \"" + topic + "\" on this bus");
  }
  return stream;
}

Status LocalEngine::StartRelay(kafka::CommitMode mode) {
  const auto one_by_one = [](kafka::CommitMode of) {
    return of == kafka::CommitMode::kMessageCommit;
  };
  if (relay_) {
    if (one_by_one(mode) == one_by_one(mode_)) return {};
    return Fail(
        ErrorCode::kFailedPrecondition,
        "the local engine's streams share one relay: either all have MessageCommit, or none",
        "consumer.streamMode");
  }
  POSTROAD_ASSIGN(outbox::SourceOptions options, LocalSource(store_));
  options.retention = retention_.value_or(kDefaultRetention);
  options.batch_rows = one_by_one(mode) ? 1 : kBatchRows;
  options.topics = streams_->choice();
  mode_ = mode;
  relay_ = std::make_unique<outbox::Relay>(std::move(options), outbox::NewSource,
                                           std::make_unique<LocalTarget>(streams_), SystemClock(),
                                           metrics_->all());
  return {};
}

void LocalEngine::Stop() {
  // Without the lock while waiting: handlers that run may ask for the relay. It stays where it is.
  std::unique_lock lock(mutex_);
  outbox::Relay* const relay = relay_.get();
  lock.unlock();
  if (relay != nullptr) relay->Stop();
}

const outbox::Relay* LocalEngine::relay() const {
  std::lock_guard lock(mutex_);
  return relay_.get();
}

}  // namespace postroad::event_bus
