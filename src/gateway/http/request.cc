// See request.h.
#include "gateway/http/request.h"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>

#include "core/names.h"
#include "core/utf8.h"

namespace postroad::gateway {

namespace urls = boost::urls;

namespace {

std::unexpected<Error> BadParameter(std::string_view name, std::string message) {
  return Invalid(std::string(name), std::move(message));
}

}  // namespace

std::string_view HttpRequest::Header(std::string_view name) const {
  const auto value = head[boost::beast::string_view(name.data(), name.size())];
  return {value.data(), value.size()};
}

std::optional<std::string> HttpRequest::Query(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::vector<std::string> HttpRequest::QueryAll(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : query) {
    if (key == name) values.push_back(value);
  }
  return values;
}

const std::string& HttpRequest::PathValue(std::string_view name) const {
  static const std::string none;
  for (const auto& [key, value] : path_values) {
    if (key == name) return value;
  }
  return none;
}

Result<std::optional<uint64_t>> HttpRequest::QueryNumber(std::string_view name) const {
  const auto text = Query(name);
  if (!text) return std::nullopt;
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (text->empty() || error != std::errc() || end != text->data() + text->size()) {
    return BadParameter(name, "must be a whole number");
  }
  return number;
}

Result<std::optional<Duration>> HttpRequest::QueryDuration(std::string_view name) const {
  const auto text = Query(name);
  if (!text) return std::nullopt;
  const auto duration = ParseDuration(*text);
  if (!duration) return BadParameter(name, duration.error().message);
  return *duration;
}

Result<std::optional<Timestamp>> HttpRequest::QueryTime(std::string_view name,
                                                        Timestamp now) const {
  const auto text = Query(name);
  if (!text) return std::nullopt;
  const auto time = ParseTime(*text, now);
  if (!time) return BadParameter(name, time.error().message);
  return *time;
}

Result<bool> HttpRequest::QueryFlag(std::string_view name) const {
  const auto text = Query(name);
  if (!text || *text == "false") return false;
  if (*text == "true" || text->empty()) return true;
  return BadParameter(name, "must be true or false");
}

Status HttpRequest::CheckQuery(std::initializer_list<std::string_view> known) const {
  for (const auto& [name, value] : query) {
    if (name == "access_token") continue;
    if (std::ranges::find(known, name) != known.end()) continue;
    const std::string near = NearestName(name, {known.begin(), known.end()});
    return BadParameter(name, "is no parameter of this request" +
                                  (near.empty() ? "" : ", did you mean '" + near + "'?"));
  }
  return {};
}

Status ParseTarget(HttpRequest& request) {
  const auto bad = [](std::string message) {
    return Fail(ErrorCode::kInvalidArgument, std::move(message), "", "BAD_TARGET");
  };
  const auto target = request.head.target();
  // What begins with a slash is a path, also "//host/path" (RFC 9112, 3.2.1).
  const auto parsed = target.starts_with('/')
                          ? urls::parse_origin_form({target.data(), target.size()})
                          : urls::parse_absolute_uri({target.data(), target.size()});
  if (!parsed || !parsed->is_path_absolute()) {
    return bad("the request's target is no absolute path");
  }
  const bool http =
      parsed->scheme_id() == urls::scheme::http || parsed->scheme_id() == urls::scheme::https;
  if (!target.starts_with('/') && (!http || parsed->encoded_host().empty())) {
    return bad("the request's target is no http URI");
  }
  request.path = std::string(parsed->encoded_path());
  for (const auto& segment : parsed->segments()) request.segments.emplace_back(segment);
  urls::encoding_opts options;
  options.space_as_plus = true;
  for (const auto& parameter : parsed->params(options)) {
    // A lone "?" is one parameter without a name.
    if (!parameter.key.empty()) request.query.emplace_back(parameter.key, parameter.value);
  }
  bool text = std::ranges::all_of(request.segments, IsValidUtf8);
  for (const auto& [key, value] : request.query) {
    text = text && IsValidUtf8(key) && IsValidUtf8(value);
  }
  if (!text) return bad("the request's target is not UTF-8 once decoded");
  return {};
}

HttpAnswer JsonText(std::string text, unsigned status) {
  return {.status = status, .body = std::move(text)};
}

HttpAnswer JsonAnswer(const boost::json::value& value, unsigned status) {
  return JsonText(boost::json::serialize(value) + "\n", status);
}

}  // namespace postroad::gateway
