// One of several streams that share a topic's events: each goes to the newest connection, or to one
// in turn.
#ifndef POSTROAD_GATEWAY_RSOCKET_SHARED_READER_H_
#define POSTROAD_GATEWAY_RSOCKET_SHARED_READER_H_

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "broker/event_stream.h"
#include "broker/user_connection.h"
#include "gateway/rsocket/gateway.h"
#include "gateway/rsocket/topic_reader.h"
#include "rsocket/session/session.h"

namespace postroad::rsocket_gateway {

class SharedReader final : public rsocket::StreamHandler {
 public:
  SharedReader(Gateway& gateway, size_t core, rsocket::Stream& stream, PayloadForm form);
  ~SharedReader() override;
  // `principal` as long as this lives.
  Status Open(const auth::Principal& principal, broker::UserConnection& connection,
              ReadRequest request, broker::TurnOrder order);

  void OnRoom() override { Pump(); }

 private:
  Status OpenAt(broker::StreamStart start);
  void Pump();
  // Whether the notices have been sent.
  bool SendNotices();
  // One event, or what stands in its place; false: wait.
  Result<bool> Take(const broker::Turns::Next& next);
  Status Load(broker::StreamBatch batch);
  bool Loaded(Offset offset) const;
  bool SayCaughtUp();
  void Wait();
  void Fail(const Error& error);

  Gateway& gateway_;
  const size_t core_;
  rsocket::Stream& stream_;
  const PayloadForm form_;
  const auth::Principal* principal_ = nullptr;
  std::string topic_;
  bool ended_ = false;
  bool broker_ended_ = false;
  bool said_caught_up_ = false;
  std::unique_ptr<broker::EventStream> events_;
  Offset position_;  // of events_
  std::unique_ptr<broker::ConnectionReceipts::Reading> reading_;
  std::unique_ptr<broker::Turns::Place> place_;
  journal::WaitPtr wait_;
  std::deque<rsocket::EncodedPayload> notices_;
  // What was read last; some of it may have gone to others.
  struct ReadRun {
    EncodedRun payloads;
    Offset first;
  };
  std::vector<ReadRun> runs_;
  std::shared_ptr<SharedReader*> self_;  // what tasks that may come late hold weakly
};

}  // namespace postroad::rsocket_gateway

#endif  // POSTROAD_GATEWAY_RSOCKET_SHARED_READER_H_
