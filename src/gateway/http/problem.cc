// See problem.h.
#include "gateway/http/problem.h"

#include <boost/beast/http/status.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>

#include "core/utf8.h"

namespace postroad::gateway {

namespace json = boost::json;

namespace {

constexpr char kStatusKey[] = "http_status";
constexpr size_t kMaxValueBytes = 200;

json::string_view View(std::string_view text) { return {text.data(), text.size()}; }

// What was sent may be repeated, and need not be UTF-8, as JSON must be.
json::string Clean(std::string_view text) { return json::string(View(MendUtf8(text))); }

unsigned StatusFor(const Error& error) {
  const auto own = error.metadata.find(kStatusKey);
  if (own == error.metadata.end()) return StatusOf(error.code);
  unsigned status = 500;
  std::from_chars(own->second.data(), own->second.data() + own->second.size(), status);
  return status;
}

std::string_view ReasonOf(const Error& error) {
  return error.reason.empty() ? ErrorCodeName(error.code) : std::string_view(error.reason);
}

// Follows "events[3].headers.a" from `value` on; the longest names first, as names may hold dots.
const json::value* Follow(const json::value* value, std::string_view path) {
  while (!path.empty()) {
    if (path.front() == '.') path.remove_prefix(1);
    if (path.starts_with('[')) {
      size_t index = 0;
      const auto [end, error] = std::from_chars(path.data() + 1, path.data() + path.size(), index);
      const auto used = static_cast<size_t>(end - path.data()) + 1;
      const auto* array = value->if_array();
      if (error != std::errc() || array == nullptr || index >= array->size()) return nullptr;
      value = &(*array)[index];
      path.remove_prefix(std::min(used, path.size()));
      continue;
    }
    const auto* object = value->if_object();
    if (object == nullptr) return nullptr;
    const json::value* found = object->if_contains(View(path));
    size_t length = path.size();
    while (found == nullptr && length > 0) {
      length = path.find_last_of(".[", length - 1);
      if (length == std::string_view::npos) return nullptr;
      found = object->if_contains(View(path.substr(0, length)));
    }
    if (found == nullptr) return nullptr;
    value = found;
    path.remove_prefix(length);
  }
  return value;
}

std::string Shortened(std::string text) {
  if (text.size() <= kMaxValueBytes) return text;
  return std::string(Utf8Prefix(text, kMaxValueBytes)) + "…";
}

}  // namespace

unsigned StatusOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kOutOfRange:
      return 400;
    case ErrorCode::kUnauthenticated:
      return 401;
    case ErrorCode::kPermissionDenied:
      return 403;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kAborted:
    case ErrorCode::kFailedPrecondition:
      return 409;
    case ErrorCode::kResourceExhausted:
      return 429;
    case ErrorCode::kCancelled:
      return 499;
    case ErrorCode::kUnimplemented:
      return 501;
    case ErrorCode::kUnavailable:
      return 503;
    case ErrorCode::kDeadlineExceeded:
      return 504;
    case ErrorCode::kDataLoss:
    case ErrorCode::kInternal:
      return 500;
  }
  return 500;
}

Error HttpError(unsigned status, ErrorCode code, std::string message, std::string reason) {
  return {code, std::move(message), "", std::move(reason), {{kStatusKey, std::to_string(status)}}};
}

json::object Problem(const Error& error, const std::optional<std::string>& value) {
  const unsigned status = StatusFor(error);
  const std::string_view reason = ReasonOf(error);
  json::object problem;
  problem["type"] = View("urn:postroad:error:" + std::string(reason));
  const auto title =
      boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
  problem["title"] = View({title.data(), title.size()});
  problem["status"] = status;
  problem["detail"] =
      Clean(error.field.empty() ? error.message : error.field + ": " + error.message);
  problem["code"] = View(ErrorCodeName(error.code));
  problem["reason"] = View(reason);
  if (!error.field.empty()) problem["field"] = Clean(error.field);
  if (value) problem["value"] = Clean(Shortened(*value));
  json::object metadata;
  for (const auto& [name, text] : error.metadata) {
    if (name != kStatusKey) metadata[View(name)] = Clean(text);
  }
  if (!metadata.empty()) problem["metadata"] = std::move(metadata);
  return problem;
}

std::optional<std::string> OffendingValue(const Error& error, const HttpRequest& request,
                                          const json::value* body) {
  if (error.field.empty()) return std::nullopt;
  if (auto value = request.Query(error.field)) return value;
  std::string_view field = error.field;
  // Repeated parameters: "topic[1]" is the second `topic`.
  if (const size_t bracket = field.find('['); bracket != std::string_view::npos) {
    size_t index = 0;
    std::from_chars(field.data() + bracket + 1, field.data() + field.size(), index);
    const auto values = request.QueryAll(field.substr(0, bracket));
    if (index < values.size()) return values[index];
  }
  if (body == nullptr) return std::nullopt;
  // One posted event stands for events[0].
  if (body->is_object() && field.starts_with("events[0]") &&
      !body->get_object().contains("events")) {
    field.remove_prefix(std::string_view("events[0]").size());
  } else if (body->is_array() && field.starts_with("events[")) {
    field.remove_prefix(std::string_view("events").size());
  }
  if (field.empty()) return std::nullopt;
  const json::value* value = Follow(body, field);
  if (value == nullptr || value->is_object() || value->is_array()) return std::nullopt;
  if (const auto* text = value->if_string()) return std::string(text->data(), text->size());
  return json::serialize(*value);
}

HttpAnswer ProblemAnswer(const Error& error, const std::optional<std::string>& value) {
  HttpAnswer answer = JsonAnswer(Problem(error, value), StatusFor(error));
  answer.content_type = kProblemType;
  if (answer.status == 401) answer.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (answer.status == 429 || answer.status == 503) answer.headers.emplace_back("Retry-After", "1");
  return answer;
}

}  // namespace postroad::gateway
