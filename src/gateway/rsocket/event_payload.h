// Events as RSocket payloads, encoded once for all streams of a core.
#ifndef POSTROAD_GATEWAY_RSOCKET_EVENT_PAYLOAD_H_
#define POSTROAD_GATEWAY_RSOCKET_EVENT_PAYLOAD_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/event_stream.h"
#include "core/cursor.h"
#include "core/error.h"
#include "rsocket/session/payload.h"

namespace postroad::rsocket_gateway {

// What an entry of composite metadata that comes with an event, or with a notice, is called.
inline constexpr std::string_view kEventMime = "application/vnd.postroad.event+json";
inline constexpr std::string_view kNoticeMime = "application/vnd.postroad.notice+json";

// What a client gets of an event, and of what there is to say beside events.
enum class PayloadForm : uint8_t {
  kPlain,      // its payload as data, and nothing beside events
  kDescribed,  // and composite metadata: id, topic, offset, the cursor behind it
  kLine,       // a line of JSON with all of that as data
};

using EncodedRun = std::shared_ptr<const std::vector<rsocket::EncodedPayload>>;

// The events of a run. DATA_LOSS if the records are malformed.
Result<EncodedRun> EncodeRun(const broker::StreamRun& run, Epoch epoch, PayloadForm form);

// What a batch says before its events and, in lines, after them. Not for kPlain.
std::vector<rsocket::EncodedPayload> NoticesBefore(const broker::StreamBatch& batch,
                                                   PayloadForm form);
std::vector<rsocket::EncodedPayload> NoticesAfter(const broker::StreamBatch& batch,
                                                  PayloadForm form);
// The first line of a stream.
rsocket::EncodedPayload OpenedLine(std::string_view connection, std::string_view cursor);
// What ends a stream of kPlain, where the batch has something to say beside events: where to go on
// is in it. Nothing otherwise.
std::optional<Error> UntoldNotice(const broker::StreamBatch& batch, const TopicCursor& at);

// Keeps the newest encoded runs, so that a run that many streams read is encoded once. On one core.
class RunCache {
 public:
  explicit RunCache(size_t max_bytes = 4 << 20) : max_bytes_(max_bytes) {}
  Result<EncodedRun> Get(const broker::StreamRun& run, Epoch epoch, PayloadForm form);

 private:
  struct Entry {
    journal::RunPtr owner;  // keeps its address from being used again
    Offset first;
    uint32_t count = 0;
    PayloadForm form = PayloadForm::kPlain;
    EncodedRun run;
    size_t bytes = 0;
  };
  const size_t max_bytes_;
  size_t bytes_ = 0;
  std::deque<Entry> entries_;  // newest first
};

}  // namespace postroad::rsocket_gateway

#endif  // POSTROAD_GATEWAY_RSOCKET_EVENT_PAYLOAD_H_
