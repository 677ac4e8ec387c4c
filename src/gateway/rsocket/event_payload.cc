// See event_payload.h.
#include "gateway/rsocket/event_payload.h"

#include <boost/json.hpp>

#include "core/cursor.h"
#include "core/event.h"
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

json::object ToJson(const broker::StreamGap& gap) {
  json::object object;
  Set(object, "topic", gap.topic);
  object["first"] = gap.first;
  object["end"] = gap.end;
  return object;
}

}  // namespace

Result<EncodedRun> EncodeRun(const broker::StreamRun& run, Epoch epoch, bool describe) {
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
      if (describe) {
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

std::string NoticeJson(const broker::StreamBatch& batch) {
  if (!batch.epoch_changed && batch.gaps.empty()) return {};
  json::object object;
  if (batch.epoch_changed) {
    object["epoch_changed"] = {{"before", batch.epoch_changed->before.value()},
                               {"now", batch.epoch_changed->now.value()}};
  }
  if (!batch.gaps.empty()) {
    json::array& gaps = (object["gaps"] = json::array()).get_array();
    for (const broker::StreamGap& gap : batch.gaps) gaps.push_back(ToJson(gap));
  }
  return json::serialize(object);
}

rsocket::EncodedPayload NoticePayload(const std::string& text) {
  std::string metadata;
  rsocket::AppendComposite(kNoticeMime, text, metadata);
  return rsocket::EncodedPayload({metadata, {}});
}

Result<EncodedRun> RunCache::Get(const broker::StreamRun& run, Epoch epoch, bool describe) {
  const bool shared = run.owner && run.offsets.empty();
  for (const Entry& entry : entries_) {
    if (shared && entry.owner == run.owner && entry.first == run.first &&
        entry.count == run.count && entry.describe == describe) {
      return entry.run;
    }
  }
  POSTROAD_ASSIGN(EncodedRun encoded, EncodeRun(run, epoch, describe));
  if (!shared) return encoded;
  Entry entry{run.owner, run.first, run.count, describe, encoded, run.bytes};
  bytes_ += entry.bytes;
  entries_.push_front(std::move(entry));
  while (entries_.size() > 1 && (bytes_ > max_bytes_ || entries_.size() > 64)) {
    bytes_ -= entries_.back().bytes;
    entries_.pop_back();
  }
  return encoded;
}

}  // namespace postroad::rsocket_gateway
