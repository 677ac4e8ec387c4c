// Which request is whose: the table of the API's operations.
#ifndef POSTROAD_GATEWAY_HTTP_ROUTES_H_
#define POSTROAD_GATEWAY_HTTP_ROUTES_H_

#include <boost/asio/awaitable.hpp>
#include <boost/beast/http/verb.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/http/exchange.h"

namespace postroad::gateway {

struct Route {
  boost::beast::http::verb verb;
  std::string_view pattern;    // "/v1/subscriptions/{name}/pull"
  std::string_view operation;  // as in the OpenAPI document and in metrics
  boost::asio::awaitable<void> (*handle)(Exchange&);
};

const std::vector<Route>& Routes();

struct Match {
  const Route* route = nullptr;
  HttpRequest::Fields values;
  std::string allowed;  // without a route: the methods that the path has; empty: no such path
};
// HEAD is served as GET.
Match FindRoute(boost::beast::http::verb verb, const std::vector<std::string>& segments);

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_ROUTES_H_
