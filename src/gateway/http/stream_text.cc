// See stream_text.h.
#include "gateway/http/stream_text.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "core/event.h"
#include "gateway/http/problem.h"
#include "gateway/values/stream_json.h"

namespace postroad::gateway {

namespace json = boost::json;

namespace {

// Texts kept a core.
constexpr size_t kMaxTexts = 64;
constexpr size_t kMaxTextBytes = 4 << 20;
constexpr int kRetryMillis = 1'000;
// For a stream that another replaced: its client is not to take turns with that one.
constexpr int kReplacedRetryMillis = 60'000;

json::string_view View(std::string_view text) { return {text.data(), text.size()}; }

std::unexpected<Error> Malformed() {
  return Fail(ErrorCode::kDataLoss, "a stored event is malformed");
}

std::optional<FeedPosition> PositionOf(const broker::StreamRun& run, Offset offset) {
  if (!run.position) return std::nullopt;
  return *run.position + (offset - run.first);
}

}  // namespace

std::string NoticeText(ReadFormat format, std::string_view name, json::object value,
                       std::string_view cursor) {
  std::string text;
  if (format == ReadFormat::kSse) {
    if (!cursor.empty()) text.append("id: ").append(cursor).append("\n");
    text.append("event: ").append(name).append("\ndata: ");
    return text.append(json::serialize(value)).append("\n\n");
  }
  json::object line;
  line[View(name)] = std::move(value);
  if (!cursor.empty()) line["cursor"] = View(cursor);
  return json::serialize(line) + "\n";
}

Offset OffsetOf(const broker::StreamRun& run, uint64_t index) {
  return run.offsets.empty() ? run.first + index : run.offsets[index];
}

std::optional<Cursor> EventCursors::After(Offset offset,
                                          std::optional<FeedPosition> position) const {
  if (const auto* topic = std::get_if<TopicCursor>(&cursor_)) {
    return TopicCursor{topic->epoch, offset + 1, topic->topic_hash};
  }
  const auto& feed = std::get<FeedCursor>(cursor_);
  if (feed.next.size() != 1 || !position) return std::nullopt;
  return FeedCursor{feed.epoch, {*position + 1}};
}

std::optional<Cursor> EventCursors::After(const broker::StreamRun& run, uint64_t index) const {
  const Offset offset = OffsetOf(run, index);
  return After(offset, PositionOf(run, offset));
}

std::string EventCursors::TextAfter(Offset offset, std::optional<FeedPosition> position) const {
  const auto cursor = After(offset, position);
  return cursor ? EncodeCursor(*cursor) : std::string();
}

Result<std::string> RunText(ReadFormat format, const broker::StreamRun& run,
                            const EventCursors& cursors, uint64_t most) {
  std::string text;
  text.reserve(run.bytes + run.count * 160);
  EventView event;
  uint64_t index = 0;
  for (const std::string_view piece : run.pieces) {
    BodyReader records(piece);
    while (index < most) {
      const auto record = records.Next();
      if (!record) break;
      if (!ParseRecord(*record, event)) return Malformed();
      const Offset offset = OffsetOf(run, index);
      const std::optional<FeedPosition> position = PositionOf(run, offset);
      const std::string cursor = cursors.TextAfter(offset, position);
      const bool sse = format == ReadFormat::kSse;
      if (sse && !cursor.empty()) text.append("id: ").append(cursor).append("\n");
      if (sse) text.append("data: ");
      AppendEventText(text, *run.topic, offset, position, run.stored_at, event,
                      sse ? std::string_view() : cursor);
      text.append(sse ? "\n\n" : "\n");
      ++index;
    }
    if (!records.ok()) return Malformed();
  }
  return text;
}

Result<SharedText> RunTexts::Get(ReadFormat format, const broker::StreamRun& run,
                                 const EventCursors& cursors) {
  const bool whole = run.offsets.empty() && run.pieces.size() == 1;
  const bool along_feed = run.position.has_value();
  if (whole) {
    for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
      if (entry->identity == run.owner.get() && entry->first == run.first &&
          entry->count == run.count && entry->format == format && entry->along_feed == along_feed &&
          !entry->run.expired()) {
        return entry->text;
      }
    }
  }
  POSTROAD_ASSIGN(std::string made, RunText(format, run, cursors, run.count));
  auto text = std::make_shared<const std::string>(std::move(made));
  if (!whole) return text;
  entries_.push_back({run.owner, run.owner.get(), run.first, run.count, format, along_feed, text});
  bytes_ += text->size();
  while (entries_.size() > kMaxTexts || bytes_ > kMaxTextBytes) {
    bytes_ -= entries_.front().text->size();
    entries_.pop_front();
  }
  return text;
}

std::string OpeningText(ReadFormat format, std::string_view cursor) {
  if (format != ReadFormat::kSse) return {};
  // An id alone is no event: it only tells where to go on from.
  return std::string("retry: ")
      .append(std::to_string(kRetryMillis))
      .append("\nid: ")
      .append(cursor)
      .append("\n\n");
}

std::string NoticesText(ReadFormat format, const broker::StreamBatch& batch) {
  // Without ids: who loses the connection now is told again.
  std::string text;
  if (batch.epoch_changed) {
    text.append(NoticeText(format, "epoch_changed", EpochJson(*batch.epoch_changed), {}));
  }
  for (const broker::StreamGap& gap : batch.gaps) {
    text.append(NoticeText(format, "gap", GapJson(gap), {}));
  }
  return text;
}

std::string CaughtUpText(ReadFormat format, std::string_view cursor) {
  return NoticeText(format, "caught_up", {}, cursor);
}

std::string HeartbeatText(ReadFormat format, std::string_view cursor) {
  if (format == ReadFormat::kSse) return std::string("id: ").append(cursor).append("\n\n");
  return NoticeText(format, "heartbeat", {}, cursor);
}

std::string EndText(ReadFormat format, const Error& reason, std::string_view cursor) {
  std::string text = NoticeText(format, "end", Problem(reason), cursor);
  if (format == ReadFormat::kSse && reason.reason == "REPLACED") {
    text.insert(0, "retry: " + std::to_string(kReplacedRetryMillis) + "\n");
  }
  return text;
}

}  // namespace postroad::gateway
