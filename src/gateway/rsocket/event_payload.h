// Events as RSocket payloads, encoded once for all streams of a core.
#ifndef POSTROAD_GATEWAY_RSOCKET_EVENT_PAYLOAD_H_
#define POSTROAD_GATEWAY_RSOCKET_EVENT_PAYLOAD_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/event_stream.h"
#include "core/error.h"
#include "rsocket/session/payload.h"

namespace postroad::rsocket_gateway {

// What an entry of composite metadata that comes with an event, or with a notice, is called.
inline constexpr std::string_view kEventMime = "application/vnd.postroad.event+json";
inline constexpr std::string_view kNoticeMime = "application/vnd.postroad.notice+json";

using EncodedRun = std::shared_ptr<const std::vector<rsocket::EncodedPayload>>;

// The events of a run: their payloads as data and, if `describe`, composite metadata with what else
// there is to say: id, topic, offset, the cursor behind it. DATA_LOSS if the records are malformed.
Result<EncodedRun> EncodeRun(const broker::StreamRun& run, Epoch epoch, bool describe);

// What a batch says beside its events, for clients that can read it; nothing if it says nothing.
std::string NoticeJson(const broker::StreamBatch& batch);
rsocket::EncodedPayload NoticePayload(const std::string& json);

// Keeps the newest encoded runs, so that a run that many streams read is encoded once. On one core.
class RunCache {
 public:
  explicit RunCache(size_t max_bytes = 4 << 20) : max_bytes_(max_bytes) {}
  Result<EncodedRun> Get(const broker::StreamRun& run, Epoch epoch, bool describe);

 private:
  struct Entry {
    journal::RunPtr owner;  // keeps its address from being used again
    Offset first;
    uint32_t count = 0;
    bool describe = false;
    EncodedRun run;
    size_t bytes = 0;
  };
  const size_t max_bytes_;
  size_t bytes_ = 0;
  std::deque<Entry> entries_;  // newest first
};

}  // namespace postroad::rsocket_gateway

#endif  // POSTROAD_GATEWAY_RSOCKET_EVENT_PAYLOAD_H_
