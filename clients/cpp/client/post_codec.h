// Post requests and their replies as bytes: events are encoded once, as they come in, straight into
// the request that will carry them.
#ifndef POSTROAD_CLIENTS_CPP_CLIENT_POST_CODEC_H_
#define POSTROAD_CLIENTS_CPP_CLIENT_POST_CODEC_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/event.h"
#include "postroad/publisher.h"

namespace postroad::client {

inline constexpr size_t kMaxRequestEvents = 10'000;
inline constexpr size_t kMaxRequestBytes = 8 << 20;

// Checks what can be checked without the server, naming `field` ("events[3]").
Status CheckPosted(const EventView& event, std::string_view field);
// The two parts of it: the topic, which is often that of the event before, and all else.
Status CheckPostedTopic(std::string_view topic, std::string_view field);
Status CheckPostedButTopic(const EventView& event, std::string_view field);

// Appends the event, with topic, as one entry of PostRequest.events.
void AppendPosted(const EventView& event, std::string& request);

// A PostResponse. Ids are those the server made, which is none where ids were sent.
struct PostReply {
  std::vector<PostResult> results;
  bool refused = false;
  Error error;  // if refused
};
// INTERNAL if malformed. Makes room for `expected` results.
Result<PostReply> ParsePostReply(std::string_view bytes, size_t expected = 0);

}  // namespace postroad::client

#endif  // POSTROAD_CLIENTS_CPP_CLIENT_POST_CODEC_H_
