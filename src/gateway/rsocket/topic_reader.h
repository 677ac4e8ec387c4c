// One stream of a topic's events to one client: pulled from the broker as the client asks for more.
#ifndef POSTROAD_GATEWAY_RSOCKET_TOPIC_READER_H_
#define POSTROAD_GATEWAY_RSOCKET_TOPIC_READER_H_

#include <deque>
#include <memory>
#include <string>

#include "broker/event_stream.h"
#include "gateway/rsocket/gateway.h"
#include "rsocket/session/session.h"

namespace postroad::rsocket_gateway {

// What a request for a stream may say in its data, as JSON; other data is not looked at.
struct ReadRequest {
  std::string topic;
  broker::StreamStart start;
};
// {"cursor": "…"}, {"from": "beginning" | "end"} or {"last": 10}; else where the route begins.
Result<ReadRequest> ParseReadRequest(const Route& route, std::string_view user,
                                     std::string_view data);

class TopicReader final : public rsocket::StreamHandler {
 public:
  // `describe`: the client reads composite metadata, in which each event says what it is.
  TopicReader(Gateway& gateway, size_t core, rsocket::Stream& stream, bool describe);
  ~TopicReader() override;
  Status Open(const auth::Principal& principal, ReadRequest request);

  void OnRoom() override;

 private:
  void Pump();
  // Sends of what was read, as far as there is room; true if all of it.
  bool SendRead();
  Status Read(broker::StreamBatch batch);
  void Wait();
  void Fail(const Error& error);

  Gateway& gateway_;
  const size_t core_;
  rsocket::Stream& stream_;
  const bool describe_;
  bool ended_ = false;
  std::unique_ptr<broker::EventStream> events_;
  journal::WaitPtr wait_;
  // Read and not sent yet: of the first run, from sent_ on.
  std::deque<EncodedRun> read_;
  size_t sent_ = 0;
  std::shared_ptr<TopicReader*> self_;  // what tasks that may come late hold weakly
};

}  // namespace postroad::rsocket_gateway

#endif  // POSTROAD_GATEWAY_RSOCKET_TOPIC_READER_H_
