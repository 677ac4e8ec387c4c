#include "cli/event_line.h"

#include <boost/json.hpp>

#include "cli/text.h"
#include "gateway/json/event_json.h"

namespace postroad::cli {

std::string EventLine(const EventView& event, Offset offset, Timestamp stored_at,
                      uint32_t attempt) {
  const auto millis = std::chrono::floor<std::chrono::milliseconds>(stored_at);
  std::string line =
      FormatTime(millis) + "  " + Printable(event.topic) + "@" + std::to_string(offset.value());
  if (!event.type.empty()) line += "  " + Printable(event.type);
  if (!event.key.empty()) line += "  [" + Printable(event.key) + "]";
  if (attempt > 1) line += "  (attempt " + std::to_string(attempt) + ")";
  return line + "  " + Printable(event.payload) + "\n";
}

boost::json::object EventObject(const EventView& event, Offset offset, Timestamp stored_at) {
  boost::json::object object;
  object["topic"] = boost::json::string_view(event.topic.data(), event.topic.size());
  object["offset"] = offset.value();
  gateway::AddEvent(object, event);
  object["stored_at"] = FormatTime(stored_at);
  return object;
}

}  // namespace postroad::cli
