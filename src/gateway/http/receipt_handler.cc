// GET /v1/receipts: as it is, or once it is settled.
#include "gateway/http/async_calls.h"
#include "gateway/http/handlers.h"
#include "gateway/values/users_json.h"
#include "gateway/values/values_json.h"

namespace postroad::gateway {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

struct ReceiptTerms {
  std::string topic, id;
  std::optional<Offset> offset;
  std::optional<Duration> timeout;  // wait for it this long
};

Result<ReceiptTerms> TermsOf(const HttpRequest& request) {
  POSTROAD_TRY(request.CheckQuery({"topic", "id", "offset", "timeout"}));
  ReceiptTerms terms{.topic = request.Query("topic").value_or(""),
                     .id = request.Query("id").value_or("")};
  POSTROAD_ASSIGN(const auto offset, request.QueryNumber("offset"));
  if (offset) terms.offset = Offset(*offset);
  POSTROAD_ASSIGN(terms.timeout, request.QueryDuration("timeout"));
  return terms;
}

using Receipt = broker::EventReceipt;

json::object Answer(const Receipt& receipt, bool timed_out) {
  json::object object = ReceiptJson(receipt);
  object["timed_out"] = timed_out;
  return object;
}

asio::awaitable<Result<json::object>> Await(Exchange& exchange, ReceiptTerms terms) {
  const auto found = std::make_shared<std::optional<json::object>>();
  auto done = [found, signal = exchange.signal()](Receipt receipt, bool timed_out) {
    *found = Answer(receipt, timed_out);
    signal->Set();
  };
  auto wait = exchange.gateway().broker.AwaitReceipt(*exchange.request().principal, terms.topic,
                                                     terms.id, terms.offset, *terms.timeout,
                                                     exchange.executor(), std::move(done));
  if (!wait) co_return Fail(wait.error());
  exchange.WatchPeer();
  while (!*found && !exchange.peer_gone() && !exchange.stopping()) {
    co_await exchange.signal()->Wait();
  }
  wait->reset();
  co_await exchange.UnwatchPeer();
  if (*found) co_return **std::move(found);
  co_return Fail(broker::Draining());
}

asio::awaitable<Result<json::object>> Get(Exchange& exchange, ReceiptTerms terms) {
  auto get = [&exchange, terms = std::move(terms)] {
    return exchange.gateway().broker.GetReceipt(*exchange.request().principal, terms.topic,
                                                terms.id, terms.offset);
  };
  const Result<Receipt> receipt = co_await RunBlocking(exchange, std::move(get));
  if (!receipt) co_return Fail(receipt.error());
  co_return Answer(*receipt, false);
}

}  // namespace

HandlerResult HandleGetReceipt(Exchange& exchange) {
  auto terms = TermsOf(exchange.request());
  if (!terms) co_return co_await exchange.SendError(terms.error());
  Result<json::object> answer = json::object();
  if (terms->timeout) {
    answer = co_await Await(exchange, *std::move(terms));
  } else {
    answer = co_await Get(exchange, *std::move(terms));
  }
  if (exchange.peer_gone()) co_return;
  if (!answer) co_return co_await exchange.SendError(answer.error());
  co_await exchange.Send(JsonAnswer(*answer));
}

}  // namespace postroad::gateway
