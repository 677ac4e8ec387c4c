// See read_request.h.
#include "gateway/http/read_request.h"

#include "gateway/http/problem.h"

namespace postroad::gateway {
namespace {

constexpr size_t kStreamBatchBytes = 64 << 10;
constexpr Duration kMaxWait = std::chrono::minutes(5);
constexpr Duration kLeastHeartbeat = std::chrono::seconds(1);
constexpr Duration kMaxHeartbeat = std::chrono::hours(1);

bool Accepts(std::string_view accept, std::string_view type) {
  return accept.find(type) != std::string_view::npos;
}

Result<ReadFormat> FormatOf(const HttpRequest& request) {
  if (const auto format = request.Query("format")) {
    if (*format == "sse") return ReadFormat::kSse;
    if (*format == "ndjson") return ReadFormat::kNdjson;
    if (*format == "json") return ReadFormat::kJson;
    return Invalid("format", "must be json, ndjson or sse");
  }
  const std::string_view accept = request.Header("Accept");
  if (Accepts(accept, "text/event-stream")) return ReadFormat::kSse;
  if (Accepts(accept, "application/x-ndjson")) return ReadFormat::kNdjson;
  if (accept.empty() || Accepts(accept, "json") || Accepts(accept, "*/*") ||
      Accepts(accept, "application/*")) {
    return ReadFormat::kJson;
  }
  return Fail(HttpError(406, ErrorCode::kInvalidArgument,
                        "events are given as application/json, application/x-ndjson and "
                        "text/event-stream",
                        "NOT_ACCEPTABLE"));
}

Result<broker::StreamStart> NamedStart(const std::string& from) {
  if (from == "beginning") return broker::FromBeginning{};
  if (from == "end") return broker::FromEnd{};
  return Invalid("from",
                 "must be beginning or end; for others there are cursor, last, time, offset");
}

// An EventSource that connects again asks for the same address, and says where it was in a header.
Result<broker::StreamStart> StartOf(const HttpRequest& request, ReadFormat format, Timestamp now) {
  const std::string_view last_id = request.Header("Last-Event-ID");
  if (format == ReadFormat::kSse && !last_id.empty()) {
    return broker::FromCursor{std::string(last_id)};
  }
  broker::StreamStart start = broker::FromEnd{};
  size_t given = 0;
  if (const auto from = request.Query("from"); from && ++given > 0) {
    POSTROAD_ASSIGN(start, NamedStart(*from));
  }
  if (const auto cursor = request.Query("cursor"); cursor && ++given > 0) {
    start = broker::FromCursor{*cursor};
  }
  POSTROAD_ASSIGN(const auto last, request.QueryNumber("last"));
  if (last && ++given > 0) start = broker::FromLast{*last};
  POSTROAD_ASSIGN(const auto time, request.QueryTime("time", now));
  if (time && ++given > 0) start = broker::FromTime{*time};
  POSTROAD_ASSIGN(const auto offset, request.QueryNumber("offset"));
  if (offset && ++given > 0) start = broker::FromOffset{Offset(*offset)};
  if (given > 1) {
    return Invalid("from", "give one of from, cursor, last, time, offset");
  }
  return start;
}

Result<EventFilter> FilterOf(const HttpRequest& request) {
  EventFilter filter{.types = request.QueryAll("type"), .keys = request.QueryAll("key")};
  for (const std::string& header : request.QueryAll("header")) {
    const size_t colon = header.find(':');
    if (colon == std::string::npos) return Invalid("header", "must be name:value");
    filter.headers.emplace(header.substr(0, colon), header.substr(colon + 1));
  }
  return filter;
}

}  // namespace

Result<ReadWish> ParseRead(const HttpRequest& request, Duration heartbeat, Timestamp now) {
  POSTROAD_TRY(request.CheckQuery({"topic", "from", "cursor", "last", "time", "offset", "type",
                                   "key", "header", "client_id", "stop_at_end", "max", "wait",
                                   "heartbeat", "format"}));
  POSTROAD_ASSIGN(const ReadFormat format, FormatOf(request));
  POSTROAD_ASSIGN(TopicSelector topics, TopicSelector::Parse(request.QueryAll("topic"), "topic"));
  POSTROAD_ASSIGN(broker::StreamStart start, StartOf(request, format, now));
  ReadWish wish{.format = format,
                .spec = {.topics = std::move(topics),
                         .start = std::move(start),
                         .client_id = request.Query("client_id").value_or(""),
                         .max_batch_bytes = kStreamBatchBytes},
                .heartbeat = heartbeat};
  POSTROAD_ASSIGN(wish.spec.filter, FilterOf(request));
  POSTROAD_ASSIGN(wish.spec.stop_at_end, request.QueryFlag("stop_at_end"));
  POSTROAD_ASSIGN(wish.max, request.QueryNumber("max"));
  if (wish.max == 0 || (format == ReadFormat::kJson && wish.max > kMaxPageEvents)) {
    return Invalid("max", format == ReadFormat::kJson ? "must be 1 to 1,000" : "must not be 0");
  }
  POSTROAD_ASSIGN(wish.wait, request.QueryDuration("wait"));
  if (wish.wait > kMaxWait) return Invalid("wait", "must be at most 5m");
  POSTROAD_ASSIGN(const auto asked, request.QueryDuration("heartbeat"));
  if (asked) wish.heartbeat = *asked;
  if (asked && (*asked < kLeastHeartbeat || *asked > kMaxHeartbeat)) {
    return Invalid("heartbeat", "must be 1s to 1h");
  }
  return wish;
}

}  // namespace postroad::gateway
