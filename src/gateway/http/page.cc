// See page.h.
#include "gateway/http/page.h"

#include <boost/json/serialize.hpp>

#include "core/event.h"
#include "gateway/http/stream_text.h"
#include "gateway/values/stream_json.h"

namespace postroad::gateway {
namespace {

void AddComma(std::string& list) {
  if (!list.empty()) list.push_back(',');
}

}  // namespace

Status Page::Add(const broker::StreamBatch& batch) {
  if (batch.epoch_changed) epoch_changed_ = boost::json::serialize(EpochJson(*batch.epoch_changed));
  for (const broker::StreamGap& gap : batch.gaps) {
    AddComma(gaps_);
    gaps_.append(boost::json::serialize(GapJson(gap)));
  }
  for (const broker::StreamRun& run : batch.runs) {
    POSTROAD_TRY(AddRun(run, batch.cursor));
    if (cut_) return {};
  }
  cursor_ = EncodeCursor(batch.cursor);
  caught_up_ = caught_up_ || batch.caught_up;
  return {};
}

Status Page::AddRun(const broker::StreamRun& run, const Cursor& behind) {
  const EventCursors cursors(behind);
  EventView event;
  uint64_t index = 0;
  for (const std::string_view piece : run.pieces) {
    BodyReader records(piece);
    while (const auto record = records.Next()) {
      if (full()) {
        cut_ = true;
        return {};
      }
      POSTROAD_TRY(ParseRecord(*record, event));
      const Offset offset = run.offsets.empty() ? run.first + index : run.offsets[index];
      std::optional<FeedPosition> position;
      if (run.position) position = *run.position + (offset - run.first);
      AddComma(events_);
      AppendEventText(events_, *run.topic, offset, position, run.stored_at, event, {});
      cursor_ = cursors.TextAfter(offset, position);
      --left_;
      ++index;
    }
    if (!records.ok()) return Fail(ErrorCode::kDataLoss, "a stored event is malformed");
  }
  return {};
}

std::string Page::Finish() {
  std::string text = "{";
  if (!epoch_changed_.empty()) text.append("\"epoch_changed\":").append(epoch_changed_).append(",");
  if (!gaps_.empty()) text.append("\"gaps\":[").append(gaps_).append("],");
  text.append("\"events\":[").append(events_).append("],\"cursor\":\"").append(cursor_);
  return text.append("\",\"caught_up\":").append(caught_up_ ? "true" : "false").append("}\n");
}

}  // namespace postroad::gateway
