// Reads streams: every event of its topics in order, from a cursor that the reader keeps.
#ifndef POSTROAD_READER_H_
#define POSTROAD_READER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/error.h"
#include "core/event.h"
#include "core/filter.h"
#include "core/types.h"
#include "postroad/client.h"

namespace postroad {

// Where a reader begins.
struct FromCursor {
  std::string cursor;
};  // an earlier reader's; empty: FromEnd
struct FromBeginning {};
struct FromEnd {};  // what is posted from now on
struct FromLast {
  uint64_t events = 1;
};  // at most 1,000,000
struct FromTime {
  Timestamp time;
};  // the first event stored at this time or later
struct FromOffset {
  Offset offset;
};  // one topic only
using ReadFrom = std::variant<FromEnd, FromBeginning, FromLast, FromTime, FromOffset, FromCursor>;

// One event as its handler sees it. Views are valid during the handler's call.
class ReadEvent {
 public:
  const EventView& event() const { return event_; }  // with its topic
  Offset offset() const { return offset_; }
  Timestamp stored_at() const { return stored_at_; }
  // Where to go on after this event. Made when asked for. On a cluster's streams of several topics,
  // only the last event of a response has its own; those before it have that of the response
  // before, so that going on from it repeats events, and loses none.
  std::string Cursor() const;

 private:
  friend class ReadEvents;
  EventView event_;
  Offset offset_;
  Timestamp stored_at_{};
  uint64_t position_ = 0;
  const class CursorBook* book_ = nullptr;
};

// Events were gone before they could be read: [first, end) of the topic, in offsets; of the feed if
// the topic is empty.
struct GapNotice {
  enum class Reason { kRetention, kTopicDeleted };  // taken by retention, gone with their topic
  std::string topic;
  uint64_t first = 0;
  uint64_t end = 0;
  Reason reason = Reason::kRetention;
};
// The log is another incarnation than the cursor's (restored, lost its memory, or the topic was
// deleted); reading goes on from the oldest event kept.
struct EpochChangedNotice {
  std::string old_epoch;
  std::string new_epoch;
};
// Everything that was there when the stream began has been handled.
struct CaughtUpNotice {};
using ReadNotice = std::variant<GapNotice, EpochChangedNotice, CaughtUpNotice>;

// Keeps a reader's cursor over restarts. Called from the reader's thread only.
class CursorStore {
 public:
  virtual ~CursorStore() = default;
  // Nothing if there is none yet.
  virtual Result<std::optional<std::string>> Load() = 0;
  virtual Status Save(std::string_view cursor) = 0;
};
// In a file, replaced whole at each Save.
std::shared_ptr<CursorStore> FileCursorStore(std::string path);

struct ReaderOptions {
  std::vector<std::string> topics;  // names and patterns ("user/*"), 1 to 100
  // Where to begin, unless `cursor_store` has a cursor.
  ReadFrom from = FromEnd{};
  EventFilter filter;
  // Names who reads, so that the server has one of a name only: a newer reader of the same name
  // takes over from the older, whose connection it may not have noticed is dead. See `on_replaced`.
  std::string client_id;
  bool stop_at_end = false;      // end where the topics end now, instead of following
  uint32_t max_batch_bytes = 0;  // of one response; 4 KiB to 4 MiB, 0: the server's default

  // Called in order from the reader's thread; the next event comes only after it returned. An error
  // (or exception) of it leaves the cursor before this event; see `on_error`.
  std::function<Status(const ReadEvent&)> on_event;
  // Called in order with the events, before those that follow; may be empty.
  std::function<void(const ReadNotice&)> on_notice;

  // After an error of on_event: kStop ends the reader with it; kRetry reconnects from the cursor
  // after a backoff, so that the event comes again.
  enum class OnError { kStop, kRetry };
  OnError on_error = OnError::kStop;
  // When a newer reader of the same client_id took over: kReconnect takes over again after a
  // backoff, with a warning in the log; two that do so take turns, and their waits grow up to
  // backoff.max. kStop ends this one with ABORTED, reason REPLACED.
  enum class OnReplaced { kReconnect, kStop };
  OnReplaced on_replaced = OnReplaced::kReconnect;

  // Loaded at the start; saved at most this often, once a response was handled, and at the end. So
  // after a crash the handler may see the events since the last save again.
  std::shared_ptr<CursorStore> cursor_store;
  Duration save_interval = std::chrono::seconds(1);
};

// Reconnects by itself, from the event after the last one handled: nothing is lost, and nothing
// comes twice. Thread-safe.
class Reader {
 public:
  // INVALID_ARGUMENT naming the option at fault; FAILED_PRECONDITION, CLIENT_CLOSED.
  static Result<std::unique_ptr<Reader>> Start(const Client& client, ReaderOptions options);
  // Stop()s.
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // Where to go on after the last event handled; empty before the server gave the first.
  std::string cursor() const;
  State state() const;
  // Waits until the reader has ended: success after Stop() or at the end (stop_at_end); else why.
  Status Wait();
  // As Wait, but gives up after `timeout` with DEADLINE_EXCEEDED.
  Status WaitFor(Duration timeout);
  // Ends it; waits for the handler if one runs (unless called from it). Idempotent.
  void Stop();

  struct Impl;

 private:
  explicit Reader(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace postroad

#endif  // POSTROAD_READER_H_
