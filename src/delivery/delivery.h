// Subscriptions: durable readers whose state the server keeps. Members share the work; what is not
// acked is delivered again on a schedule; what is exhausted or rejected becomes a dead letter.
//
// Each subscription is a pure state machine (subscription_state.h) run by one executor.
#ifndef POSTROAD_DELIVERY_DELIVERY_H_
#define POSTROAD_DELIVERY_DELIVERY_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/filter.h"
#include "core/names.h"
#include "core/types.h"
#include "journal/journal.h"
#include "runtime/clock.h"
#include "runtime/executor.h"
#include "runtime/metrics.h"
#include "store/store.h"

namespace postroad::delivery {

enum class Start { kEnd, kBeginning, kTime, kOffset };
enum class Ordering { kNone, kKey };

// Kill Bill's schedule.
std::vector<Duration> DefaultRetrySchedule();

struct SubscriptionSettings {
  TopicSelector topics;
  EventFilter filter;  // events it does not match count as acked
  Start start = Start::kEnd;
  Timestamp start_time{};           // kTime
  Offset start_offset;              // kOffset; one topic only
  uint32_t max_in_flight = 10'000;  // delivered and unsettled, over all members; 1 to 1,000,000
  Duration ack_deadline = std::chrono::seconds(30);               // 100 ms to 24 h
  std::vector<Duration> retry_schedule = DefaultRetrySchedule();  // after attempt 1, 2, …; 1 to 100
  // Attempts before an event is a dead letter; 0: one more than the schedule has entries. Beyond
  // the schedule its last entry repeats.
  uint32_t max_attempts = 0;
  Ordering ordering = Ordering::kNone;

  bool operator==(const SubscriptionSettings&) const;
};

// INVALID_ARGUMENT naming the field, relative to `field`.
Status CheckSettings(const SubscriptionSettings& settings, std::string_view field);

// Identifies a delivery inside its subscription: the sequence number of the event (its offset for a
// subscription to one topic, its feed position otherwise; the top bit set for a dead letter sent
// again). Given back in acks.
using DeliveryId = Number<struct DeliveryIdTag>;

struct Delivery {
  DeliveryId id;
  std::shared_ptr<const std::string> topic;
  Offset offset;
  uint32_t attempt = 1;
  Timestamp stored_at{};
  // The record, inside a shared run or of its own.
  std::string_view record;
  std::shared_ptr<const void> owner;  // keeps `record` alive
  // When this attempt ends, unless it is settled or extended.
  MonotonicTime deadline{};
};

enum class SettleKind {
  kAck,
  // All deliveries of this member with ids up to this one; of those, if this one is still with the
  // member, what was sent no later than it. Dead letters sent again (top bit set) and other events
  // count apart.
  kAckUpTo,
  kNack,       // again after `delay`, or as the schedule says
  kExtend,     // the deadline is now + `delay`
  kTerminate,  // a dead letter now
  kReturn,     // out again at once, its attempt not counted: nobody has seen it
};
struct Settlement {
  SettleKind kind = SettleKind::kAck;
  DeliveryId id;
  std::optional<Duration> delay;
  std::string reason;  // kNack, kTerminate: for the dead letter; cut at 1 KiB
  std::string reply;   // kAck: goes to who awaits the receipt; at most 64 KiB
};
// INVALID_ARGUMENT naming `field`.delay (0 to 365 days), .by (100 ms to 24 h), .payload (64 KiB);
// cuts the reason to what is kept.
Status CheckSettlement(Settlement& settlement, std::string_view field);
struct SettleFailure {
  size_t index = 0;  // in the settlements given
  Error error;       // NOT_FOUND reason UNKNOWN_DELIVERY: not this member's (settled, expired)
};

// Receives a member's deliveries. Every call comes on the executor given to Join, one at a time.
class MemberSink {
 public:
  virtual ~MemberSink() = default;
  // At most as many as there are credits; takes these credits.
  virtual void OnDeliveries(std::vector<Delivery> deliveries) = 0;
  // What its settlements could not do (unknown ids); never fatal.
  virtual void OnSettleFailures(std::vector<SettleFailure> failures) = 0;
  // The last call: replaced (ABORTED), subscription deleted (NOT_FOUND), draining (UNAVAILABLE).
  virtual void OnClosed(Error reason) = 0;
};

struct MemberOptions {
  std::string client_id;       // a newer member of the same id ends the older one; empty: none
  uint32_t max_in_flight = 0;  // of this member; 0: only the subscription's
};

// One member's end of a subscription; leaves when destroyed, and its unsettled events go back at
// once, their attempt not counted. Thread-safe.
class Member {
 public:
  virtual ~Member() = default;
  virtual void AddCredit(uint64_t events) = 0;
  // Takes back what credit is left. Deliveries that are on their way still come.
  virtual void WithdrawCredit() = 0;
  virtual void Settle(std::vector<Settlement> settlements) = 0;
  // Settles and calls `done` on the member's executor with what could not be done.
  virtual void SettleThen(std::vector<Settlement> settlements,
                          std::move_only_function<void(std::vector<SettleFailure>)> done) = 0;
};

struct SubscriptionInfo {
  std::string name;
  SubscriptionSettings settings;
  Timestamp created{};
  uint64_t floor = 0;      // everything before it is settled (offset or feed position)
  uint64_t end = 0;        // where its topics end now, in the same numbers
  uint64_t in_flight = 0;  // delivered, unsettled
  uint64_t retrying = 0;   // waiting for their next attempt
  uint64_t dead_letters = 0;
  uint64_t acked_total = 0;  // since the server started
  struct MemberInfo {
    std::string client_id;
    uint64_t in_flight = 0;
    Timestamp joined{};
  };
  std::vector<MemberInfo> members;
};

struct Attempt {
  uint32_t number = 0;
  Timestamp time{};
  std::string reason;
};
struct DeadLetter {
  uint64_t id = 0;  // rising in the order they died
  std::string subscription;
  std::string topic;
  Offset offset;
  std::string record;  // as edited, if it was
  Timestamp died{};
  std::string reason;  // of the last attempt
  std::vector<Attempt> attempts;
  bool resending = false;
};

enum class ReceiptState { kStored, kSent, kRetrying, kAcked, kDead, kFiltered };
struct SubscriptionReceipt {
  std::string subscription;
  ReceiptState state = ReceiptState::kStored;
  uint32_t attempts = 0;
  std::optional<Timestamp> settled_at;  // kept for awaited events and failures
  std::string reason;                   // of the last failure
  std::string reply;                    // the acker's, if awaited
};
struct Receipt {
  std::string topic;
  std::string event_id;
  Offset offset;
  std::vector<SubscriptionReceipt> subscriptions;  // those that cover the topic, by name

  // At least one subscription, and all of them acked, dead or filtered.
  bool Settled() const;
};

// Thread-safe. Completions run on the executor named at Open unless said otherwise.
class DeliveryEngine {
 public:
  // Loads every subscription and starts them. Each lives on one executor of `cores`. A
  // subscription's name must make a topic name behind "_dead/", where its dead letters are copied.
  static Result<std::unique_ptr<DeliveryEngine>> Open(journal::Journal& journal,
                                                      store::Store& store, CorePool& cores,
                                                      Clock& clock, Metrics& metrics);
  virtual ~DeliveryEngine() = default;

  // Durable on return. ALREADY_EXISTS if it is there with other settings (the same: fine).
  virtual Status Create(std::string_view name, const SubscriptionSettings& settings) = 0;
  // Changes settings but `start`; members stay. Topics may be changed from one literal to nothing
  // else (FAILED_PRECONDITION), from a pattern to another. NOT_FOUND.
  virtual Status Update(std::string_view name, const SubscriptionSettings& settings) = 0;
  // With its dead letters. Members are closed. NOT_FOUND. Waits as the changes of dead letters do.
  virtual Status Delete(std::string_view name) = 0;
  virtual Result<SubscriptionInfo> Get(std::string_view name) = 0;
  virtual std::vector<SubscriptionInfo> List(std::string_view after, size_t limit) = 0;
  // Moves the floor: everything before is settled, everything from there is delivered again.
  virtual Status Seek(std::string_view name, Start start, Timestamp time, Offset offset) = 0;

  // Joins. NOT_FOUND. `sink` must stay until OnClosed or the Member's destruction returned, when it
  // is called no more; destroy the Member on `executor`.
  virtual Result<std::unique_ptr<Member>> Join(std::string_view subscription,
                                               const MemberOptions& options, Executor& executor,
                                               MemberSink& sink) = 0;

  // In the order they died, after `after`; at most `limit`, fewer where they are large, none at the
  // end only.
  virtual Result<std::vector<DeadLetter>> ListDeadLetters(std::string_view subscription,
                                                          uint64_t after, size_t limit) = 0;
  // The changes of dead letters wait for those that are being stored: not to be called on an
  // executor of the pool.
  //
  // Replaces the event's record. NOT_FOUND; FAILED_PRECONDITION while it is being sent again.
  virtual Status EditDeadLetter(std::string_view subscription, uint64_t id, std::string record) = 0;
  // Delivers again, with fresh attempts: one, or all in order (id nothing). How many.
  virtual Result<uint64_t> ResendDeadLetters(std::string_view subscription,
                                             std::optional<uint64_t> id) = 0;
  virtual Result<uint64_t> DropDeadLetters(std::string_view subscription,
                                           std::optional<uint64_t> id) = 0;

  // What became of an event. NOT_FOUND.
  virtual Result<Receipt> GetReceipt(std::string_view topic, std::string_view event_id,
                                     std::optional<Offset> offset) = 0;
  // Calls `done` once the receipt is Settled; at once if no subscription covers the event, with a
  // receipt that names none; or at `deadline` with what is known then, and timed_out. Replies of
  // acks that came before the wait are kept for events posted with receipts asked for. Cancelled by
  // destroying the handle.
  [[nodiscard]] virtual std::unique_ptr<journal::Wait> AwaitReceipt(
      std::string_view topic, std::string_view event_id, Offset offset, MonotonicTime deadline,
      Executor& executor, std::move_only_function<void(Receipt, bool timed_out)> done) = 0;

  // Delivers no more; waits until what is in flight is settled, at most `timeout`; then closes the
  // members (UNAVAILABLE reason DRAINING), which returns the rest, and saves the state, synced.
  // Blocks; not to be called on an executor of the pool.
  virtual void Drain(Duration timeout) = 0;
  // Drains without waiting and ends the threads. Idempotent; the destructor calls it. Stop the
  // engine before the journal and the pool.
  virtual void Stop() = 0;
};

}  // namespace postroad::delivery

#endif  // POSTROAD_DELIVERY_DELIVERY_H_
