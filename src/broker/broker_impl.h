// What the parts of Broker share; included by broker*.cc only.
#ifndef POSTROAD_BROKER_BROKER_IMPL_H_
#define POSTROAD_BROKER_BROKER_IMPL_H_

#include <atomic>
#include <string_view>

#include "broker/broker.h"
#include "broker/hidden_positions.h"
#include "broker/stream_base.h"
#include "broker/stream_registry.h"

namespace postroad::broker {

struct BrokerMetrics {
  explicit BrokerMetrics(Metrics& metrics);

  Counter& posted_events;
  Counter& posted_bytes;
  Counter& duplicates;
  Counter& scheduled;
  Counter& refused;
  Histogram& post_seconds;
  StreamMetrics streams;
};

struct Broker::Impl {
  Impl(journal::Journal& journal, delivery::DeliveryEngine& delivery, store::Store& store,
       Clock& clock, Metrics& metrics, const UserOptions& users);

  ReceiptSources receipt_sources() { return {delivery, users.receipts, clock}; }
  Status CheckRunning() const;
  // A completion that counts, and hands on to `inner`.
  journal::PostCompletion Counting(journal::PostCompletion inner, size_t events, size_t bytes);
  // The settings of a subscription, once the caller may do this with it.
  Result<delivery::SubscriptionInfo> Permitted(const Principal& principal,
                                               std::string_view subscription, auth::Right right);
  Result<delivery::DeadLetter> FindDeadLetter(std::string_view subscription, uint64_t id);
  // Whether the caller may look at receipts of this topic.
  // Whether this caller may change what matches.
  Status CheckScheduled(const Principal& principal, const journal::ScheduledQuery& query) const;
  static Status CheckReceipt(const Principal& principal, std::string_view topic);
  // The offset of the event meant.
  Result<Offset> FindOffset(std::string_view topic, std::string_view event_id,
                            std::optional<Offset> offset);

  journal::Journal& journal;
  delivery::DeliveryEngine& delivery;
  store::Store& store;
  Clock& clock;
  BrokerMetrics metrics;
  StreamRegistry registry;
  Users users;
  HiddenPositions hidden;
  const Timestamp started;
  std::atomic<bool> draining = false;
};

// How many items of others one page of a list looks at before it ends early.
inline constexpr size_t kMaxScanned = 20'000;

inline constexpr size_t kMaxPageSize = 1'000;
// 1 to `most`, `otherwise` if 0. INVALID_ARGUMENT naming page_size.
Result<size_t> PageSize(size_t asked, size_t otherwise = 100, size_t most = kMaxPageSize);

// Checks an event that takes the place of another one, whose id and topic it must leave alone, and
// fills those in. `field` is what the request calls it.
Status CheckReplacement(Event& event, std::string_view topic, std::string_view id,
                        const journal::TopicSettings& settings, std::string_view field);

inline constexpr Duration kLeastAwait = std::chrono::milliseconds(1);
Status CheckAwaitTimeout(Duration timeout, std::string_view field);

}  // namespace postroad::broker

#endif  // POSTROAD_BROKER_BROKER_IMPL_H_
