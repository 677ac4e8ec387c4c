// A request as handlers see it, and the answer they give.
#ifndef POSTROAD_GATEWAY_HTTP_REQUEST_H_
#define POSTROAD_GATEWAY_HTTP_REQUEST_H_

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/json/value.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/principal.h"
#include "core/error.h"
#include "core/time.h"

namespace postroad::gateway {

struct HttpRequest {
  using Fields = std::vector<std::pair<std::string, std::string>>;

  boost::beast::http::request<boost::beast::http::empty_body> head;
  std::string path;                   // as it was sent
  std::vector<std::string> segments;  // of the path, decoded
  Fields query;                       // decoded, in the order given
  Fields path_values;                 // what stood in the place of {name} in the route's pattern
  std::string peer;
  std::shared_ptr<const auth::Principal> principal;

  // Empty if it is not there.
  std::string_view Header(std::string_view name) const;
  // Of the first parameter of this name; nothing if there is none.
  std::optional<std::string> Query(std::string_view name) const;
  std::vector<std::string> QueryAll(std::string_view name) const;
  const std::string& PathValue(std::string_view name) const;

  // Readers of query parameters; nothing where there is none. INVALID_ARGUMENT naming it.
  Result<std::optional<uint64_t>> QueryNumber(std::string_view name) const;
  Result<std::optional<Duration>> QueryDuration(std::string_view name) const;
  Result<std::optional<Timestamp>> QueryTime(std::string_view name, Timestamp now) const;
  Result<bool> QueryFlag(std::string_view name) const;
  // INVALID_ARGUMENT naming the first parameter that is none of these, and the nearest that is.
  Status CheckQuery(std::initializer_list<std::string_view> known) const;
};

// Fills in path, segments and query of `head`'s target. INVALID_ARGUMENT if it is malformed.
Status ParseTarget(HttpRequest& request);

struct HttpAnswer {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  HttpRequest::Fields headers;
  bool close = false;  // the connection, after it
};

// Whole answers in JSON.
HttpAnswer JsonText(std::string text, unsigned status = 200);
HttpAnswer JsonAnswer(const boost::json::value& value, unsigned status = 200);

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_REQUEST_H_
