// See event_payload.h.
#include "gateway/rsocket/event_payload.h"

#include <boost/json.hpp>

#include "core/cursor.h"
#include "core/event.h"
#include "gateway/values/stream_json.h"
#include "rsocket/framing/metadata.h"

namespace postroad::rsocket_gateway {
namespace {

namespace json = boost::json;

void Set(json::object& object, std::string_view name, std::string_view value) {
  if (!value.empty()) object[name] = value;
}

json::object Describe(const EventView& event, std::string_view topic, Offset offset, Epoch epoch) {
  json::object object;
  object["id"] = event.id;
  object["topic"] = topic;
  object["offset"] = offset.value();
  object["cursor"] = EncodeCursor(TopicCursor{epoch, offset + 1, TopicCursorHash(topic)});
  Set(object, "key", event.key);
  Set(object, "type", event.type);
  Set(object, "content_type", event.content_type);
  if (event.time) object["time"] = FormatTime(*event.time);
  if (event.headers.empty()) return object;
  json::object& headers = (object["headers"] = json::object()).get_object();
  for (const auto& [name, value] : event.headers) headers[name] = value;
  return object;
}

rsocket::EncodedPayload WithEntry(std::string_view mime, const json::object& object,
                                  std::string_view data) {
  std::string metadata;
  rsocket::AppendComposite(mime, json::serialize(object), metadata);
  return rsocket::EncodedPayload({metadata, data});
}

rsocket::EncodedPayload Line(const json::object& object) {
  return rsocket::EncodedPayload({{}, json::serialize(object)});
}

rsocket::EncodedPayload EventLine(const broker::StreamRun& run, const EventView& event,
                                  Offset offset, Epoch epoch) {
  std::string line;
  const TopicCursor behind{epoch, offset + 1, TopicCursorHash(*run.topic)};
  gateway::AppendEventText(line, *run.topic, offset, std::nullopt, run.stored_at, event,
                           EncodeCursor(behind));
  return rsocket::EncodedPayload({{}, line});
}

}  // namespace

Result<EncodedRun> EncodeRun(const broker::StreamRun& run, Epoch epoch, PayloadForm form) {
  auto payloads = std::make_shared<std::vector<rsocket::EncodedPayload>>();
  payloads->reserve(run.count);
  EventView event;
  for (const std::string_view piece : run.pieces) {
    BodyReader records(piece);
    while (const auto record = records.Next()) {
      event.Clear();
      POSTROAD_TRY(ParseRecord(*record, event));
      const size_t index = payloads->size();
      const Offset offset = run.offsets.empty() ? run.first + index : run.offsets.at(index);
      if (form == PayloadForm::kLine) {
        payloads->push_back(EventLine(run, event, offset, epoch));
      } else if (form == PayloadForm::kDescribed) {
        payloads->push_back(
            WithEntry(kEventMime, Describe(event, *run.topic, offset, epoch), event.payload));
      } else {
        payloads->emplace_back(rsocket::PayloadView{{}, event.payload});
      }
    }
    if (!records.ok()) return Fail(ErrorCode::kDataLoss, "a stored run is malformed");
  }
  return EncodedRun(std::move(payloads));
}

std::vector<rsocket::EncodedPayload> NoticesBefore(const broker::StreamBatch& batch,
                                                   PayloadForm form) {
  std::vector<rsocket::EncodedPayload> notices;
  if (!batch.epoch_changed && batch.gaps.empty()) return notices;
  if (form == PayloadForm::kLine) {
    if (batch.epoch_changed) {
      notices.push_back(Line({{"epoch_changed", gateway::EpochJson(*batch.epoch_changed)}}));
    }
    for (const broker::StreamGap& gap : batch.gaps) {
      notices.push_back(Line({{"gap", gateway::GapJson(gap)}}));
    }
    return notices;
  }
  json::object object;
  if (batch.epoch_changed) {
    object["epoch_changed"] = {{"before", batch.epoch_changed->before.value()},
                               {"now", batch.epoch_changed->now.value()}};
  }
  json::array gaps;
  for (const broker::StreamGap& gap : batch.gaps) gaps.push_back(gateway::GapJson(gap));
  if (!gaps.empty()) object["gaps"] = std::move(gaps);
  notices.push_back(WithEntry(kNoticeMime, object, {}));
  return notices;
}

std::vector<rsocket::EncodedPayload> NoticesAfter(const broker::StreamBatch& batch,
                                                  PayloadForm form) {
  if (form != PayloadForm::kLine || !batch.caught_up) return {};
  return {Line({{"caught_up", json::object()}, {"cursor", EncodeCursor(batch.cursor)}})};
}

rsocket::EncodedPayload OpenedLine(std::string_view connection, std::string_view cursor) {
  return Line({{"opened", {{"connection", connection}}}, {"cursor", cursor}});
}

std::optional<Error> UntoldNotice(const broker::StreamBatch& batch, const TopicCursor& at) {
  if (!batch.epoch_changed && batch.gaps.empty()) return std::nullopt;
  const std::string on = "; go on with {\"cursor\":\"" + EncodeCursor(at) + "\"}";
  if (batch.epoch_changed) {
    return Error{ErrorCode::kDataLoss,
                 "the log is not the one that the cursor is of; its oldest event comes next" + on,
                 "", "EPOCH_CHANGED"};
  }
  const broker::StreamGap& gap = batch.gaps.front();
  return Error{ErrorCode::kDataLoss,
               "the events from offset " + std::to_string(gap.first) + " to " +
                   std::to_string(gap.end - 1) + " were lost to retention" + on,
               "", "GAP"};
}

Result<EncodedRun> RunCache::Get(const broker::StreamRun& run, Epoch epoch, PayloadForm form) {
  const bool shared = run.owner && run.offsets.empty();
  for (const Entry& entry : entries_) {
    if (shared && entry.owner == run.owner && entry.first == run.first &&
        entry.count == run.count && entry.form == form) {
      return entry.run;
    }
  }
  POSTROAD_ASSIGN(EncodedRun encoded, EncodeRun(run, epoch, form));
  if (!shared) return encoded;
  Entry entry{run.owner, run.first, run.count, form, encoded, run.bytes};
  bytes_ += entry.bytes;
  entries_.push_front(std::move(entry));
  while (entries_.size() > 1 && (bytes_ > max_bytes_ || entries_.size() > 64)) {
    bytes_ -= entries_.back().bytes;
    entries_.pop_back();
  }
  return encoded;
}

}  // namespace postroad::rsocket_gateway
