// See postroad/event_bus.h.
#include "postroad/event_bus.h"

#include <mutex>
#include <optional>
#include <utility>

#include "event_bus/bus_consumer.h"
#include "event_bus/bus_metrics.h"
#include "event_bus/local_engine.h"
#include "event_bus/settings.h"
#include "kafka/kafka_target.h"
#include "outbox/sources/sources.h"
#include "runtime/clock.h"
#include "runtime/log_sink.h"

namespace postroad::event_bus {
namespace {

Error NotSetUp(std::string_view what) {
  return {ErrorCode::kFailedPrecondition,
          "the " + std::string(what) + " is not set up: call Setup" + std::string(what) + " first"};
}

Error ShutDown() { return {ErrorCode::kFailedPrecondition, "the event bus is shut down"}; }

Result<outbox::SourceOptions> SourceOf(EventBackend backend, const LocalEventStore& store) {
  if (store.name.empty()) return Invalid("name", "must be set");
  if (backend == EventBackend::kLocal) return LocalSource(store);
  return outbox::Complete({.name = store.name, .url = store.url, .table = store.table});
}

}  // namespace

struct EventBus::Impl {
  Status StartRelay(const ProducerSettings& settings);
  const outbox::Relay* TheRelay() const { return local ? local->relay() : relay.get(); }

  mutable std::mutex mutex;
  const std::shared_ptr<BusMetrics> metrics = std::make_shared<BusMetrics>();
  // All guarded by mutex.
  bool shut_down = false;
  std::optional<EventBackend> produces, consumes;
  LocalEventStore store;
  std::optional<Properties> producer_properties;
  std::shared_ptr<EventProducer> producer;
  std::shared_ptr<LocalEngine> local;    // of the local engine, from SetupProducer on
  std::unique_ptr<outbox::Relay> relay;  // to Kafka
  std::vector<std::weak_ptr<BusConsumer>> consumers;
};

EventBus::EventBus() : impl_(std::make_unique<Impl>()) {}
EventBus::~EventBus() { Shutdown(); }

Result<std::string> EventBus::Ddl(EventBackend backend, const LocalEventStore& store) {
  POSTROAD_ASSIGN(const outbox::SourceOptions options, SourceOf(backend, store));
  return outbox::Ddl(options);
}

Status EventBus::Install(EventBackend backend, const LocalEventStore& store) {
  POSTROAD_ASSIGN(const outbox::SourceOptions options, SourceOf(backend, store));
  return outbox::Install(options);
}

Status EventBus::SetupProducer(EventBackend backend, LocalEventStore store) {
  POSTROAD_TRY(SourceOf(backend, store));
  std::lock_guard lock(impl_->mutex);
  if (impl_->shut_down) return Fail(ShutDown());
  if (impl_->produces) {
    return Fail(ErrorCode::kFailedPrecondition, "the producer is set up already");
  }
  impl_->produces = backend;
  if (backend == EventBackend::kLocal) {
    impl_->local = std::make_shared<LocalEngine>(store, impl_->metrics);
  }
  impl_->store = std::move(store);
  return {};
}

Status EventBus::SetupConsumer(EventBackend backend) {
  std::lock_guard lock(impl_->mutex);
  if (impl_->consumes) {
    return Fail(ErrorCode::kFailedPrecondition, "the consumer is set up already");
  }
  impl_->consumes = backend;
  return {};
}

Result<std::shared_ptr<EventProducer>> EventBus::GetProducer(const Properties& properties) {
  std::lock_guard lock(impl_->mutex);
  if (impl_->shut_down) return Fail(ShutDown());
  if (!impl_->produces) return Fail(NotSetUp("Producer"));
  if (impl_->producer) {
    if (properties == impl_->producer_properties) return impl_->producer;
    return Fail(ErrorCode::kFailedPrecondition,
                "the bus has a producer with other properties, and one relay");
  }
  POSTROAD_ASSIGN(const ProducerSettings settings, ParseProducer(*impl_->produces, properties));
  if (impl_->local) {
    POSTROAD_TRY(impl_->local->SetRetention(settings.retention));
  } else if (settings.relay == RelayPlace::kEmbedded) {
    POSTROAD_TRY(impl_->StartRelay(settings));
  }
  impl_->producer_properties = properties;
  impl_->producer = std::make_shared<EventProducer>(impl_->store.table);
  return impl_->producer;
}

Status EventBus::Impl::StartRelay(const ProducerSettings& settings) {
  POSTROAD_ASSIGN(outbox::SourceOptions options, SourceOf(EventBackend::kKafka, store));
  options.retention = settings.retention;
  POSTROAD_ASSIGN(auto target, kafka::NewKafkaTarget({.name = store.name,
                                                      .brokers = settings.brokers,
                                                      .properties = settings.kafka},
                                                     SystemClock()));
  relay = std::make_unique<outbox::Relay>(std::move(options), outbox::NewSource, std::move(target),
                                          SystemClock(), metrics->all());
  return {};
}

Result<std::shared_ptr<EventConsumer>> EventBus::GetConsumer(const Properties& properties) {
  std::lock_guard lock(impl_->mutex);
  if (impl_->shut_down) return Fail(ShutDown());
  if (!impl_->consumes) return Fail(NotSetUp("Consumer"));
  if (impl_->consumes == EventBackend::kLocal && !impl_->local) {
    return Fail(ErrorCode::kFailedPrecondition,
                "the local engine's streams read what a producer of the same bus writes: "
                "set that up as local first");
  }
  POSTROAD_ASSIGN(ConsumerSettings settings, ParseConsumer(*impl_->consumes, properties));
  const bool local = impl_->consumes == EventBackend::kLocal;
  auto consumer = std::make_shared<BusConsumer>(std::move(settings), impl_->metrics,
                                                local ? impl_->local : nullptr);
  std::erase_if(impl_->consumers, [](const auto& known) { return known.expired(); });
  impl_->consumers.push_back(consumer);
  return consumer;
}

// Without the lock while waiting: handlers that run may ask for metrics.
void EventBus::Shutdown() {
  std::vector<std::weak_ptr<BusConsumer>> consumers;
  {
    std::lock_guard lock(impl_->mutex);
    impl_->shut_down = true;
    consumers = impl_->consumers;
  }
  for (const auto& known : consumers) {
    if (const auto consumer = known.lock()) consumer->Close();
  }
  // Neither changes any more.
  if (impl_->local) impl_->local->Stop();
  if (impl_->relay) impl_->relay->Stop();
}

EventBusMetrics EventBus::Metrics() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->metrics->Snapshot(impl_->TheRelay());
}

std::string EventBus::MetricsText() const { return impl_->metrics->Text(); }

Event EventProducer::ToEvent(EventInput input) {
  Event event;
  event.id = std::move(input.uuid);
  event.topic = std::move(input.topic);
  event.key = std::move(input.key);
  event.type = std::move(input.msg_type);
  event.content_type = std::move(input.mime_type);
  event.payload = std::move(input.payload);
  event.headers = std::move(input.headers);
  return event;
}

void SetLogger(std::function<void(LogSeverity, std::string_view line)> logger) {
  if (!logger) return SetLogSink({});
  SetLogSink([logger = std::move(logger)](LogLevel level, std::string_view line) {
    switch (level) {
      case LogLevel::kDebug:
        return logger(LogSeverity::kDebug, line);
      case LogLevel::kInfo:
        return logger(LogSeverity::kInfo, line);
      case LogLevel::kWarn:
        return logger(LogSeverity::kWarning, line);
      default:
        return logger(LogSeverity::kError, line);
    }
  });
}

}  // namespace postroad::event_bus
