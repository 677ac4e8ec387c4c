// One stream of a topic's events to one client: pulled from the broker as the client asks for more.
#ifndef POSTROAD_GATEWAY_RSOCKET_TOPIC_READER_H_
#define POSTROAD_GATEWAY_RSOCKET_TOPIC_READER_H_

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/event_stream.h"
#include "broker/user_connection.h"
#include "core/cursor.h"
#include "gateway/rsocket/gateway.h"
#include "rsocket/session/session.h"

namespace postroad::rsocket_gateway {

// What a request for a stream may say in its data, as JSON; other data is not looked at.
struct ReadRequest {
  std::string topic;
  broker::StreamStart start;
  bool lines = false;  // PayloadForm::kLine
};
// {"cursor": "…"}, {"from": "beginning" | "end"} or {"last": 10}, else where the route begins; with
// "format": "json" or by itself.
Result<ReadRequest> ParseReadRequest(const Route& route, std::string_view user,
                                     std::string_view data);

// Where a stream of one topic is.
inline const TopicCursor& TopicCursorOf(const Cursor& cursor) {
  return std::get<TopicCursor>(cursor);
}

class TopicReader final : public rsocket::StreamHandler {
 public:
  TopicReader(Gateway& gateway, size_t core, rsocket::Stream& stream, PayloadForm form);
  ~TopicReader() override;
  Status Open(const auth::Principal& principal, broker::UserConnection& connection,
              ReadRequest request);

  void OnRoom() override;

 private:
  void Pump();
  // Sends of what was read, as far as there is room; true if all of it.
  bool SendRead();
  Status Read(broker::StreamBatch batch);
  void AddNotices(std::vector<rsocket::EncodedPayload> notices);
  void Wait();
  void Fail(const Error& error);

  Gateway& gateway_;
  const size_t core_;
  rsocket::Stream& stream_;
  const PayloadForm form_;
  bool ended_ = false;
  std::unique_ptr<broker::EventStream> events_;
  std::unique_ptr<broker::ConnectionReceipts::Reading> reading_;
  journal::WaitPtr wait_;
  // Read and not sent yet: of the first run, from sent_ on.
  struct ReadRun {
    EncodedRun payloads;
    std::optional<Offset> first;  // nothing: notices
  };
  std::deque<ReadRun> read_;
  size_t sent_ = 0;
  std::shared_ptr<TopicReader*> self_;  // what tasks that may come late hold weakly
};

}  // namespace postroad::rsocket_gateway

#endif  // POSTROAD_GATEWAY_RSOCKET_TOPIC_READER_H_
