// The API's operations, each by the name it has in the OpenAPI document.
#ifndef POSTROAD_GATEWAY_HTTP_HANDLERS_H_
#define POSTROAD_GATEWAY_HTTP_HANDLERS_H_

#include <boost/asio/awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <string>

#include "gateway/http/exchange.h"

namespace postroad::gateway {

// --- Operations that answer when something happens: coroutines. ---
using HandlerResult = boost::asio::awaitable<void>;

HandlerResult HandlePostEvents(Exchange& exchange);  // post_handler.cc
HandlerResult HandleReadEvents(Exchange& exchange);  // read_handler.cc
HandlerResult HandlePull(Exchange& exchange);        // pull_handler.cc
HandlerResult HandleSettle(Exchange& exchange);      // pull_handler.cc
HandlerResult HandleGetReceipt(Exchange& exchange);  // receipt_handler.cc
HandlerResult HandleAsk(Exchange& exchange);         // user_handlers.cc
HandlerResult HandleAnswer(Exchange& exchange);      // user_handlers.cc

struct OutboxCalls;  // outbox_calls.h

// --- Operations that are a call of the broker: run on the threads that may block. ---
struct Call {
  const HttpRequest& request;
  const auth::Principal& caller;
  broker::Broker& broker;
  const OutboxCalls& outbox;
  Timestamp now;
  const std::string& version;
  const boost::json::value& body;  // null if there is none
};
using CallResult = Result<HttpAnswer>;

// subscription_handlers.cc
CallResult ListSubscriptions(const Call& call);
CallResult GetSubscription(const Call& call);
CallResult CreateSubscription(const Call& call);
CallResult UpdateSubscription(const Call& call);
CallResult DeleteSubscription(const Call& call);
CallResult SeekSubscription(const Call& call);
// admin_handlers.cc
CallResult ListTopics(const Call& call);
CallResult GetTopic(const Call& call);
CallResult DeleteTopic(const Call& call);
CallResult ListScheduled(const Call& call);
CallResult ChangeScheduled(const Call& call);
CallResult CancelScheduled(const Call& call);
CallResult ListDeadLetters(const Call& call);
CallResult EditDeadLetter(const Call& call);
CallResult ResendDeadLetters(const Call& call);
CallResult ResendDeadLetter(const Call& call);
CallResult DropDeadLetters(const Call& call);
CallResult DropDeadLetter(const Call& call);
CallResult GetStats(const Call& call);
// outbox_handlers.cc
CallResult ListOutbox(const Call& call);
CallResult ListOutboxPoison(const Call& call);
CallResult RetryOutboxPoison(const Call& call);
CallResult RetryOutboxRow(const Call& call);
CallResult DropOutboxPoison(const Call& call);
CallResult DropOutboxRow(const Call& call);
// user_handlers.cc
CallResult ListPresence(const Call& call);
CallResult TakeAcks(const Call& call);

// {"<name>":[…],"next_page_token":"…"}
HttpAnswer PageAnswer(const char* name, boost::json::array items, const std::string& next);
HttpAnswer NoContent();

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_HANDLERS_H_
