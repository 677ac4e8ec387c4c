// See origin.h.
#include "gateway/http/origin.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/verb.hpp>

namespace postroad::gateway {

using boost::beast::http::verb;

bool OriginAllowed(const std::vector<std::string>& allowed, std::string_view origin) {
  return std::ranges::any_of(allowed,
                             [&](const std::string& one) { return one == "*" || one == origin; });
}

Status CheckOrigin(const std::vector<std::string>& allowed, const HttpRequest& request) {
  const verb method = request.head.method();
  const std::string_view origin = request.Header("Origin");
  if (origin.empty() || method == verb::get || method == verb::head) return {};
  const size_t slashes = origin.find("//");
  const std::string_view host =
      slashes == std::string_view::npos ? origin : origin.substr(slashes + 2);
  if (host == request.Header("Host") || OriginAllowed(allowed, origin)) return {};
  return Fail(
      ErrorCode::kPermissionDenied,
      "pages of " + std::string(origin) + " may not do this; http.cors_origins says who may", "",
      "ORIGIN_NOT_ALLOWED");
}

bool HostAllowed(const std::vector<std::string>& allowed, std::string_view host) {
  namespace ip = boost::asio::ip;
  boost::system::error_code error;
  if (host.starts_with('[')) {
    const size_t end = host.find(']');
    if (end == std::string_view::npos) return false;
    const std::string_view port = host.substr(end + 1);
    if (!port.empty() && !port.starts_with(':')) return false;
    ip::make_address_v6(std::string(host.substr(1, end - 1)), error);
    return !error;
  }
  host = host.substr(0, host.find(':'));
  ip::make_address_v4(std::string(host), error);
  if (!error) return true;
  const boost::beast::string_view name(host.data(), host.size());
  if (boost::beast::iequals(name, "localhost") || name.ends_with(".localhost")) return true;
  return std::ranges::any_of(
      allowed, [&](const std::string& one) { return boost::beast::iequals(one, name); });
}

HttpAnswer PreflightAnswer(const std::vector<std::string>& allowed, const HttpRequest& request,
                           const std::string& methods) {
  HttpAnswer answer{.status = 204, .content_type = "", .headers = {{"Allow", methods}}};
  const std::string_view origin = request.Header("Origin");
  if (origin.empty() || !OriginAllowed(allowed, origin)) return answer;
  answer.headers.emplace_back("Access-Control-Allow-Methods", methods);
  // What the API reads; those of CloudEvents in binary mode are many.
  const std::string_view asked = request.Header("Access-Control-Request-Headers");
  if (!asked.empty()) answer.headers.emplace_back("Access-Control-Allow-Headers", asked);
  answer.headers.emplace_back("Access-Control-Max-Age", "600");
  return answer;
}

}  // namespace postroad::gateway
