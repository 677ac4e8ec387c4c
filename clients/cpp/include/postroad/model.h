// What a server keeps about topics, subscriptions, scheduled events, dead letters and receipts.
// Field by field as in proto/postroad/v1, which says more.
#ifndef POSTROAD_MODEL_H_
#define POSTROAD_MODEL_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/event.h"
#include "core/filter.h"
#include "core/time.h"
#include "core/types.h"

namespace postroad {

// Where a new subscription begins.
enum class SubscriptionStart { kEnd, kBeginning, kTime, kOffset };
enum class SubscriptionOrder {
  kNone,
  kKey,  // an event waits while an earlier one of its key is unsettled
};

// Zero and empty mean the server's default.
struct SubscriptionSettings {
  std::vector<std::string> topics;  // names and patterns, 1 to 100
  EventFilter filter;
  SubscriptionStart start = SubscriptionStart::kEnd;
  Timestamp start_time{};                // kTime
  Offset start_offset;                   // kOffset; one topic only
  uint32_t max_in_flight = 0;            // over all members; 10,000
  Duration ack_deadline{};               // 30 s
  std::vector<Duration> retry_schedule;  // 1m 5m 15m 1h 6h 24h 48h
  uint32_t max_attempts = 0;             // one more than the schedule has entries
  SubscriptionOrder order = SubscriptionOrder::kNone;
};

struct MemberInfo {
  std::string client_id;
  uint64_t in_flight = 0;
  Timestamp joined{};
};

struct SubscriptionInfo {
  std::string name;
  SubscriptionSettings settings;
  Timestamp created{};
  uint64_t floor = 0;  // everything before it is settled: offset (one topic) or feed position
  uint64_t end = 0;    // where its topics end now, in the same numbers
  uint64_t in_flight = 0;
  uint64_t retrying = 0;
  uint64_t dead_letters = 0;
  uint64_t acked_total = 0;  // since the server started
  std::vector<MemberInfo> members;
};

struct TopicInfo {
  std::string name;
  Offset first;  // the oldest kept
  Offset next;   // what the next event will get
  uint64_t bytes = 0;
  Timestamp created{};
  // What the rules say of it; zero: no such limit.
  std::string durability;  // "memory", "disk", "replicated"
  Duration retention_age{};
  uint64_t retention_count = 0;
  uint64_t retention_bytes = 0;
  uint64_t max_event_bytes = 0;
  Duration dedup_window{};
};

struct DeadLetterInfo {
  struct Attempt {
    uint32_t number = 0;
    Timestamp time{};
    std::string reason;
  };
  uint64_t id = 0;
  std::string subscription;
  Offset offset;
  Event event;  // as edited, if it was
  Timestamp died{};
  std::string reason;
  std::vector<Attempt> attempts;
  bool resending = false;
};

enum class ReceiptState { kUnknown, kStored, kSent, kRetrying, kAcked, kDead, kFiltered };
std::string_view ReceiptStateName(ReceiptState state);

struct SubscriptionReceipt {
  std::string subscription;
  ReceiptState state = ReceiptState::kUnknown;
  uint32_t attempts = 0;
  std::optional<Timestamp> settled_at;
  std::string reason;  // of the last failure
  std::string reply;   // what the acker answered
};

// What a connection of a user did with an event.
enum class ConnectionState { kUnknown, kPending, kDelivered, kAcked, kReplied, kFailed, kGone };
std::string_view ConnectionStateName(ConnectionState state);

struct ConnectionReceipt {
  std::string connection;
  std::string user;
  ConnectionState state = ConnectionState::kUnknown;
  std::optional<Timestamp> at;  // when its client said so
  std::string reason;           // why it failed
  std::string reply;            // what it answered
};

// What became of an event.
struct Receipt {
  std::string topic;
  std::string event_id;
  Offset offset;
  std::vector<SubscriptionReceipt> subscriptions;  // those that cover the topic, by name
  bool settled = false;                            // at least one subscription, and all settled
  std::vector<ConnectionReceipt> connections;      // of users, that read the topic
};

// A user's connection, as it is there now.
struct ConnectionInfo {
  std::string connection;
  std::string user;
  std::string transport;  // "websocket", "tcp", "sse", "ndjson"
  std::string peer;
  Timestamp since{};
  bool suspended = false;  // its network connection is lost, and may be resumed
};

// A page of a listing. Pass `next` to get the page after it; empty at the end.
template <typename T>
struct Page {
  std::vector<T> items;
  std::string next;
};

struct ServerStats {
  std::string version;
  std::string epoch;
  uint64_t disk_bytes = 0;
  uint64_t free_disk_bytes = 0;
  uint64_t topics = 0;
  uint64_t subscriptions = 0;
  uint64_t feed_first = 0;
  uint64_t feed_next = 0;
  Timestamp started{};
  std::map<std::string, std::string> details;
};

}  // namespace postroad

#endif  // POSTROAD_MODEL_H_
