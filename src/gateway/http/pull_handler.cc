// Pulling from a subscription, and settling what was pulled.
#include <boost/json/serialize.hpp>

#include "core/event.h"
#include "gateway/http/async_calls.h"
#include "gateway/http/handlers.h"
#include "gateway/http/problem.h"
#include "gateway/http/pull_session.h"
#include "gateway/http/subscription_json.h"
#include "gateway/json/event_json.h"
#include "gateway/values/json_fields.h"

namespace postroad::gateway {

namespace json = boost::json;
namespace asio = boost::asio;

namespace {

constexpr uint64_t kMaxPull = 1'000;
constexpr uint64_t kDefaultPull = 10;
constexpr Duration kMaxWait = std::chrono::minutes(5);

struct PullTerms {
  uint64_t max = kDefaultPull;
  Duration wait{};
  std::string consumer;
};

Result<PullTerms> TermsOf(const HttpRequest& request) {
  POSTROAD_TRY(request.CheckQuery({"max", "wait", "consumer"}));
  PullTerms terms{.consumer = request.Query("consumer").value_or("")};
  POSTROAD_ASSIGN(const auto max, request.QueryNumber("max"));
  terms.max = max.value_or(kDefaultPull);
  if (terms.max == 0 || terms.max > kMaxPull) return Invalid("max", "must be 1 to 1,000");
  POSTROAD_ASSIGN(const auto wait, request.QueryDuration("wait"));
  terms.wait = wait.value_or(Duration{});
  if (terms.wait > kMaxWait) return Invalid("wait", "must be at most 5m");
  if (!terms.consumer.empty()) POSTROAD_TRY(CheckName(terms.consumer, "consumer"));
  return terms;
}

PullKey KeyOf(const HttpRequest& request, std::string consumer) {
  return {.principal = request.principal->name(),
          .subscription = request.PathValue("name"),
          .consumer = std::move(consumer)};
}

asio::awaitable<Result<std::shared_ptr<PullSession>>> SessionOf(Exchange& exchange, PullKey key) {
  PullSessions& sessions = exchange.gateway().pull_sessions;
  if (auto found = sessions.Find(key)) co_return found;
  auto prepare = [&exchange, request = broker::JoinRequest{.subscription = key.subscription}] {
    return exchange.gateway().broker.PrepareJoin(*exchange.request().principal, request);
  };
  const Result<broker::SubscriptionSeen> seen = co_await RunBlocking(exchange, prepare);
  if (!seen) co_return Fail(seen.error());
  co_return sessions.Make(key, exchange.request().principal, seen->settings.ack_deadline);
}

asio::awaitable<Pulled> Pull(Exchange& exchange, std::shared_ptr<PullSession> session,
                             PullTerms terms) {
  struct Outcome {
    std::optional<Pulled> pulled;
    bool awaited = true;
  };
  const auto outcome = std::make_shared<Outcome>();
  const uint64_t ticket = exchange.gateway().pull_sessions.NextTicket();
  session->Pull(ticket, terms.max, terms.wait, exchange.executor(),
                [outcome, signal = exchange.signal(), weak = std::weak_ptr(session)](Pulled got) {
                  if (const auto from = weak.lock(); from && !outcome->awaited) {
                    return from->GiveBack(got.deliveries);
                  }
                  outcome->pulled = std::move(got);
                  signal->Set();
                });
  exchange.WatchPeer();
  while (!outcome->pulled && !exchange.peer_gone() && !exchange.stopping()) {
    co_await exchange.signal()->Wait();
  }
  co_await exchange.UnwatchPeer();
  if (outcome->pulled) co_return *std::move(outcome->pulled);
  outcome->awaited = false;
  session->Cancel(ticket);
  co_return Pulled{.error = broker::Draining()};
}

Result<std::string> DeliveriesText(const std::vector<delivery::Delivery>& deliveries) {
  std::string text = "{\"deliveries\":[";
  EventView event;
  for (const auto& delivery : deliveries) {
    POSTROAD_TRY(ParseRecord(delivery.record, event));
    if (!text.ends_with('[')) text.push_back(',');
    json::object object = DeliveryJson(delivery);
    AddAttributes(object, event);
    AppendWithPayload(std::move(object), event, text);
  }
  return text.append("]}\n");
}

using Settlements = std::vector<delivery::Settlement>;

asio::awaitable<Result<std::vector<delivery::SettleFailure>>> Settle(
    Exchange& exchange, std::shared_ptr<PullSession> session, Settlements settlements) {
  using Failures = Result<std::vector<delivery::SettleFailure>>;
  const auto settled = std::make_shared<std::optional<Failures>>();
  session->Settle(std::move(settlements), exchange.executor(),
                  [settled, signal = exchange.signal()](Failures failures) {
                    *settled = std::move(failures);
                    signal->Set();
                  });
  while (!*settled) co_await exchange.signal()->Wait();
  co_return **std::move(settled);
}

json::object SettledJson(const std::vector<std::string>& ids,
                         const std::vector<delivery::SettleFailure>& failures) {
  json::array list;
  for (const auto& failure : failures) {
    json::object one;
    one["delivery_id"] = ids[failure.index];
    one["error"] = Problem(failure.error);
    list.push_back(std::move(one));
  }
  json::object answer;
  answer["settled"] = ids.size() - failures.size();
  answer["failures"] = std::move(list);
  return answer;
}

// Without a member nothing is delivered to it.
Result<std::vector<delivery::SettleFailure>> AllUnknown(size_t count, const Error& error) {
  std::vector<delivery::SettleFailure> failures;
  for (size_t i = 0; i < count; ++i) failures.push_back({i, error});
  return failures;
}

}  // namespace

HandlerResult HandlePull(Exchange& exchange) {
  auto terms = TermsOf(exchange.request());
  if (!terms) co_return co_await exchange.SendError(terms.error());
  auto body = co_await exchange.ReadBody();
  if (!body) co_return co_await exchange.SendError(body.error());
  auto session = co_await SessionOf(exchange, KeyOf(exchange.request(), terms->consumer));
  if (!session) co_return co_await exchange.SendError(session.error());
  Pulled pulled = co_await Pull(exchange, *session, *terms);
  if (exchange.peer_gone()) co_return (*session)->GiveBack(pulled.deliveries);
  if (pulled.error) co_return co_await exchange.SendError(*pulled.error);
  auto text = DeliveriesText(pulled.deliveries);
  if (!text) co_return co_await exchange.SendError(text.error());
  co_await exchange.Send(JsonText(*std::move(text)));
  if (exchange.peer_gone()) (*session)->GiveBack(pulled.deliveries);
}

HandlerResult HandleSettle(Exchange& exchange) {
  if (auto known = exchange.request().CheckQuery({"consumer"}); !known) {
    co_return co_await exchange.SendError(known.error());
  }
  auto body = co_await exchange.ReadBody();
  if (!body) co_return co_await exchange.SendError(body.error());
  const auto value = ParseJson(*body);
  if (!value) co_return co_await exchange.SendError(value.error());
  auto settlements = ReadSettlements(*value);
  if (!settlements) co_return co_await exchange.SendError(settlements.error(), &*value);
  std::vector<std::string> ids;
  for (const auto& one : *settlements) ids.push_back(std::to_string(one.id.value()));
  const auto consumer = exchange.request().Query("consumer").value_or("");
  auto session = exchange.gateway().pull_sessions.Find(KeyOf(exchange.request(), consumer));
  Result<std::vector<delivery::SettleFailure>> failures =
      AllUnknown(ids.size(),
                 {ErrorCode::kNotFound, "this consumer has no deliveries", "", "UNKNOWN_DELIVERY"});
  if (session) {
    auto settled = co_await Settle(exchange, std::move(session), *std::move(settlements));
    if (settled) failures = std::move(settled);
  }
  co_await exchange.Send(JsonAnswer(SettledJson(ids, *failures)));
}

}  // namespace postroad::gateway
