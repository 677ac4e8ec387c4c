// See routes.h.
#include "gateway/http/routes.h"

#include <optional>

#include "gateway/http/async_calls.h"
#include "gateway/http/handlers.h"
#include "gateway/values/json_fields.h"

namespace postroad::gateway {
namespace {

using boost::beast::http::verb;

// Runs a call of the broker where it may block, and answers.
template <CallResult (*kFunction)(const Call&)>
HandlerResult HandleCall(Exchange& exchange) {
  auto text = co_await exchange.ReadBody();
  if (!text) co_return co_await exchange.SendError(text.error());
  Result<boost::json::value> body = boost::json::value();
  if (!text->empty()) body = ParseJson(*text);
  if (!body) co_return co_await exchange.SendError(body.error());
  auto work = [&exchange, &body] {
    HttpGateway& gateway = exchange.gateway();
    return kFunction({.request = exchange.request(),
                      .caller = *exchange.request().principal,
                      .broker = gateway.broker,
                      .outbox = gateway.options.outbox,
                      .now = gateway.clock.Now(),
                      .version = gateway.options.version,
                      .body = *body});
  };
  CallResult answer = co_await RunBlocking(exchange, work);
  if (!answer) co_return co_await exchange.SendError(answer.error(), &*body);
  co_await exchange.Send(*std::move(answer));
}

// The values of the pattern's {names}; nothing if the path is another.
std::optional<HttpRequest::Fields> MatchPath(std::string_view pattern,
                                             const std::vector<std::string>& segments) {
  HttpRequest::Fields values;
  for (const std::string& segment : segments) {
    if (!pattern.starts_with('/')) return std::nullopt;
    pattern.remove_prefix(1);
    const std::string_view want = pattern.substr(0, pattern.find('/'));
    pattern.remove_prefix(want.size());
    if (want.starts_with('{')) {
      if (segment.empty()) return std::nullopt;
      values.emplace_back(want.substr(1, want.size() - 2), segment);
    } else if (want != segment) {
      return std::nullopt;
    }
  }
  if (!pattern.empty()) return std::nullopt;
  return values;
}

void AddMethod(std::string& methods, verb method) {
  if (!methods.empty()) methods += ", ";
  methods += std::string(boost::beast::http::to_string(method));
  if (method == verb::get) methods += ", HEAD";
}

}  // namespace

HttpAnswer PageAnswer(const char* name, boost::json::array items, const std::string& next) {
  boost::json::object page;
  page[name] = std::move(items);
  if (!next.empty()) page["next_page_token"] = next;
  return JsonAnswer(page);
}

HttpAnswer NoContent() { return {.status = 204, .content_type = ""}; }

const std::vector<Route>& Routes() {
  static const std::vector<Route> routes = {
      {verb::post, "/v1/events", "postEvents", HandlePostEvents},
      {verb::get, "/v1/events", "readEvents", HandleReadEvents},
      {verb::get, "/v1/topics", "listTopics", HandleCall<ListTopics>},
      {verb::get, "/v1/topics/{topic}", "getTopic", HandleCall<GetTopic>},
      {verb::delete_, "/v1/topics/{topic}", "deleteTopic", HandleCall<DeleteTopic>},
      {verb::get, "/v1/subscriptions", "listSubscriptions", HandleCall<ListSubscriptions>},
      {verb::get, "/v1/subscriptions/{name}", "getSubscription", HandleCall<GetSubscription>},
      {verb::put, "/v1/subscriptions/{name}", "createSubscription", HandleCall<CreateSubscription>},
      {verb::patch, "/v1/subscriptions/{name}", "updateSubscription",
       HandleCall<UpdateSubscription>},
      {verb::delete_, "/v1/subscriptions/{name}", "deleteSubscription",
       HandleCall<DeleteSubscription>},
      {verb::post, "/v1/subscriptions/{name}/seek", "seekSubscription",
       HandleCall<SeekSubscription>},
      {verb::post, "/v1/subscriptions/{name}/pull", "pull", HandlePull},
      {verb::post, "/v1/subscriptions/{name}/settle", "settle", HandleSettle},
      {verb::get, "/v1/subscriptions/{name}/dead-letters", "listDeadLetters",
       HandleCall<ListDeadLetters>},
      {verb::delete_, "/v1/subscriptions/{name}/dead-letters", "dropDeadLetters",
       HandleCall<DropDeadLetters>},
      {verb::post, "/v1/subscriptions/{name}/dead-letters/resend", "resendDeadLetters",
       HandleCall<ResendDeadLetters>},
      {verb::put, "/v1/subscriptions/{name}/dead-letters/{id}", "editDeadLetter",
       HandleCall<EditDeadLetter>},
      {verb::delete_, "/v1/subscriptions/{name}/dead-letters/{id}", "dropDeadLetter",
       HandleCall<DropDeadLetter>},
      {verb::post, "/v1/subscriptions/{name}/dead-letters/{id}/resend", "resendDeadLetter",
       HandleCall<ResendDeadLetter>},
      {verb::get, "/v1/scheduled", "listScheduled", HandleCall<ListScheduled>},
      {verb::patch, "/v1/scheduled", "changeScheduled", HandleCall<ChangeScheduled>},
      {verb::delete_, "/v1/scheduled", "cancelScheduled", HandleCall<CancelScheduled>},
      {verb::get, "/v1/receipts", "getReceipt", HandleGetReceipt},
      {verb::get, "/v1/presence", "listPresence", HandleCall<ListPresence>},
      {verb::post, "/v1/acks", "ackEvents", HandleCall<TakeAcks>},
      {verb::post, "/v1/questions", "askQuestion", HandleAsk},
      {verb::post, "/v1/questions/{question}/answers", "answerQuestion", HandleAnswer},
      {verb::get, "/v1/outbox", "listOutbox", HandleCall<ListOutbox>},
      {verb::get, "/v1/outbox/{source}/poison", "listOutboxPoison", HandleCall<ListOutboxPoison>},
      {verb::delete_, "/v1/outbox/{source}/poison", "dropOutboxPoison",
       HandleCall<DropOutboxPoison>},
      {verb::post, "/v1/outbox/{source}/poison/retry", "retryOutboxPoison",
       HandleCall<RetryOutboxPoison>},
      {verb::delete_, "/v1/outbox/{source}/poison/{row}", "dropOutboxRow",
       HandleCall<DropOutboxRow>},
      {verb::post, "/v1/outbox/{source}/poison/{row}/retry", "retryOutboxRow",
       HandleCall<RetryOutboxRow>},
      {verb::get, "/v1/stats", "getStats", HandleCall<GetStats>},
  };
  return routes;
}

Match FindRoute(verb method, const std::vector<std::string>& segments) {
  Match match;
  if (method == verb::head) method = verb::get;
  for (const Route& route : Routes()) {
    auto values = MatchPath(route.pattern, segments);
    if (!values) continue;
    if (route.verb == method) return {.route = &route, .values = *std::move(values)};
    AddMethod(match.allowed, route.verb);
  }
  return match;
}

}  // namespace postroad::gateway
