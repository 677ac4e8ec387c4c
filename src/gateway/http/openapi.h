// The OpenAPI 3.1 document of the API: openapi.json, which the server serves and tests hold it to.
#ifndef POSTROAD_GATEWAY_HTTP_OPENAPI_H_
#define POSTROAD_GATEWAY_HTTP_OPENAPI_H_

#include <string_view>

namespace postroad::gateway {

std::string_view OpenApiDocument();

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_OPENAPI_H_
