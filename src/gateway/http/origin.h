// Which web pages may use the API from a browser: CORS, and by which names the server may be
// called.
#ifndef POSTROAD_GATEWAY_HTTP_ORIGIN_H_
#define POSTROAD_GATEWAY_HTTP_ORIGIN_H_

#include <string>
#include <string_view>
#include <vector>

#include "gateway/http/request.h"

namespace postroad::gateway {

// "*" allows all.
bool OriginAllowed(const std::vector<std::string>& allowed, std::string_view origin);

// Browsers send some requests of any page without asking first; those that change something are
// refused here. PERMISSION_DENIED reason ORIGIN_NOT_ALLOWED.
Status CheckOrigin(const std::vector<std::string>& allowed, const HttpRequest& request);

// Whether `host` (a Host field) is an address, localhost, or one of `allowed`, by name.
bool HostAllowed(const std::vector<std::string>& allowed, std::string_view host);

// To OPTIONS: which methods the path has, and, to a page that may, that it may.
HttpAnswer PreflightAnswer(const std::vector<std::string>& allowed, const HttpRequest& request,
                           const std::string& methods);

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_ORIGIN_H_
