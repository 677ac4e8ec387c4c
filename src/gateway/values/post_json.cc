// See post_json.h.
#include "gateway/values/post_json.h"

#include <boost/json/array.hpp>

#include "gateway/json/event_json.h"
#include "gateway/values/values_json.h"

namespace postroad::gateway {

namespace json = boost::json;

Result<std::vector<Event>> ReadEvents(const json::value& value) {
  std::vector<Event> events;
  const json::value* list = &value;
  if (const auto* object = value.if_object()) {
    const json::value* inner = object->if_contains("events");
    if (inner == nullptr) {
      POSTROAD_ASSIGN(Event event, ReadEvent(value, "events[0]"));
      events.push_back(std::move(event));
      return events;
    }
    if (object->size() > 1) return Invalid("", "beside `events` there may be nothing");
    list = inner;
  }
  const auto* array = list->if_array();
  if (array == nullptr) return Invalid("events", "must be an event, or an array of them");
  events.reserve(array->size());
  for (const json::value& item : *array) {
    POSTROAD_ASSIGN(Event event, ReadEvent(item, "events[" + std::to_string(events.size()) + "]"));
    events.push_back(std::move(event));
  }
  return events;
}

void FillIn(const PostCommon& common, std::vector<Event>& events) {
  for (size_t i = 0; i < events.size(); ++i) {
    Event& event = events[i];
    if (event.topic.empty()) event.topic = common.topic;
    if (!event.id.empty() || common.idempotency_key.empty()) continue;
    event.id = common.idempotency_key;
    if (events.size() > 1) event.id += "/" + std::to_string(i);
  }
}

json::object PostResultJson(const broker::PostOutcome& outcome, const std::vector<Event>& events) {
  constexpr size_t kIdBytes = 36;
  json::array results;
  results.reserve(outcome.results.size());
  size_t made = 0;
  for (size_t i = 0; i < outcome.results.size(); ++i) {
    const broker::PostResult& one = outcome.results[i];
    json::object result;
    result["id"] =
        one.id_made ? outcome.made_ids.substr(made++ * kIdBytes, kIdBytes) : events[i].id;
    result["topic"] = events[i].topic;
    if (!one.scheduled) result["offset"] = one.offset.value();
    if (one.duplicate) result["duplicate"] = true;
    if (one.scheduled) result["scheduled"] = true;
    results.push_back(std::move(result));
  }
  json::object answer;
  answer["results"] = std::move(results);
  answer["durability"] = DurabilityName(outcome.durability);
  return answer;
}

}  // namespace postroad::gateway
