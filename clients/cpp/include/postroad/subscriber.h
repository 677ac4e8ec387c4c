// Consumes a subscription: the server keeps what is settled, members share the events.
#ifndef POSTROAD_SUBSCRIBER_H_
#define POSTROAD_SUBSCRIBER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/event.h"
#include "core/types.h"
#include "postroad/client.h"
#include "postroad/model.h"

namespace postroad {

namespace client {
class Settlements;
}

// One event handed to this member, to be settled once. Move-only; its views live as long as it.
// Any thread may settle it, also after the handler returned if it was taken with Defer().
class Delivery {
 public:
  Delivery();   // empty: settling it fails
  ~Delivery();  // a deferred one that was not settled is nacked
  Delivery(Delivery&& other) noexcept;
  Delivery& operator=(Delivery&& other) noexcept;

  const EventView& event() const { return event_; }  // with its topic
  Offset offset() const { return offset_; }
  uint32_t attempt() const { return attempt_; }  // 1 for the first
  Timestamp stored_at() const { return stored_at_; }

  // Each takes effect once it reached the server (they are gathered for a moment); a lost
  // acknowledgement means that the event comes again. FAILED_PRECONDITION, reason ALREADY_SETTLED,
  // the second time; ABORTED, reason CONNECTION_LOST, when the connection it came over is gone (the
  // server delivers it again).
  Status Ack();
  // Delivered again after `delay`; if absent, as the retry schedule says.
  Status Nack(std::string_view reason, std::optional<Duration> delay = {});
  // Never again: a dead letter.
  Status Terminate(std::string_view reason);
  // An ack with an answer for who awaits the receipt; at most 64 KiB.
  Status Reply(std::string_view payload);
  // More time: the ack deadline is `by` from now; 100 ms to 24 h. Does not settle.
  Status Extend(Duration by);

  // Takes the delivery out of its handler's hands: what the handler returns no longer settles it.
  Delivery Defer();

  struct Source;

 private:
  friend class Subscriber;
  Status SettleWith(const std::function<void(client::Settlements&)>& fill);

  EventView event_;
  Offset offset_;
  uint32_t attempt_ = 1;
  Timestamp stored_at_{};
  uint64_t id_ = 0;
  bool open_ = false;  // not yet settled nor moved from
  std::shared_ptr<Source> source_;
};

enum class CommitMode {
  kMessage,  // each event is settled by itself
  kBatch,    // the events of one batch from the server are settled together, after its last
  // The server settles what it delivered, on an interval, whether it was handled or not. What has
  // come is handled all the same after a lost connection and before a stop, in the time that gives;
  // what is left is logged and counted (SubscriberStats::lost). So events are lost by a crash of
  // the program, or where that time is too short; and may come twice where a connection is lost.
  kAuto,
};

struct SubscriberOptions {
  std::string subscription;
  // Create the subscription with these settings if it is not there; without, NOT_FOUND.
  std::optional<SubscriptionSettings> create;
  // Names who consumes, so that the server has one of a name only: a newer member of the same name
  // takes over from the older, whose connection it may not have noticed is dead. See `on_replaced`.
  std::string client_id;
  // Events handed to this member and not yet settled.
  uint32_t max_unsettled = 2000;  // 1 to 1,000,000
  // Handlers that run at once. 1: in the order they were sent.
  uint32_t concurrency = 1;  // 1 to 1,024
  CommitMode commit_mode = CommitMode::kMessage;
  Duration auto_interval = std::chrono::seconds(1);  // kAuto

  // Success acks the delivery; an error or exception nacks it with its message, after `nack_delay`
  // if that is set and else by the subscription's schedule. A delivery that the handler settled or
  // deferred is left alone. In kAuto its errors are only logged.
  std::function<Status(Delivery&)> handler;
  std::optional<Duration> nack_delay;

  // Settlements wait this long for others to go with them, or until there are this many.
  Duration settle_linger = std::chrono::milliseconds(1);
  size_t settle_batch = 1000;

  // When a newer member of the same client_id took over: kReconnect takes over again after a
  // backoff, with a warning in the log; two that do so take turns, and their waits grow up to
  // backoff.max. kStop ends this one with ABORTED, reason REPLACED.
  enum class OnReplaced { kReconnect, kStop };
  OnReplaced on_replaced = OnReplaced::kReconnect;
  // A settlement that the server could not apply (deadline passed, not this member's); may be
  // empty.
  std::function<void(uint64_t delivery_id, const Error&)> on_settle_failure;
};

struct SubscriberStats {
  uint64_t delivered = 0;  // events received
  uint64_t handled = 0;    // handlers that returned
  uint64_t acked = 0;
  uint64_t nacked = 0;
  // Settlements whose connection was gone before they were sent; in kAuto, events not handled.
  uint64_t lost = 0;
  uint64_t connects = 0;  // joins that succeeded
};

// Reconnects by itself; at least once. Thread-safe.
class Subscriber {
 public:
  // INVALID_ARGUMENT naming the option at fault; FAILED_PRECONDITION, CLIENT_CLOSED. Does not wait
  // for the connection.
  static Result<std::unique_ptr<Subscriber>> Start(const Client& client, SubscriberOptions options);
  // Stop()s.
  ~Subscriber();
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  State state() const;
  SubscriberStats stats() const;
  // Waits until the subscriber has ended: success after Stop(); else why (NOT_FOUND, …).
  Status Wait();
  // As Wait, but gives up after `timeout` with DEADLINE_EXCEEDED.
  Status WaitFor(Duration timeout);
  // Takes no new events, waits for the handlers that run (unless called from one), sends the
  // settlements made so far, leaves; the server gives the rest to other members at once. Waits at
  // most `flush_timeout` for the sending. Idempotent.
  void Stop(Duration flush_timeout = std::chrono::seconds(5));

  struct Impl;

 private:
  explicit Subscriber(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace postroad

#endif  // POSTROAD_SUBSCRIBER_H_
