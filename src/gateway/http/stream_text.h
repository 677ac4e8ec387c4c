// What streams tell, as text: server-sent events and lines of JSON. What is alike for all readers
// of a run is made once.
#ifndef POSTROAD_GATEWAY_HTTP_STREAM_TEXT_H_
#define POSTROAD_GATEWAY_HTTP_STREAM_TEXT_H_

#include <boost/json/object.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "broker/event_stream.h"
#include "core/cursor.h"
#include "gateway/http/read_request.h"

namespace postroad::gateway {

using SharedText = std::shared_ptr<const std::string>;

// Cursors behind single events, made from the one behind the batch, which is to outlive this.
class EventCursors {
 public:
  explicit EventCursors(const Cursor& behind_batch) : cursor_(behind_batch) {}
  // Nothing where only the batch's is known (a feed of several partitions).
  std::optional<Cursor> After(Offset offset, std::optional<FeedPosition> position) const;
  // The same behind the event `index` of a run.
  std::optional<Cursor> After(const broker::StreamRun& run, uint64_t index) const;
  // As text; empty for nothing.
  std::string TextAfter(Offset offset, std::optional<FeedPosition> position) const;

 private:
  const Cursor& cursor_;
};

// Of the event `index` of a run.
Offset OffsetOf(const broker::StreamRun& run, uint64_t index);

// The first `most` events of the run. DATA_LOSS if it is malformed.
//
//   id: <cursor after it>\ndata: <JSON>\n\n      or one line of JSON with "cursor"
Result<std::string> RunText(ReadFormat format, const broker::StreamRun& run,
                            const EventCursors& cursors, uint64_t most);

// The same of whole runs, kept for a while for other readers. For one core.
class RunTexts {
 public:
  Result<SharedText> Get(ReadFormat format, const broker::StreamRun& run,
                         const EventCursors& cursors);

 private:
  struct Entry {
    std::weak_ptr<const store::Run> run;
    const store::Run* identity;
    Offset first;
    uint32_t count;
    ReadFormat format;
    bool along_feed;
    SharedText text;
  };
  std::deque<Entry> entries_;  // the oldest first
  size_t bytes_ = 0;
};

// A notice: a named event, or a line with one member of that name. The cursor may be empty.
std::string NoticeText(ReadFormat format, std::string_view name, boost::json::object value,
                       std::string_view cursor);
// Before a stream's first event: where it begins, and how soon to connect again.
std::string OpeningText(ReadFormat format, std::string_view cursor);
// Epoch change and gaps of a batch.
std::string NoticesText(ReadFormat format, const broker::StreamBatch& batch);
std::string CaughtUpText(ReadFormat format, std::string_view cursor);
std::string HeartbeatText(ReadFormat format, std::string_view cursor);
// The last of a stream: why it ends.
std::string EndText(ReadFormat format, const Error& reason, std::string_view cursor);

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_STREAM_TEXT_H_
