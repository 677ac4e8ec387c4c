// librdkafka's objects with owners. For this module's .cc files only.
#ifndef POSTROAD_KAFKA_LIBRDKAFKA_H_
#define POSTROAD_KAFKA_LIBRDKAFKA_H_

#include <librdkafka/rdkafka.h>

#include <memory>
#include <string>

#include "core/error.h"
#include "kafka/connection_log.h"
#include "kafka/options.h"

namespace postroad::kafka {

template <auto destroy>
struct Destroy {
  template <typename T>
  void operator()(T* object) const {
    destroy(object);
  }
};
using ConfPtr = std::unique_ptr<rd_kafka_conf_t, Destroy<rd_kafka_conf_destroy>>;
using ClientPtr = std::unique_ptr<rd_kafka_t, Destroy<rd_kafka_destroy>>;
using QueuePtr = std::unique_ptr<rd_kafka_queue_t, Destroy<rd_kafka_queue_destroy>>;
using MessagePtr = std::unique_ptr<rd_kafka_message_t, Destroy<rd_kafka_message_destroy>>;
using ErrorPtr = std::unique_ptr<rd_kafka_error_t, Destroy<rd_kafka_error_destroy>>;
using PartitionsPtr = std::unique_ptr<rd_kafka_topic_partition_list_t,
                                      Destroy<rd_kafka_topic_partition_list_destroy>>;

// Who makes a client: properties that its promises rest on are its own.
enum class Role { kProducer, kConsumer };

// The properties given, over our defaults, under those that are our own.
// INVALID_ARGUMENT: "properties.<name>: …" for one that is unknown, wrong or our own.
Result<ConfPtr> MakeConf(Role role, const Properties& properties);
// Sets one; a name or value that librdkafka does not take is a bug, and ends the process.
void MustSet(rd_kafka_conf_t* conf, const char* name, const std::string& value);
// Errors, log and statistics of a client to be made of `conf` go to `log`; its callbacks' opaque
// must be a CallbackContext.
struct CallbackContext {
  ConnectionLog* log = nullptr;
  void* owner = nullptr;
};
void ReportTo(CallbackContext& context, rd_kafka_conf_t* conf);

// A new client of `conf`; takes it. `brokers` is its bootstrap.servers; empty: it connects to
// nobody.
Result<ClientPtr> MakeClient(rd_kafka_type_t type, const std::string& brokers, ConfPtr conf);

}  // namespace postroad::kafka

#endif  // POSTROAD_KAFKA_LIBRDKAFKA_H_
