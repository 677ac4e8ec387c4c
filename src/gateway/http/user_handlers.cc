// Users' connections: who is there, what they did, questions to them.
#include <boost/json/serialize.hpp>

#include "gateway/http/handlers.h"
#include "gateway/http/problem.h"
#include "gateway/values/json_fields.h"
#include "gateway/values/users_json.h"

namespace postroad::gateway {

namespace asio = boost::asio;
namespace json = boost::json;

// --- Presence ---

CallResult ListPresence(const Call& call) {
  POSTROAD_TRY(call.request.CheckQuery({"user", "page_size", "page_token"}));
  if (const auto user = call.request.Query("user")) {
    POSTROAD_ASSIGN(const auto connections, call.broker.ListConnections(call.caller, *user));
    return PageAnswer("connections", ConnectionsJson(connections), "");
  }
  POSTROAD_ASSIGN(const auto size, call.request.QueryNumber("page_size"));
  POSTROAD_ASSIGN(const auto page, call.broker.ListAllConnections(
                                       call.caller, call.request.Query("page_token").value_or(""),
                                       size.value_or(0)));
  return PageAnswer("connections", ConnectionsJson(page.items), page.next);
}

// --- Acks ---

CallResult TakeAcks(const Call& call) {
  POSTROAD_TRY(call.request.CheckQuery({}));
  POSTROAD_ASSIGN(const auto fields, JsonFields::Of(call.body, "", {"connection", "acks"}));
  POSTROAD_ASSIGN(const auto named, fields.Text("connection"));
  POSTROAD_ASSIGN(const uint64_t connection, broker::ParseIdText(named.value_or(""), "connection"));
  const json::value* list = fields.Find("acks");
  if (list == nullptr) return Invalid("acks", "must be given");
  POSTROAD_ASSIGN(auto acks, ReadAcks(*list, "acks"));
  json::array failures;
  uint64_t taken = 0;
  for (size_t i = 0; i < acks.size(); ++i) {
    const Status status =
        call.broker.Ack(call.caller, broker::ConnectionId(connection), std::move(acks[i]));
    if (status) {
      ++taken;
      continue;
    }
    failures.push_back(json::object{{"index", i}, {"error", Problem(status.error())}});
  }
  json::object answer;
  answer["taken"] = taken;
  answer["failures"] = std::move(failures);
  return JsonAnswer(answer);
}

// --- Questions ---

namespace {

constexpr std::string_view kQuestionRoute = "postroad.question";

Result<broker::AskRequest> AskOf(const HttpRequest& request) {
  POSTROAD_TRY(request.CheckQuery({"user", "to", "wait", "timeout", "route"}));
  broker::AskRequest ask;
  ask.user = request.Query("user").value_or("");
  ask.to = request.Query("to").value_or("all");
  ask.route = request.Query("route").value_or(std::string(kQuestionRoute));
  const std::string wait = request.Query("wait").value_or("first");
  if (wait != "first" && wait != "all") return Invalid("wait", "must be first or all");
  ask.first = wait == "first";
  POSTROAD_ASSIGN(const auto timeout, request.QueryDuration("timeout"));
  if (timeout) ask.timeout = *timeout;
  return ask;
}

asio::awaitable<Result<json::object>> Ask(Exchange& exchange, broker::AskRequest ask) {
  const auto outcome = std::make_shared<std::optional<json::object>>();
  auto done = [outcome, signal = exchange.signal()](const broker::QuestionOutcome& answers) {
    *outcome = OutcomeJson(answers);
    signal->Set();
  };
  auto wait = exchange.gateway().broker.Ask(*exchange.request().principal, std::move(ask),
                                            exchange.executor(), std::move(done));
  if (!wait) co_return Fail(wait.error());
  exchange.WatchPeer();
  while (!*outcome && !exchange.peer_gone() && !exchange.stopping()) {
    co_await exchange.signal()->Wait();
  }
  wait->reset();
  co_await exchange.UnwatchPeer();
  if (*outcome) co_return **std::move(outcome);
  co_return Fail(broker::Draining());
}

Status TakeAnswerOf(Exchange& exchange, std::string body) {
  const HttpRequest& request = exchange.request();
  POSTROAD_TRY(request.CheckQuery({"connection", "failed"}));
  POSTROAD_ASSIGN(const uint64_t question,
                  broker::ParseIdText(request.PathValue("question"), "question"));
  POSTROAD_ASSIGN(const uint64_t connection,
                  broker::ParseIdText(request.Query("connection").value_or(""), "connection"));
  broker::Answer answer{.connection = broker::ConnectionId(connection),
                        .state = broker::AnswerState::kAnswered,
                        .text = std::move(body)};
  if (auto failed = request.Query("failed")) {
    answer.state = broker::AnswerState::kFailed;
    answer.text = *std::move(failed);
  }
  return exchange.gateway().broker.TakeAnswer(*request.principal, broker::QuestionId(question),
                                              std::move(answer));
}

}  // namespace

HandlerResult HandleAsk(Exchange& exchange) {
  auto ask = AskOf(exchange.request());
  if (!ask) co_return co_await exchange.SendError(ask.error());
  auto body = co_await exchange.ReadBody();
  if (!body) co_return co_await exchange.SendError(body.error());
  ask->payload = *std::move(body);
  auto answer = co_await Ask(exchange, *std::move(ask));
  if (exchange.peer_gone()) co_return;
  if (!answer) co_return co_await exchange.SendError(answer.error());
  co_await exchange.Send(JsonAnswer(*answer));
}

HandlerResult HandleAnswer(Exchange& exchange) {
  auto body = co_await exchange.ReadBody();
  if (!body) co_return co_await exchange.SendError(body.error());
  const Status taken = TakeAnswerOf(exchange, *std::move(body));
  if (!taken) co_return co_await exchange.SendError(taken.error());
  co_await exchange.Send(NoContent());
}

}  // namespace postroad::gateway
