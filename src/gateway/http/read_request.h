// What GET /v1/events asks for.
#ifndef POSTROAD_GATEWAY_HTTP_READ_REQUEST_H_
#define POSTROAD_GATEWAY_HTTP_READ_REQUEST_H_

#include <cstdint>
#include <optional>

#include "broker/event_stream.h"
#include "core/error.h"
#include "core/time.h"
#include "gateway/http/request.h"

namespace postroad::gateway {

enum class ReadFormat { kJson, kNdjson, kSse };

inline constexpr uint64_t kMaxPageEvents = 1'000;

struct ReadWish {
  ReadFormat format = ReadFormat::kJson;
  broker::StreamSpec spec;
  std::optional<uint64_t> max;   // events; pages have a limit of their own
  std::optional<Duration> wait;  // for something to come; pages: none if absent, streams: for ever
  Duration heartbeat{};          // streams
};

// `heartbeat`: what streams have that ask for none. INVALID_ARGUMENT naming the parameter, 406 if
// the peer accepts none of the formats.
Result<ReadWish> ParseRead(const HttpRequest& request, Duration heartbeat, Timestamp now);

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_READ_REQUEST_H_
