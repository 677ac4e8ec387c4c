// POST /v1/events.
#include <boost/json/array.hpp>
#include <utility>

#include "core/event_rules.h"
#include "gateway/http/cloudevents.h"
#include "gateway/http/handlers.h"
#include "gateway/http/post_stream.h"
#include "gateway/http/problem.h"
#include "gateway/values/json_fields.h"
#include "gateway/values/post_json.h"
#include "gateway/values/users_json.h"
#include "gateway/values/values_json.h"

namespace postroad::gateway {

namespace json = boost::json;
namespace asio = boost::asio;

namespace {

constexpr Duration kDefaultAwait = std::chrono::seconds(30);

// What the request asks for beside its events.
struct PostTerms {
  PostCommon common;
  std::optional<Duration> await;
};

Result<PostTerms> TermsOf(const HttpRequest& request) {
  POSTROAD_TRY(request.CheckQuery({"topic", "wait", "timeout"}));
  PostTerms terms;
  terms.common.topic = request.Query("topic").value_or("");
  terms.common.idempotency_key = request.Header("Idempotency-Key");
  const std::string wait = request.Query("wait").value_or("stored");
  POSTROAD_ASSIGN(const auto timeout, request.QueryDuration("timeout"));
  if (wait == "acked") {
    terms.await = timeout.value_or(kDefaultAwait);
  } else if (wait != "stored") {
    return Invalid("wait", "must be stored or acked");
  } else if (timeout) {
    return Invalid("timeout", "needs wait=acked");
  }
  return terms;
}

Result<broker::PendingPost> Build(Exchange& exchange, const PostTerms& terms,
                                  const std::vector<Event>& events) {
  const HttpRequest& request = exchange.request();
  const std::string_view trace = request.Header("traceparent");
  broker::PostBuilder builder = exchange.gateway().broker.NewPost(
      *request.principal, {.traceparent = IsTraceparent(trace) ? trace : std::string_view(),
                           .keep_ids = terms.await.has_value()});
  for (const Event& event : events) {
    EventView view = ViewOf(event);
    POSTROAD_TRY(builder.Add(view));
  }
  return builder.Finish();
}

asio::awaitable<Result<broker::PostOutcome>> PostAndAwait(Exchange& exchange,
                                                          broker::PendingPost post,
                                                          Duration timeout) {
  const auto posted = std::make_shared<std::optional<Result<broker::PostOutcome>>>();
  auto wait = exchange.gateway().broker.PostAndAwait(
      std::move(post), timeout, exchange.executor(),
      [posted, signal = exchange.signal()](Result<broker::PostOutcome> outcome) {
        *posted = std::move(outcome);
        signal->Set();
      });
  if (!wait) co_return Fail(wait.error());
  exchange.WatchPeer();
  for (bool ended = false; !*posted && !exchange.peer_gone();) {
    // What is stored, or about to be, must not be called unavailable: it would be posted again.
    if (exchange.stopping() && !std::exchange(ended, true)) {
      (*wait)->EndNow();
      continue;
    }
    co_await exchange.signal()->Wait();
  }
  wait->reset();
  co_await exchange.UnwatchPeer();
  if (*posted) co_return **std::move(posted);
  co_return Fail(ErrorCode::kCancelled, "the peer is gone");
}

json::object OutcomeJson(const broker::PostOutcome& outcome, const std::vector<Event>& events,
                         bool awaited) {
  json::object answer = PostResultJson(outcome, events);
  if (!awaited) return answer;
  json::array receipts;
  for (const auto& receipt : outcome.receipts) receipts.push_back(ReceiptJson(receipt));
  answer["receipts"] = std::move(receipts);
  answer["wait_timed_out"] = outcome.wait_timed_out;
  return answer;
}

enum class PostFormat { kJson, kNdjson, kCloudEvent, kCloudEventBatch, kBinaryCloudEvent };

Result<PostFormat> FormatOf(const HttpRequest& request) {
  std::string type(request.Header("Content-Type"));
  type.resize(std::min(type.find(';'), type.size()));
  while (type.ends_with(' ')) type.pop_back();
  for (char& c : type) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (type == "application/cloudevents+json") return PostFormat::kCloudEvent;
  if (type == "application/cloudevents-batch+json") return PostFormat::kCloudEventBatch;
  // The media type goes before the headers (HTTP binding, 3).
  if (IsBinaryCloudEvent(request) && !type.starts_with("application/cloudevents")) {
    return PostFormat::kBinaryCloudEvent;
  }
  if (type == "application/x-ndjson" || type == "application/jsonl") return PostFormat::kNdjson;
  // The last is what `curl -d` says of everything.
  if (type.empty() || type == "application/json" || type == "application/x-www-form-urlencoded") {
    return PostFormat::kJson;
  }
  return Fail(HttpError(415, ErrorCode::kInvalidArgument,
                        "events are taken as application/json, application/x-ndjson, "
                        "application/cloudevents+json, application/cloudevents-batch+json, and as "
                        "CloudEvents in binary mode; any bytes go into payload_base64",
                        "UNSUPPORTED_MEDIA_TYPE"));
}

// The body and what was made of it.
struct PostBody {
  std::string text;
  json::value value;  // if it is JSON
  std::vector<Event> events;
};

Status ReadPost(const HttpRequest& request, PostFormat format, const PostTerms& terms,
                PostBody& body) {
  const std::string& topic = terms.common.topic;
  if (format == PostFormat::kBinaryCloudEvent) {
    POSTROAD_ASSIGN(Event event, ReadBinaryCloudEvent(request, std::move(body.text), topic));
    body.events.push_back(std::move(event));
    return {};
  }
  POSTROAD_ASSIGN(body.value, ParseJson(body.text));
  if (format == PostFormat::kCloudEvent) {
    POSTROAD_ASSIGN(Event event, ReadCloudEvent(body.value, topic, "events[0]"));
    body.events.push_back(std::move(event));
  } else if (format == PostFormat::kCloudEventBatch) {
    POSTROAD_ASSIGN(body.events, ReadCloudEvents(body.value, topic));
  } else {
    POSTROAD_ASSIGN(body.events, ReadEvents(body.value));
  }
  FillIn(terms.common, body.events);
  return {};
}

HandlerResult PostLines(Exchange& exchange, PostTerms terms) {
  if (terms.await) {
    co_return co_await exchange.SendError(
        {ErrorCode::kInvalidArgument, "NDJSON is not awaited; post JSON", "wait"});
  }
  PostStream stream(exchange, terms.common);
  const Status status = co_await stream.Run();
  if (!status) co_return co_await exchange.SendError(status.error());
  co_await exchange.Send(JsonAnswer(stream.Summary()));
}

HandlerResult PostWhole(Exchange& exchange, PostFormat format, PostTerms terms) {
  auto text = co_await exchange.ReadBody();
  if (!text) co_return co_await exchange.SendError(text.error());
  PostBody body{.text = *std::move(text)};
  if (auto read = ReadPost(exchange.request(), format, terms, body); !read) {
    co_return co_await exchange.SendError(read.error(), &body.value);
  }
  auto post = Build(exchange, terms, body.events);
  if (!post) co_return co_await exchange.SendError(post.error(), &body.value);
  Result<broker::PostOutcome> outcome = broker::PostOutcome();
  if (terms.await) {
    outcome = co_await PostAndAwait(exchange, *std::move(post), *terms.await);
  } else {
    outcome = co_await PostAndWait(exchange, *std::move(post));
  }
  if (exchange.peer_gone()) co_return;
  if (!outcome) co_return co_await exchange.SendError(outcome.error(), &body.value);
  co_await exchange.Send(JsonAnswer(OutcomeJson(*outcome, body.events, terms.await.has_value())));
}

}  // namespace

HandlerResult HandlePostEvents(Exchange& exchange) {
  auto terms = TermsOf(exchange.request());
  if (!terms) co_return co_await exchange.SendError(terms.error());
  const auto format = FormatOf(exchange.request());
  if (!format) co_return co_await exchange.SendError(format.error());
  if (*format == PostFormat::kNdjson) co_return co_await PostLines(exchange, *std::move(terms));
  co_await PostWhole(exchange, *format, *std::move(terms));
}

}  // namespace postroad::gateway
