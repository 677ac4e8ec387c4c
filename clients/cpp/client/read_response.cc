#include "client/read_response.h"

#include <utility>

#include "client/wire.h"

namespace postroad::client {
namespace {

std::unexpected<Error> Malformed(std::string_view what) {
  return Fail(ErrorCode::kInternal, "the server sent a malformed " + std::string(what));
}

GapNotice ParseGap(std::string_view bytes) {
  GapNotice gap;
  WireReader reader(bytes);
  WireField field;
  while (reader.Next(field)) {
    if (field.number == 1) gap.topic = field.bytes;
    if (field.number == 2) gap.first = field.value;
    if (field.number == 3) gap.end = field.value;
    if (field.number == 4 && field.value == 1) gap.reason = GapNotice::Reason::kTopicDeleted;
  }
  return gap;
}

EpochChangedNotice ParseEpochChanged(std::string_view bytes) {
  EpochChangedNotice notice;
  WireReader reader(bytes);
  WireField field;
  while (reader.Next(field)) {
    if (field.number == 1) notice.old_epoch = field.bytes;
    if (field.number == 2) notice.new_epoch = field.bytes;
  }
  return notice;
}

}  // namespace

Status ParseReadResponse(std::string_view bytes, RawReadResponse& out) {
  out.notices.clear();
  out.batches.clear();
  out.cursor = {};
  out.caught_up = false;
  WireReader reader(bytes);
  WireField field;
  while (reader.Next(field)) {
    switch (field.number) {
      case 1:
        out.notices.emplace_back(ParseEpochChanged(field.bytes));
        break;
      case 2:
        out.notices.emplace_back(ParseGap(field.bytes));
        break;
      case 3:
        out.batches.push_back(field.bytes);
        break;
      case 4:
        out.cursor = field.bytes;
        break;
      case 5:
        out.caught_up = field.value != 0;
        break;
      default:
        break;
    }
  }
  if (!reader.ok()) return Malformed("ReadResponse");
  return {};
}

bool AppendIntegers(uint64_t value, std::string_view packed, std::vector<uint64_t>& out) {
  if (packed.data() == nullptr) {
    out.push_back(value);
    return true;
  }
  while (!packed.empty()) {
    const auto v = TakeVarint(packed);
    if (!v) return false;
    out.push_back(*v);
  }
  return true;
}

Status ParseEventBatch(std::string_view bytes, RawEventBatch& out) {
  out.topic = {};
  out.first_offset = out.first_position = 0;
  out.offsets.clear();
  out.records.clear();
  out.stored_at = {};
  WireReader reader(bytes);
  WireField field;
  while (reader.Next(field)) {
    switch (field.number) {
      case 1:
        out.topic = field.bytes;
        break;
      case 2:
        out.first_offset = field.value;
        break;
      case 3:
        if (!AppendIntegers(field.value, field.bytes, out.offsets)) return Malformed("EventBatch");
        break;
      case 4:
        out.records.push_back(field.bytes);
        break;
      case 5:
        out.stored_at = WireTimestamp(field.bytes);
        break;
      case 6:
        out.first_position = field.value;
        break;
      default:
        break;
    }
  }
  if (!reader.ok() || (!out.offsets.empty() && out.offsets.size() != out.records.size())) {
    return Malformed("EventBatch");
  }
  return {};
}

}  // namespace postroad::client

namespace postroad {

Status CursorBook::Begin(std::string_view cursor) {
  POSTROAD_ASSIGN(cursor_, DecodeCursor(cursor, "cursor"));
  end_ = cursor;
  return {};
}

std::string CursorBook::After(uint64_t offset, uint64_t position) const {
  if (const auto* topic = std::get_if<TopicCursor>(&cursor_)) {
    return EncodeCursor(TopicCursor{topic->epoch, Offset(offset + 1), topic->topic_hash});
  }
  const auto& feed = std::get<FeedCursor>(cursor_);
  if (feed.next.size() == 1) {
    return EncodeCursor(FeedCursor{feed.epoch, {FeedPosition(position + 1)}});
  }
  return before_;
}

std::string ReadEvent::Cursor() const { return book_->After(offset_.value(), position_); }

Status ReadEvents::Fill(const client::RawEventBatch& batch, size_t index) {
  event_.event_.Clear();
  if (Status parsed = ParseRecord(batch.records[index], event_.event_); !parsed) {
    return Fail(ErrorCode::kInternal,
                "the server sent a malformed event: " + parsed.error().message);
  }
  const uint64_t offset = batch.OffsetAt(index);
  event_.event_.topic = batch.topic;
  event_.offset_ = Offset(offset);
  event_.stored_at_ = batch.stored_at;
  event_.position_ = batch.first_position + (offset - batch.first_offset);
  return {};
}

}  // namespace postroad
