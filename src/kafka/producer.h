// An idempotent producer: librdkafka's, with its delivery reports as values.
#ifndef POSTROAD_KAFKA_PRODUCER_H_
#define POSTROAD_KAFKA_PRODUCER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/time.h"
#include "kafka/message.h"
#include "kafka/options.h"

namespace postroad::kafka {

class ConnectionLog;

struct ProducerOptions {
  std::string brokers;
  Properties properties;
  // One message a request: slow, but what is refused is refused for itself.
  bool one_by_one = false;
  // Nothing goes on behind a message that Kafka refuses: the producer fails (see failed()).
  bool gapless = true;
};

// What became of a message.
struct DeliveryReport {
  enum class Verdict : uint8_t {
    kConfirmed,
    kRejected,  // Kafka will never take it
    kTooLarge,  // the same, or only in company: a request as a whole can be too large
    kFailed,    // not known to be there; send it again, by a new producer
  };
  uint64_t token = 0;
  Verdict verdict = Verdict::kConfirmed;
  std::string reason;  // empty if confirmed
};

// Used by one thread at a time, but for the callback.
class Producer {
 public:
  // `wake` is called, on any thread, whenever Poll has something to give. Connects in the
  // background. INVALID_ARGUMENT for properties that are no good. `log` outlives it.
  static Result<std::unique_ptr<Producer>> Create(const ProducerOptions& options,
                                                  ConnectionLog& log, std::function<void()> wake);
  virtual ~Producer() = default;

  enum class Sent : uint8_t { kQueued, kFull };
  // Copies the message and queues it, or says that the queue is full: poll, and try again. Every
  // queued one gets a report with its token; so does one that librdkafka refuses itself.
  virtual Sent Send(const std::string& topic, const Message& message, uint64_t token) = 0;
  // Appends the reports that have come.
  virtual void Poll(std::vector<DeliveryReport>& reports) = 0;
  // Why it can send no more, if so: make another.
  virtual std::string failed() const = 0;
  // Waits until every message has its report, at most `timeout`; then takes back what is left, so
  // that all have one. No Send after.
  virtual void Finish(Duration timeout, std::vector<DeliveryReport>& reports) = 0;
};

}  // namespace postroad::kafka

#endif  // POSTROAD_KAFKA_PRODUCER_H_
