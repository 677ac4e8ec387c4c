// See stream_json.h.
#include "gateway/values/stream_json.h"

#include <boost/json/monotonic_resource.hpp>

#include "core/cursor.h"
#include "core/time.h"
#include "gateway/json/event_json.h"

namespace postroad::gateway {

namespace json = boost::json;

namespace {

json::string_view View(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

void AppendEventText(std::string& out, std::string_view topic, Offset offset,
                     std::optional<FeedPosition> position, Timestamp stored_at,
                     const EventView& event, std::string_view cursor) {
  unsigned char room[4096];
  json::monotonic_resource memory(room, sizeof room);
  json::object object(&memory);
  object["topic"] = View(topic);
  object["offset"] = offset.value();
  if (position) object["position"] = position->value();
  object["stored_at"] = View(FormatTime(stored_at));
  if (!cursor.empty()) object["cursor"] = View(cursor);
  AddAttributes(object, event);
  AppendWithPayload(std::move(object), event, out);
}

json::object EpochJson(const broker::EpochChange& change) {
  return {{"old_epoch", EpochText(change.before)}, {"new_epoch", EpochText(change.now)}};
}

json::object GapJson(const broker::StreamGap& gap) {
  json::object object;
  if (!gap.topic.empty()) object["topic"] = gap.topic;
  object["first"] = gap.first;
  object["end"] = gap.end;
  return object;
}

}  // namespace postroad::gateway
