// What users' connections did with events: which connection reads which topic, how far it was
// sent, what its client said. In memory, bounded; costs nothing an event unless somebody acks or
// waits.
#ifndef POSTROAD_BROKER_CONNECTION_RECEIPTS_H_
#define POSTROAD_BROKER_CONNECTION_RECEIPTS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/presence.h"
#include "core/error.h"
#include "core/time.h"
#include "core/types.h"
#include "journal/journal.h"
#include "runtime/clock.h"
#include "runtime/executor.h"
#include "runtime/metrics.h"

namespace postroad::broker {

enum class ConnectionState : uint8_t {
  kPending,    // reads the topic; the event was not sent yet
  kDelivered,  // sent; the client said nothing
  kAcked,
  kReplied,
  kFailed,
  kGone,  // left before it said anything, while somebody waited
};
std::string_view ConnectionStateName(ConnectionState state);

struct ConnectionReceipt {
  ConnectionId connection;
  std::string user;
  ConnectionState state = ConnectionState::kPending;
  std::optional<Timestamp> at;  // when it said so
  std::string reason;           // kFailed
  std::string reply;            // kReplied
};

struct ConnectionAck {
  std::string topic;
  Offset offset;
  ConnectionState state = ConnectionState::kAcked;  // or kReplied, kFailed
  std::string text;                                 // the reply or the reason
};
inline constexpr size_t kMaxReplyBytes = 64 << 10;
inline constexpr size_t kMaxReasonBytes = 1 << 10;
// How many connections' words one receipt keeps and names.
inline constexpr size_t kMaxReceiptConnections = 1'000;

// Thread-safe; calls out under no lock.
class ConnectionReceipts {
 public:
  explicit ConnectionReceipts(Clock& clock, Metrics& metrics, size_t max_bytes = 64 << 20);
  ~ConnectionReceipts();

  // A connection reads a topic, as long as this lives.
  class Reading {
   public:
    virtual ~Reading() = default;
    // Everything before `end` was sent. Cheap. Not for those that share.
    virtual void Sent(Offset end) = 0;
    // One event was sent, and to none of the others. For those that share.
    virtual void Given(Offset offset) = 0;
    // Of what was given, what the client said nothing about; nothing if it never says anything.
    virtual std::vector<Offset> Unsettled() const = 0;
  };
  struct Reader {
    ConnectionId connection;
    std::string user;
    Offset start;         // what comes before is not for it
    bool shares = false;  // an event goes to one of those that share the topic only
    bool acks = true;     // its client can ack; one that cannot is waited for until it was sent
  };
  std::unique_ptr<Reading> Read(std::string_view topic, Reader reader);

  // The first one for an event counts; the others are taken and left out. NOT_FOUND reason
  // UNKNOWN_DELIVERY if the connection was not sent the event, INVALID_ARGUMENT if a reply is too
  // large; cuts reasons. RESOURCE_EXHAUSTED if those waited for leave no room.
  Status Ack(ConnectionId connection, ConnectionAck ack);

  // Those that said something, and those that are to.
  std::vector<ConnectionReceipt> Get(std::string_view topic, Offset offset) const;
  // Posts `settled` to `executor` once all that read the topic have said something or left; at once
  // if none does. Destroying the handle gives up.
  [[nodiscard]] journal::WaitPtr Watch(std::string_view topic, Offset offset, Executor& executor,
                                       Task settled);

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace postroad::broker

#endif  // POSTROAD_BROKER_CONNECTION_RECEIPTS_H_
