// The broker: the one façade that gateways see. Every call says who calls, and is checked against
// what that caller may do:
//
//   post, change or cancel what was scheduled         post on the topic
//   read a stream, join or look at a subscription      read on every topic it covers
//   create, change, delete (subscriptions, topics)     administer on every topic it covers
//   look at or await a receipt                         post or read on the topic
//   see who of a user is connected                     read on the user's topic
//   ask a user's connections                           post on the user's topic
//   statistics, backup                                 administer on "*"
#ifndef POSTROAD_BROKER_BROKER_H_
#define POSTROAD_BROKER_BROKER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/principal.h"
#include "broker/event_receipt.h"
#include "broker/event_stream.h"
#include "broker/post.h"
#include "broker/presence.h"
#include "broker/questions.h"
#include "broker/user_connection.h"
#include "core/error.h"
#include "delivery/delivery.h"
#include "journal/journal.h"
#include "runtime/clock.h"
#include "runtime/executor.h"
#include "runtime/metrics.h"
#include "store/store.h"

namespace postroad::broker {

using auth::Principal;

// UNAVAILABLE reason DRAINING: why calls and streams end when the server goes down.
Error Draining();

// A topic as its administrators see it.
struct TopicView {
  store::TopicInfo info;
  journal::TopicSettings settings;
};
template <typename T>
struct Page {
  std::vector<T> items;
  std::string next;  // page token; empty at the end
};

struct JoinRequest {
  std::string subscription;
  // Made with these settings if it is not there (which needs administer).
  std::optional<delivery::SubscriptionSettings> create;
  delivery::MemberOptions options;
  // The path of this request in its call, with which the fields of errors begin ("join.").
  std::string field = {};
};
struct SubscriptionSeen {
  bool created = false;
  delivery::SubscriptionSettings settings;
};

struct BrokerStats {
  Epoch epoch;
  store::StoreStats store;
  uint64_t subscriptions = 0;
  uint64_t streams = 0;
  Timestamp started{};
};

// Thread-safe. Calls that return a Result may block on disk; call them where that does no harm.
// Errors of every call: PERMISSION_DENIED, INVALID_ARGUMENT naming the field, those of the layer
// below, and UNAVAILABLE reason DRAINING once Drain was called.
class Broker {
 public:
  // All must outlive the broker, and every stream must be gone before it.
  Broker(journal::Journal& journal, delivery::DeliveryEngine& delivery, store::Store& store,
         Clock& clock, Metrics& metrics, const UserOptions& users = {});
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  // --- Posting. Never blocks. ---
  PostBuilder NewPost(const Principal& principal, PostDefaults defaults = {}) const;
  // Stores the batch whole or not at all; `done` is called once, on `executor`, when that is so.
  // RESOURCE_EXHAUSTED reason OVERLOADED or DISK_FULL: nothing is stored, try again later.
  void Post(PendingPost post, Executor& executor, PostCompletion done);
  // The same, with `done` on the journal's executor for completions, which saves a hand-over; it
  // must be quick and block nowhere.
  void Post(PendingPost post, PostCompletion done);
  // The same, and `done` only once every subscription that covers them has settled every event, and
  // every connection of a user that reads its topic has said something or left, or `timeout` after
  // storing. Its builder needs keep_ids. Destroying the handle, on `executor`,
  // gives up the wait (not the post): `done` is not called any more; its EndNow ends it as the
  // timeout would, once the post is stored. INVALID_ARGUMENT if there are too many events or the
  // timeout is out of 1 ms to 1 h, and nothing is posted.
  [[nodiscard]] Result<EndableWaitPtr> PostAndAwait(PendingPost post, Duration timeout,
                                                    Executor& executor, PostCompletion done);

  // --- Streams. ---
  // Errors: INVALID_ARGUMENT reason BAD_CURSOR (malformed, of other topics, of the other kind),
  // OUT_OF_RANGE (a position beyond the end).
  Result<std::unique_ptr<EventStream>> OpenStream(const Principal& principal, StreamSpec spec);

  // --- Subscriptions. ---
  // Makes sure that the subscription of `request` is there and may be joined by this caller.
  Result<SubscriptionSeen> PrepareJoin(const Principal& principal, const JoinRequest& request);
  // Joins a prepared one. See DeliveryEngine::Join for `sink`.
  Result<std::unique_ptr<delivery::Member>> Join(const Principal& principal,
                                                 const JoinRequest& request, Executor& executor,
                                                 delivery::MemberSink& sink);
  Result<delivery::SubscriptionInfo> CreateSubscription(
      const Principal& principal, std::string_view name,
      const delivery::SubscriptionSettings& settings);
  Result<delivery::SubscriptionInfo> UpdateSubscription(
      const Principal& principal, std::string_view name,
      const delivery::SubscriptionSettings& settings);
  Status DeleteSubscription(const Principal& principal, std::string_view name);
  Result<delivery::SubscriptionInfo> GetSubscription(const Principal& principal,
                                                     std::string_view name);
  // Those that the caller may read, by name.
  Result<Page<delivery::SubscriptionInfo>> ListSubscriptions(const Principal& principal,
                                                             std::string_view after, size_t limit);
  Result<delivery::SubscriptionInfo> SeekSubscription(const Principal& principal,
                                                      std::string_view name, delivery::Start start,
                                                      Timestamp time, Offset offset);

  // --- The schedule. ---
  Result<journal::ScheduledPage> ListScheduled(const Principal& principal,
                                               const journal::ScheduledQuery& query);
  // Changes what is set; the event as it waits now. Its id and topic, if given, must be the same.
  Result<journal::Scheduled> ChangeScheduled(const Principal& principal, std::string_view topic,
                                             std::string_view id, std::optional<Timestamp> due,
                                             std::optional<Event> event);
  // All that match, as in Journal; how many are changed. Without a topic it needs post on "*".
  Result<uint64_t> Reschedule(const Principal& principal, const journal::ScheduledQuery& query,
                              Timestamp due);
  Result<uint64_t> CancelScheduled(const Principal& principal,
                                   const journal::ScheduledQuery& query);

  // --- Dead letters. ---
  Result<Page<delivery::DeadLetter>> ListDeadLetters(const Principal& principal,
                                                     std::string_view subscription, uint64_t after,
                                                     size_t limit);
  Result<delivery::DeadLetter> EditDeadLetter(const Principal& principal,
                                              std::string_view subscription, uint64_t id,
                                              Event event);
  Result<uint64_t> ResendDeadLetters(const Principal& principal, std::string_view subscription,
                                     std::optional<uint64_t> id);
  Result<uint64_t> DropDeadLetters(const Principal& principal, std::string_view subscription,
                                   std::optional<uint64_t> id);

  // --- Receipts. The event is named by its id, or its offset, or both. ---
  Result<EventReceipt> GetReceipt(const Principal& principal, std::string_view topic,
                                  std::string_view event_id, std::optional<Offset> offset);
  // `done` on `executor`, at the latest after `timeout` (1 ms to 1 h). Destroying the handle, on
  // `executor`, gives up.
  Result<journal::WaitPtr> AwaitReceipt(
      const Principal& principal, std::string_view topic, std::string_view event_id,
      std::optional<Offset> offset, Duration timeout, Executor& executor,
      std::move_only_function<void(EventReceipt, bool timed_out)> done);

  // --- Users. ---
  const UserOptions& user_options() const;
  // A connection of `request.user`; without a user, or of a caller who may not read the user's
  // topic, it is not counted as the user's. Errors as in Presence::Enter. Not to outlive the
  // broker.
  Result<std::unique_ptr<UserConnection>> Connect(const Principal& principal,
                                                  ConnectRequest request, Executor& executor,
                                                  ConnectionSink& sink);
  Result<std::vector<ConnectionInfo>> ListConnections(const Principal& principal,
                                                      std::string_view user);
  // Of all users that the caller may see, by user.
  Result<Page<ConnectionInfo>> ListAllConnections(const Principal& principal,
                                                  std::string_view after, size_t limit);
  // For connections that say it by a call of its own. See ConnectionReceipts::Ack. Needs read on
  // the topic.
  Status Ack(const Principal& principal, ConnectionId connection, ConnectionAck ack);
  // See Questions.
  Result<journal::WaitPtr> Ask(const Principal& principal, AskRequest request, Executor& executor,
                               QuestionDone done);
  // Needs read on the topic of the connection's user.
  Status TakeAnswer(const Principal& principal, QuestionId question, Answer answer);

  // --- Topics and the server. ---
  Result<Page<TopicView>> ListTopics(const Principal& principal, std::string_view pattern,
                                     std::string_view after, size_t limit);
  Result<TopicView> GetTopic(const Principal& principal, std::string_view name);
  Status DeleteTopic(const Principal& principal, std::string_view name);
  // Bytes written.
  Result<uint64_t> Backup(const Principal& principal, const std::string& directory);
  Result<BrokerStats> Stats(const Principal& principal);

  // Ends every stream with UNAVAILABLE reason DRAINING and takes no new calls; then drains the
  // journal and the delivery engine (in-flight events settled or returned), waiting at most
  // `timeout` for members. Blocks; not to be called on an executor of the pool. Idempotent.
  void Drain(Duration timeout = std::chrono::seconds(10));

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace postroad::broker

#endif  // POSTROAD_BROKER_BROKER_H_
