// Looks into a server and changes what it keeps; posts that wait for their receipts.
#ifndef POSTROAD_ADMIN_H_
#define POSTROAD_ADMIN_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/event.h"
#include "postroad/client.h"
#include "postroad/model.h"
#include "postroad/publisher.h"

namespace postroad {

// Single calls that wait for their answer and are not retried. Thread-safe. Each fails with
// DEADLINE_EXCEEDED after `timeout`, UNAVAILABLE without a server, and as proto/postroad/v1 says.
class Admin {
 public:
  explicit Admin(const Client& client, Duration timeout = std::chrono::seconds(30));

  Result<Page<TopicInfo>> ListTopics(std::string_view pattern = {}, std::string_view page = {},
                                     uint32_t page_size = 0);
  Result<TopicInfo> GetTopic(std::string_view name);
  Status DeleteTopic(std::string_view name);

  Result<SubscriptionInfo> CreateSubscription(std::string_view name,
                                              const SubscriptionSettings& settings);
  Result<SubscriptionInfo> UpdateSubscription(std::string_view name,
                                              const SubscriptionSettings& settings);
  Status DeleteSubscription(std::string_view name);
  Result<SubscriptionInfo> GetSubscription(std::string_view name);
  Result<Page<SubscriptionInfo>> ListSubscriptions(std::string_view page = {},
                                                   uint32_t page_size = 0);
  // `time` and `offset` for the starts that need them.
  Result<SubscriptionInfo> SeekSubscription(std::string_view name, SubscriptionStart start,
                                            Timestamp time = {}, Offset offset = {});

  // Future-dated events. Empty conditions match all.
  struct ScheduledQuery {
    std::string topic;
    std::string id;
    std::string search_key;
  };
  Result<Page<Event>> ListScheduled(const ScheduledQuery& query = {}, std::string_view page = {},
                                    uint32_t page_size = 0);
  // Absent: unchanged.
  Result<Event> ChangeScheduled(std::string_view topic, std::string_view id,
                                std::optional<Timestamp> deliver_at,
                                const std::optional<Event>& contents = {});
  // At least one condition; how many were changed, or cancelled. Up to 10,000 events (8 MiB) whole
  // or not at all, more in several such steps, by due time.
  Result<uint64_t> Reschedule(const ScheduledQuery& query, Timestamp deliver_at);
  Result<uint64_t> CancelScheduled(const ScheduledQuery& query);

  Result<Page<DeadLetterInfo>> ListDeadLetters(std::string_view subscription,
                                               std::string_view page = {}, uint32_t page_size = 0);
  Result<DeadLetterInfo> EditDeadLetter(std::string_view subscription, uint64_t id,
                                        const Event& contents);
  // One, or all; how many.
  Result<uint64_t> ResendDeadLetters(std::string_view subscription,
                                     std::optional<uint64_t> id = {});
  Result<uint64_t> DropDeadLetters(std::string_view subscription, std::optional<uint64_t> id = {});

  // Who is connected: one user's connections, in one page, or all that the caller may see.
  Result<Page<ConnectionInfo>> ListConnections(std::string_view user = {},
                                               std::string_view page = {}, uint32_t page_size = 0);

  // By id, or by offset if that is given.
  Result<Receipt> GetReceipt(std::string_view topic, std::string_view event_id,
                             std::optional<Offset> offset = {});
  struct AwaitedReceipt {
    Receipt receipt;
    bool timed_out = false;
  };
  // Waits until every subscription has settled the event; 1 ms to 1 h. Where none covers it there
  // is nothing to wait for: the receipt names none, and is not settled.
  Result<AwaitedReceipt> AwaitReceipt(std::string_view topic, std::string_view event_id,
                                      Duration wait, std::optional<Offset> offset = {});

  struct AwaitedPost {
    std::vector<PostResult> results;
    std::vector<Receipt> receipts;  // of each event that is not scheduled
    bool timed_out = false;         // the receipts say what was known then
  };
  // Posts once (ids are made where they lack, and returned) and waits until every subscription has
  // settled every event, as AwaitReceipt does. 1 to 1,000 events; `wait` 1 ms to 1 h.
  Result<AwaitedPost> PostAndAwait(std::span<const Event> events, Duration wait);

  // Into a new directory on the server's machine (an absolute path); its bytes.
  Result<uint64_t> Backup(std::string_view directory, Duration timeout = std::chrono::hours(1));
  Result<ServerStats> GetStats();

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace postroad

#endif  // POSTROAD_ADMIN_H_
