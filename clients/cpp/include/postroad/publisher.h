// Posts events: in batches, over one stream, retried without duplicates.
#ifndef POSTROAD_PUBLISHER_H_
#define POSTROAD_PUBLISHER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/event.h"
#include "core/types.h"
#include "postroad/client.h"

namespace postroad {

// What an acknowledgement stands on.
enum class PostDurability {
  kMemory,      // survives a crash of the process
  kDisk,        // survives power loss
  kReplicated,  // on the disks of several machines
};

struct PostResult {
  std::string id;  // the event's, made by the publisher if it had none
  Offset offset;   // in its topic; of the first event with this id if `duplicate`
  bool duplicate = false;
  bool scheduled = false;  // waits for its deliver_at; has no offset yet
  PostDurability durability = PostDurability::kDisk;
};

// One result an event, in order; or why none of the call's events is known to be stored.
using PostCallback = std::function<void(Result<std::vector<PostResult>>)>;

struct PublisherOptions {
  // A batch goes out when it has this much, …
  size_t max_batch_events = 1000;       // 1 to 10,000
  size_t max_batch_bytes = 256 * 1024;  // 1 KiB to 8 MiB; a larger event goes alone
  // … or when nothing else is under way, or its first event has waited this long.
  Duration linger = std::chrono::milliseconds(1);
  // Batches sent and not yet answered. 1 keeps the order of posts even where a batch has to be
  // repeated while the server is overloaded.
  size_t max_in_flight = 32;

  // Posts taken and not yet answered. When full, a post waits, or is refused with
  // RESOURCE_EXHAUSTED, reason BUFFER_FULL.
  size_t max_buffered_bytes = 64 << 20;
  enum class WhenFull { kBlock, kRefuse };
  WhenFull when_full = WhenFull::kBlock;

  // How long a post may take with all its retries; then DEADLINE_EXCEEDED, and whether it was
  // stored is not known. Zero: for ever.
  Duration timeout = std::chrono::seconds(60);
};

struct PublisherStats {
  uint64_t posted = 0;    // events taken
  uint64_t acked = 0;     // events answered as stored
  uint64_t failed = 0;    // events answered with an error
  uint64_t batches = 0;   // requests sent, repeats included
  uint64_t retried = 0;   // of these, repeats
  uint64_t connects = 0;  // streams established
};

// Thread-safe. Events of one call are stored whole or not at all, and in order. Every event gets
// its id before the first attempt, so that a repeat after a lost connection stores nothing twice.
//
// Retried until the deadline: lost connections, UNAVAILABLE, RESOURCE_EXHAUSTED, ABORTED. Not
// retried: INVALID_ARGUMENT, PERMISSION_DENIED and others that would fail again.
class Publisher {
 public:
  static Result<std::unique_ptr<Publisher>> Create(const Client& client, PublisherOptions options);
  // Stop()s.
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  // Posts and waits for the answer. Not from a callback of this publisher (FAILED_PRECONDITION).
  Result<PostResult> Post(const Event& event);
  Result<std::vector<PostResult>> Post(std::span<const Event> events);

  // Takes the events (nothing of them is needed once it returns) and calls `done` from the
  // publisher's thread once they are answered, exactly once if this succeeded and never if not.
  // `done` may be empty, then errors are only logged and counted. Fails at once with
  // INVALID_ARGUMENT naming field and event ("events[3].topic"), RESOURCE_EXHAUSTED (BUFFER_FULL),
  // FAILED_PRECONDITION (CLIENT_CLOSED). May be called from a callback, where it never blocks.
  Status PostAsync(const Event& event, PostCallback done);
  Status PostAsync(std::span<const Event> events, PostCallback done);
  Status PostAsync(std::span<const EventView> events, PostCallback done);

  // Sends what is buffered and waits until all that was posted before is answered, or for `timeout`
  // (DEADLINE_EXCEEDED). Individual errors go to their posts.
  Status Flush(Duration timeout = std::chrono::seconds(60));
  // Flush, then Stop; what is unanswered by then fails with CANCELLED.
  Status Close(Duration timeout = std::chrono::seconds(60));
  // Ends now: what is unanswered fails with CANCELLED (it may have been stored). Waits for
  // callbacks that run. Idempotent.
  void Stop();

  State state() const;
  PublisherStats stats() const;

  struct Impl;

 private:
  explicit Publisher(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace postroad

#endif  // POSTROAD_PUBLISHER_H_
