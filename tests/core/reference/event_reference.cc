// The comparison of the record codec with protobuf's.
#include "event_reference.h"

#include <algorithm>
#include <map>
#include <optional>
#include <ranges>
#include <vector>

#include "core/utf8.h"
#include "event_bytes.pb.h"

namespace postroad::testing {
namespace {

using HeaderMap = std::map<std::string, std::string>;

template <typename Message>
bool Parse(Message& message, std::string_view bytes) {
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

// A protobuf time as the codec gives it; what is no time becomes the earliest one.
template <typename Time>
Timestamp Expected(const Time& t) {
  const __int128 nanos = __int128{t.seconds()} * 1'000'000'000 + t.nanos();
  const bool fits = nanos <= ToNanos(Timestamp::max()) && nanos >= ToNanos(Timestamp::min());
  if (t.nanos() < 0 || t.nanos() > 999'999'999 || !fits) return Timestamp::min();
  return FromNanos(static_cast<int64_t>(nanos));
}

// Within a second or two of the ends of what nanoseconds hold, the codec may already give up.
bool SameTime(std::optional<Timestamp> ours, std::optional<Timestamp> theirs) {
  if (ours == theirs) return true;
  constexpr auto kMargin = std::chrono::seconds(2);
  return ours == Timestamp::min() && theirs &&
         (*theirs < Timestamp::min() + kMargin || *theirs > Timestamp::max() - kMargin);
}

template <typename Proto>
std::string TimeDifference(const EventView& ours, const Proto& theirs) {
  std::optional<Timestamp> time;
  std::optional<Timestamp> deliver_at;
  if (theirs.has_time()) time = Expected(theirs.time());
  if (theirs.has_deliver_at()) deliver_at = Expected(theirs.deliver_at());
  if (!SameTime(ours.time, time)) return "time";
  if (!SameTime(ours.deliver_at, deliver_at)) return "deliver_at";
  return {};
}

HeaderMap MapOf(const EventView& ours) {
  HeaderMap headers;
  for (const auto& [name, value] : ours.headers) headers[std::string(name)] = value;
  return headers;
}
HeaderMap MapOf(const v1::Event& theirs) {
  return {theirs.headers().begin(), theirs.headers().end()};
}
HeaderMap MapOf(const EventBytes& theirs) {
  HeaderMap headers;
  for (const auto& header : theirs.headers()) headers[header.name()] = header.value();
  return headers;
}

// The name of the first field that differs, or "".
template <typename Proto>
std::string FieldDifference(const EventView& ours, const Proto& theirs) {
  if (ours.id != theirs.id()) return "id";
  if (ours.topic != theirs.topic()) return "topic";
  if (ours.key != theirs.key()) return "key";
  if (ours.type != theirs.type()) return "type";
  if (ours.content_type != theirs.content_type()) return "content_type";
  if (ours.payload != theirs.payload()) return "payload";
  if (MapOf(ours) != MapOf(theirs)) return "headers";
  if (!std::ranges::equal(ours.search_keys, theirs.search_keys())) return "search_keys";
  return TimeDifference(ours, theirs);
}

// Whether all that protobuf checks to be UTF-8 is.
bool AllText(const EventView& event) {
  const auto valid = [](std::string_view text) { return IsValidUtf8(text); };
  const auto both = [&](const auto& h) { return valid(h.first) && valid(h.second); };
  return valid(event.id) && valid(event.topic) && valid(event.key) && valid(event.type) &&
         valid(event.content_type) && std::ranges::all_of(event.headers, both) &&
         std::ranges::all_of(event.search_keys, valid);
}

template <typename Time>
void SetTime(Timestamp t, Time* out) {
  // Not std::chrono::floor, which overflows near the ends.
  const int64_t rest = ToNanos(t) % 1'000'000'000;
  const int64_t borrow = rest < 0 ? 1 : 0;
  out->set_seconds(ToNanos(t) / 1'000'000'000 - borrow);
  out->set_nanos(static_cast<int32_t>(rest + borrow * 1'000'000'000));
}

// What EncodeRecord must write, by protobuf's writer.
std::string ReferenceEncoding(const EventView& event) {
  EventBytes proto;
  proto.set_id(std::string(event.id));
  proto.set_key(std::string(event.key));
  proto.set_type(std::string(event.type));
  proto.set_content_type(std::string(event.content_type));
  proto.set_payload(std::string(event.payload));
  for (const auto& [name, value] : event.headers) {
    auto* header = proto.add_headers();
    header->set_name(std::string(name));
    header->set_value(std::string(value));
  }
  if (event.time) SetTime(*event.time, proto.mutable_time());
  if (event.deliver_at) SetTime(*event.deliver_at, proto.mutable_deliver_at());
  for (const auto& key : event.search_keys) proto.add_search_keys(std::string(key));
  return proto.SerializeAsString();
}

// A map entry always has its name and value, an entry of a list only if not empty.
bool HasEmptyHeaderPart(const EventView& event) {
  return std::ranges::any_of(event.headers,
                             [](const auto& h) { return h.first.empty() || h.second.empty(); });
}

std::string EncodingDifference(const EventView& event) {
  const std::string record = EncodeRecord(event);
  if (!HasEmptyHeaderPart(event) && record != ReferenceEncoding(event)) return "encoded bytes";
  v1::Event typed;
  EventView no_topic = event;
  no_topic.topic = {};
  if (Parse(typed, record) != AllText(no_topic)) return "UTF-8 of the encoded record";
  EventView again;
  if (!ParseRecord(record, again)) return "encoded record is not read";
  again.topic = event.topic;
  return again.ToEvent() == event.ToEvent() ? "" : "encoded record is read otherwise";
}

}  // namespace

std::string RecordDifference(std::string_view bytes) {
  EventView ours;
  const bool accepted = ParseRecord(bytes, ours).has_value();
  EventBytes raw;
  if (accepted != Parse(raw, bytes)) return accepted ? "accepted" : "refused";
  v1::Event typed;
  const bool typed_accepted = Parse(typed, bytes);
  if (!accepted) return typed_accepted ? "refused what the real class accepts" : "";
  if (auto field = FieldDifference(ours, raw); !field.empty()) return field;
  if (typed_accepted) {
    if (!AllText(ours)) return "UTF-8";
    if (auto field = FieldDifference(ours, typed); !field.empty()) return field + " (real class)";
  }
  return EncodingDifference(ours);
}

std::string BodyDifference(std::string_view bytes) {
  BodyReader reader(bytes);
  std::vector<std::string_view> records;
  while (const auto record = reader.Next()) records.push_back(*record);
  BatchBytes batch;
  const bool accepted = Parse(batch, bytes);
  EventView event;
  const auto parses = [&event](auto record) { return ParseRecord(record, event).has_value(); };
  // A body holds entries and nothing else, so the reader may refuse more than protobuf does.
  if (!reader.ok() || !std::ranges::all_of(records, parses)) return "";
  if (!accepted) {
    // Inside a batch protobuf allows groups to nest one less deep; nothing else may be the reason.
    const auto proto_parses = [](auto record) {
      return EventBytes().ParseFromString(std::string(record));
    };
    return std::ranges::all_of(records, proto_parses) ? "" : "body accepted";
  }
  if (static_cast<size_t>(batch.events_size()) != records.size()) return "number of records";
  for (size_t i = 0; i < records.size(); ++i) {
    if (!ParseRecord(records[i], event)) return "record";
    const auto field = FieldDifference(event, batch.events(static_cast<int>(i)));
    if (!field.empty()) return field;
  }
  const auto rest = SkipRecords(bytes, static_cast<uint32_t>(records.size()));
  return rest && rest->empty() ? "" : "records skipped";
}

v1::Event ToProto(const Event& event) {
  v1::Event proto;
  proto.set_id(event.id);
  proto.set_topic(event.topic);
  proto.set_key(event.key);
  proto.set_type(event.type);
  proto.set_content_type(event.content_type);
  proto.set_payload(event.payload);
  for (const auto& [name, value] : event.headers) (*proto.mutable_headers())[name] = value;
  if (event.time) SetTime(*event.time, proto.mutable_time());
  if (event.deliver_at) SetTime(*event.deliver_at, proto.mutable_deliver_at());
  for (const auto& key : event.search_keys) proto.add_search_keys(key);
  return proto;
}

}  // namespace postroad::testing
