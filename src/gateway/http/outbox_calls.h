// What operators do with outbox sources over HTTP. The relays are not the gateway's: whoever runs
// them hands these calls in.
#ifndef POSTROAD_GATEWAY_HTTP_OUTBOX_CALLS_H_
#define POSTROAD_GATEWAY_HTTP_OUTBOX_CALLS_H_

#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "core/error.h"

namespace postroad::gateway {

// Thread-safe; all but the first ask the source's database, and block. NOT_FOUND where there is no
// such source, or no such row.
struct OutboxCalls {
  using Change = std::function<Result<uint64_t>(const std::string& source,
                                                const std::optional<std::string>& row)>;

  // {"sources":[…]}: how they stand.
  std::function<boost::json::value()> list;
  // {"rows":[…]}: at most `limit` that are set aside.
  std::function<Result<boost::json::value>(const std::string& source, size_t limit)> list_poison;
  // The row, or all: to be sent again, or forgotten. How many.
  Change retry_poison, drop_poison;
};

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_OUTBOX_CALLS_H_
