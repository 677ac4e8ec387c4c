// outbox-event-bus's façade: a producer that writes events into the transaction at hand, and
// consumers with streams of events by topic and group, over one of two engines. Settings have that
// library's names, and wrong combinations are refused as there (docs/event-bus.md).
//
//   using namespace postroad::event_bus;
//   EventBus bus;
//   bus.SetupProducer(EventBackend::kKafka, {.url = "postgres://shop@localhost/shop"});
//   auto producer = bus.GetProducer({{"bootstrap.servers", "localhost:9092"}});
//
//   pqxx::work work(connection);               // #include <postroad/outbox_pqxx.h>
//   work.exec("UPDATE shop_order SET paid = true WHERE id = 42");
//   (*producer)->Send(work, {.topic = "orders", .msg_type = "OrderPaid", .payload = "…"});
//   work.commit();
//
//   bus.SetupConsumer(EventBackend::kKafka);
//   auto consumer = bus.GetConsumer({{"bootstrap.servers", "localhost:9092"},
//                                    {"consumer.streamMode", "MessageCommit"},
//                                    {"enable.auto.commit", "false"}});
//   auto stream = (*consumer)->Stream("orders", "billing", {.on_event = …});
//
// Link postroad::event_bus.
#ifndef POSTROAD_EVENT_BUS_H_
#define POSTROAD_EVENT_BUS_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/event.h"
#include "core/time.h"
#include "postroad/event_bus_metrics.h"
#include "postroad/outbox.h"

namespace postroad::event_bus {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct EventInput {
  std::string topic;
  std::string msg_type;
  std::string mime_type;
  std::string payload;   // any bytes
  std::string key = {};  // events of one key keep their order
  Headers headers = {};
  std::string uuid = {};  // made if there is none
};

struct EventOutput {
  std::string uuid;
  Timestamp timestamp{};  // when the event was written, or, where that is not told, sent
  std::string topic;
  std::string msg_type;
  std::string mime_type;
  std::string payload;
  std::string key;
  Headers headers;
};

// The engine that carries events from the table to streams.
enum class EventBackend {
  kLocal,  // to streams of this bus; a row is marked once they have handled it
  kKafka,  // to Kafka topics, and streams read these
};

// By name, as in that library: its own, and those of Kafka's clients.
using Properties = std::map<std::string, std::string>;

// The outbox table in the service's database.
struct LocalEventStore {
  std::string url;  // postgres://…, mariadb://…, sqlite:/path
  std::string table = outbox::kDefaultTable;
  std::string name = "event-bus";  // of the relay: of those with one name one works at a time
};

// Writes events to the store's table. Thread-safe, as far as the transaction is.
class EventProducer {
 public:
  explicit EventProducer(std::string table) : table_(std::move(table)) {}

  // Writes the event into `transaction`, by the Enqueue of its library, whose header is to be
  // included: postroad/outbox_libpq.h, _pqxx.h, _mariadb.h, _sqlite.h. It is sent once that has
  // committed. Its uuid; errors are Enqueue's.
  template <typename Transaction>
  Result<std::string> Send(Transaction&& transaction, EventInput input) const {
    return Enqueue(std::forward<Transaction>(transaction), ToEvent(std::move(input)),
                   outbox::TableName{table_});
  }

 private:
  static Event ToEvent(EventInput input);

  const std::string table_;
};

struct StreamHandlers {
  // Called with one event after another, on a thread of the stream. An error, or an exception,
  // ends the stream: this event and those behind it are not acknowledged, and come again with the
  // next stream of the group.
  std::function<Status(const EventOutput&)> on_event;
  // Once, if the stream ended by an error. May be empty.
  std::function<void(const Error&)> on_error = {};
};

// Thread-safe. From its handlers only Stop, which then does not wait; not its destruction.
class EventStream {
 public:
  virtual ~EventStream() = default;

  virtual const std::string& topic() const = 0;
  virtual const std::string& group() const = 0;
  // Waits for the handler that runs, and acknowledges what was handled. Idempotent.
  virtual void Stop() = 0;
  // Until the stream has ended, at most so long (DEADLINE_EXCEEDED). The error that ended it, or
  // success after Stop.
  virtual Status Wait(Duration at_most = std::chrono::hours(24 * 365)) = 0;
  virtual StreamStats stats() const = 0;
};

// Thread-safe.
class EventConsumer {
 public:
  virtual ~EventConsumer() = default;  // stops its streams

  // Begins to read. Errors: INVALID_ARGUMENT (no handler, a bad name), ALREADY_EXISTS (the group
  // has a stream of this topic here).
  virtual Result<std::shared_ptr<EventStream>> Stream(const std::string& topic,
                                                      const std::string& group,
                                                      StreamHandlers handlers) = 0;
  // Stops the stream and forgets it; not from its handlers. NOT_FOUND if there is none.
  virtual Status Unsubscribe(const std::string& topic, const std::string& group) = 0;
  // The groups that have a stream of the topic here.
  virtual std::vector<std::string> ListSubscribers(const std::string& topic) const = 0;
};

// The provider of both. Thread-safe.
class EventBus {
 public:
  EventBus();
  ~EventBus();  // Shutdown
  EventBus(const EventBus&) = delete;
  EventBus& operator=(const EventBus&) = delete;

  // The table, and what the engine's relay needs beside it, as SQL; and runs that. Can be run
  // again.
  static Result<std::string> Ddl(EventBackend backend, const LocalEventStore& store);
  static Status Install(EventBackend backend, const LocalEventStore& store);

  // Once each, before Get…; FAILED_PRECONDITION a second time.
  Status SetupProducer(EventBackend backend, LocalEventStore store);
  Status SetupConsumer(EventBackend backend);

  // FAILED_PRECONDITION before its setup. INVALID_ARGUMENT names the property that is unknown, bad,
  // or does not go with another. The first producer starts the relay, on a thread of its own: it
  // connects and reconnects by itself.
  Result<std::shared_ptr<EventProducer>> GetProducer(const Properties& properties = {});
  Result<std::shared_ptr<EventConsumer>> GetConsumer(const Properties& properties = {});

  // Stops streams and the relay; what has been handled, or confirmed, is marked. Idempotent.
  void Shutdown();

  EventBusMetrics Metrics() const;
  // All of it and the process's StoreMetricsText, in Prometheus's text format 0.0.4.
  std::string MetricsText() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

enum class LogSeverity { kDebug, kInfo, kWarning, kError };
// Where the process's event buses log (never payloads); by default to standard error, from kInfo
// on. Called on any thread.
void SetLogger(std::function<void(LogSeverity, std::string_view line)> logger);

}  // namespace postroad::event_bus

#endif  // POSTROAD_EVENT_BUS_H_
