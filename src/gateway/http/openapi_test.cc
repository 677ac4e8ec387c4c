// The document names what the server serves, and nothing else.
#include "gateway/http/openapi.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "gateway/http/routes.h"

namespace postroad::gateway {
namespace {

std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

TEST(OpenApi, HasEveryRouteAndNoOther) {
  std::set<std::string> served, documented;
  for (const Route& route : Routes()) {
    served.insert(Lower(std::string(to_string(route.verb))) + " " + std::string(route.pattern) +
                  " " + std::string(route.operation));
  }
  const std::string_view text = OpenApiDocument();
  const auto document = boost::json::parse({text.data(), text.size()});
  for (const auto& [path, item] : document.at("paths").as_object()) {
    if (!path.starts_with("/v1/")) continue;  // the server's pages: tests/http/openapi_test.py
    for (const auto& [verb, operation] : item.as_object()) {
      if (verb == "parameters") continue;
      documented.insert(std::string(verb) + " " + std::string(path) + " " +
                        std::string(operation.at("operationId").as_string()));
    }
  }
  EXPECT_EQ(documented, served);
}

}  // namespace
}  // namespace postroad::gateway
