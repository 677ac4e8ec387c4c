// What can be set about RSocket clients, and what their routes stand for.
#ifndef POSTROAD_GATEWAY_RSOCKET_OPTIONS_H_
#define POSTROAD_GATEWAY_RSOCKET_OPTIONS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/presence.h"
#include "core/time.h"

namespace postroad::rsocket_gateway {

// Where a topic's stream begins for a client that gives no cursor.
enum class RouteStart : uint8_t { kEnd, kBeginning };

// Which of those who read a topic by one route get an event.
enum class Receivers : uint8_t { kAll, kNewest, kOne };

// A request-stream to `route` reads the topic.
struct Route {
  std::string route;
  std::string topic;  // "{user}" stands for the user whom SETUP names
  RouteStart start = RouteStart::kEnd;
  Receivers receivers = Receivers::kAll;
};

// What the gateway answers itself.
inline constexpr std::string_view kAckRoute = "postroad.ack";
inline constexpr std::string_view kPostRoute = "postroad.post";
inline constexpr std::string_view kPresenceRoute = "postroad.presence";
// What it asks, unless the asker names another.
inline constexpr std::string_view kQuestionRoute = "postroad.question";

using broker::kUserPlaceholder;

// The routes of Spring-style applications, when no others are set.
std::vector<Route> DefaultRoutes();

struct RSocketOptions {
  std::string host;
  uint16_t port = 0;  // 0: any free port
  bool tcp = true;    // false: WebSocket only
  std::vector<Route> routes = DefaultRoutes();
  // Whether SETUP must name a user (a blank one is REJECTED_SETUP).
  bool require_user = true;
  std::vector<std::string> origins;
  uint32_t max_connections = 100'000;
  uint32_t max_streams = 1'000;
  uint64_t max_frame_bytes = 1 << 20;
  uint64_t max_payload_bytes = 16 << 20;
  uint64_t max_queued_bytes = 2 << 20;
  uint64_t max_incomplete_bytes = 256 << 20;
  Duration setup_timeout = std::chrono::seconds(10);
  Duration max_lifetime = std::chrono::minutes(5);
  Duration write_timeout = std::chrono::seconds(30);
  Duration resume_window = std::chrono::minutes(2);
  uint64_t resume_bytes = 256 << 10;
  uint32_t max_suspended = 10'000;  // sessions that wait to be resumed; of more the oldest end
  bool deflate = false;             // WebSocket messages, where clients offer it
  uint32_t min_resume_token_bytes = 1;
};

}  // namespace postroad::rsocket_gateway

#endif  // POSTROAD_GATEWAY_RSOCKET_OPTIONS_H_
