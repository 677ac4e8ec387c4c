// Topics, the schedule, dead letters, receipts as they are, statistics.
#include <boost/json/array.hpp>
#include <charconv>

#include "gateway/http/async_calls.h"
#include "gateway/http/handlers.h"
#include "gateway/json/event_json.h"
#include "gateway/values/json_fields.h"
#include "gateway/values/values_json.h"

namespace postroad::gateway {

namespace json = boost::json;

namespace {

Result<uint64_t> LetterId(const Call& call) {
  const std::string& text = call.request.PathValue("id");
  uint64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size()) {
    return Fail(ErrorCode::kNotFound, "there is no dead letter of this id", "id");
  }
  return id;
}

HttpAnswer Count(const char* what, uint64_t count) {
  return JsonAnswer(json::object{{what, count}});
}

Result<journal::ScheduledQuery> QueryOf(const HttpRequest& request) {
  return journal::ScheduledQuery{.topic = request.Query("topic").value_or(""),
                                 .id = request.Query("id").value_or(""),
                                 .search_key = request.Query("search_key").value_or("")};
}

}  // namespace

// --- Topics ---

Result<HttpAnswer> ListTopics(const Call& call) {
  POSTROAD_TRY(call.request.CheckQuery({"pattern", "page_size", "page_token"}));
  POSTROAD_ASSIGN(const auto size, call.request.QueryNumber("page_size"));
  POSTROAD_ASSIGN(auto page, call.broker.ListTopics(
                                 call.caller, call.request.Query("pattern").value_or(""),
                                 call.request.Query("page_token").value_or(""), size.value_or(0)));
  json::array list;
  for (const auto& topic : page.items) list.push_back(TopicJson(topic));
  return PageAnswer("topics", std::move(list), page.next);
}

Result<HttpAnswer> GetTopic(const Call& call) {
  POSTROAD_TRY(call.request.CheckQuery({}));
  POSTROAD_ASSIGN(const auto topic,
                  call.broker.GetTopic(call.caller, call.request.PathValue("topic")));
  return JsonAnswer(TopicJson(topic));
}

Result<HttpAnswer> DeleteTopic(const Call& call) {
  POSTROAD_TRY(call.request.CheckQuery({}));
  POSTROAD_TRY(call.broker.DeleteTopic(call.caller, call.request.PathValue("topic")));
  return NoContent();
}

// --- The schedule ---

Result<HttpAnswer> ListScheduled(const Call& call) {
  POSTROAD_TRY(call.request.CheckQuery({"topic", "id", "search_key", "page_size", "page_token"}));
  POSTROAD_ASSIGN(auto query, QueryOf(call.request));
  query.after = call.request.Query("page_token").value_or("");
  POSTROAD_ASSIGN(const auto size, call.request.QueryNumber("page_size"));
  query.limit = size.value_or(0);
  POSTROAD_ASSIGN(const auto page, call.broker.ListScheduled(call.caller, query));
  json::array list;
  for (const auto& scheduled : page.events) {
    POSTROAD_ASSIGN(json::object event, ScheduledJson(scheduled));
    list.push_back(std::move(event));
  }
  return PageAnswer("events", std::move(list), page.next);
}

Result<HttpAnswer> ChangeScheduled(const Call& call) {
  POSTROAD_TRY(call.request.CheckQuery({"topic", "id"}));
  POSTROAD_ASSIGN(const auto fields, JsonFields::Of(call.body, "", {"deliver_at", "event"}));
  POSTROAD_ASSIGN(const auto due, fields.Date("deliver_at", call.now));
  std::optional<Event> event;
  if (const json::value* given = fields.Find("event")) {
    POSTROAD_ASSIGN(event, ReadEvent(*given, "event"));
  }
  POSTROAD_ASSIGN(
      const auto changed,
      call.broker.ChangeScheduled(call.caller, call.request.Query("topic").value_or(""),
                                  call.request.Query("id").value_or(""), due, std::move(event)));
  POSTROAD_ASSIGN(const json::object shown, ScheduledJson(changed));
  return JsonAnswer(shown);
}

Result<HttpAnswer> CancelScheduled(const Call& call) {
  POSTROAD_TRY(call.request.CheckQuery({"topic", "id", "search_key"}));
  POSTROAD_ASSIGN(const auto query, QueryOf(call.request));
  POSTROAD_ASSIGN(const uint64_t cancelled, call.broker.CancelScheduled(call.caller, query));
  return Count("cancelled", cancelled);
}

// --- Dead letters ---

Result<HttpAnswer> ListDeadLetters(const Call& call) {
  POSTROAD_TRY(call.request.CheckQuery({"page_size", "page_token"}));
  POSTROAD_ASSIGN(const auto after, call.request.QueryNumber("page_token"));
  POSTROAD_ASSIGN(const auto size, call.request.QueryNumber("page_size"));
  POSTROAD_ASSIGN(auto page,
                  call.broker.ListDeadLetters(call.caller, call.request.PathValue("name"),
                                              after.value_or(0), size.value_or(0)));
  json::array list;
  for (const auto& letter : page.items) {
    POSTROAD_ASSIGN(json::object shown, DeadLetterJson(letter));
    list.push_back(std::move(shown));
  }
  return PageAnswer("dead_letters", std::move(list), page.next);
}

Result<HttpAnswer> EditDeadLetter(const Call& call) {
  POSTROAD_TRY(call.request.CheckQuery({}));
  POSTROAD_ASSIGN(const uint64_t id, LetterId(call));
  POSTROAD_ASSIGN(Event event, ReadEvent(call.body, {}));
  POSTROAD_ASSIGN(const auto letter,
                  call.broker.EditDeadLetter(call.caller, call.request.PathValue("name"), id,
                                             std::move(event)));
  POSTROAD_ASSIGN(const json::object shown, DeadLetterJson(letter));
  return JsonAnswer(shown);
}

Result<HttpAnswer> ResendDeadLetters(const Call& call) {
  POSTROAD_TRY(call.request.CheckQuery({}));
  POSTROAD_ASSIGN(
      const uint64_t resent,
      call.broker.ResendDeadLetters(call.caller, call.request.PathValue("name"), std::nullopt));
  return Count("resent", resent);
}

Result<HttpAnswer> ResendDeadLetter(const Call& call) {
  POSTROAD_TRY(call.request.CheckQuery({}));
  POSTROAD_ASSIGN(const uint64_t id, LetterId(call));
  POSTROAD_ASSIGN(const uint64_t resent,
                  call.broker.ResendDeadLetters(call.caller, call.request.PathValue("name"), id));
  return Count("resent", resent);
}

Result<HttpAnswer> DropDeadLetters(const Call& call) {
  POSTROAD_TRY(call.request.CheckQuery({}));
  POSTROAD_ASSIGN(
      const uint64_t dropped,
      call.broker.DropDeadLetters(call.caller, call.request.PathValue("name"), std::nullopt));
  return Count("dropped", dropped);
}

Result<HttpAnswer> DropDeadLetter(const Call& call) {
  POSTROAD_TRY(call.request.CheckQuery({}));
  POSTROAD_ASSIGN(const uint64_t id, LetterId(call));
  POSTROAD_ASSIGN(const uint64_t dropped,
                  call.broker.DropDeadLetters(call.caller, call.request.PathValue("name"), id));
  return Count("dropped", dropped);
}

// --- The server ---

Result<HttpAnswer> GetStats(const Call& call) {
  POSTROAD_TRY(call.request.CheckQuery({}));
  POSTROAD_ASSIGN(const auto stats, call.broker.Stats(call.caller));
  return JsonAnswer(StatsJson(stats, call.version));
}

}  // namespace postroad::gateway
