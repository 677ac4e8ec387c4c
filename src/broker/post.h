// Posting: from events as they came to a batch that the journal can store.
#ifndef POSTROAD_BROKER_POST_H_
#define POSTROAD_BROKER_POST_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "auth/principal.h"
#include "broker/event_receipt.h"
#include "core/error.h"
#include "core/event.h"
#include "core/time.h"
#include "journal/journal.h"
#include "runtime/clock.h"

namespace postroad::broker {

inline constexpr size_t kMaxPostEvents = 10'000;
// Of records; one event alone may be larger, where its topic allows it.
inline constexpr size_t kMaxPostBytes = 8 << 20;
// With wait for acks.
inline constexpr size_t kMaxAwaitedEvents = 1'000;
inline constexpr Duration kMaxAwait = std::chrono::hours(1);

// A checked and encoded batch; made by PostBuilder, taken by Broker::Post.
class PendingPost {
 public:
  size_t size() const { return slots_.size(); }
  size_t bytes() const { return bytes_; }

 private:
  friend class PostBuilder;
  friend class PostRun;

  static constexpr uint32_t kScheduled = UINT32_MAX;
  // Where an event of the request went.
  struct Slot {
    uint32_t chunk = 0;  // kScheduled: to the future events
    uint32_t index = 0;  // within the chunk, or the future events
    bool id_made = false;
  };
  journal::Batch batch_;
  std::vector<Slot> slots_;
  std::string made_ids_;                // of those events whose id was made here, 36 bytes each
  std::vector<std::string> event_ids_;  // of every event, if acks are to be awaited
  size_t bytes_ = 0;
};

// What a post's request says beside its events.
struct PostDefaults {
  std::string_view traceparent;       // given to events that have no such header; empty: none
  bool keep_ids = false;              // needed for Broker::PostAndAwait
  std::string_view field = "events";  // how errors call the list of events
};

// Takes the events of one request in order; nothing is stored before Broker::Post. Rights, names,
// limits and text are all checked here. On one thread; the views in `defaults` must outlive it.
class PostBuilder {
 public:
  PostBuilder(const journal::TopicRules& rules, const auth::Principal& principal, Timestamp now,
              PostDefaults defaults);

  // Checks and encodes. `event` is changed (id, time, traceparent are filled in) and not kept.
  // Errors name `events[i].field`; after one the builder is useless:
  // INVALID_ARGUMENT (EVENT_TOO_LARGE, BATCH_TOO_LARGE, SYSTEM_TOPIC, or none), PERMISSION_DENIED.
  Status Add(EventView& event);
  size_t size() const { return post_.slots_.size(); }
  // INVALID_ARGUMENT if there are no events.
  Result<PendingPost> Finish();

 private:
  std::string Field(std::string_view name = {}) const;
  Status EnterTopic(std::string_view topic);
  void FillIn(EventView& event);
  Status AddToChunk(const EventView& event, bool id_made);
  Status AddToSchedule(const EventView& event, bool id_made);
  Status CountBytes(size_t record_bytes);

  const journal::TopicRules& rules_;
  const auth::Principal& principal_;
  const Timestamp now_;
  const PostDefaults defaults_;
  std::string topic_;  // of the event before; settings_ are its
  journal::TopicSettings settings_;
  std::string id_;  // room for the id of the event at hand
  PendingPost post_;
};

struct PostResult {
  Offset offset;           // meaningless if scheduled
  bool duplicate = false;  // known already; `offset` is that of the event stored first
  bool scheduled = false;  // waits for its deliver_at
  bool id_made = false;    // the server made its id
};

// What became of a post that was stored.
struct PostOutcome {
  std::vector<PostResult> results;  // one for each event, in order
  std::string made_ids;             // 36 bytes for each result with id_made, in order
  journal::Durability durability = journal::Durability::kDisk;  // the least of its topics
  std::vector<EventReceipt> receipts;  // PostAndAwait: of each event that is not scheduled
  bool wait_timed_out = false;
};

using PostCompletion = std::move_only_function<void(Result<PostOutcome>)>;

}  // namespace postroad::broker

#endif  // POSTROAD_BROKER_POST_H_
