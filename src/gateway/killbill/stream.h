// SubscribeEvents: one member of the subscription that all subscribers with its search_key2 share.
// Its subscriber takes events as fast as it reads; what it has to settle is bounded by the
// subscription's max_in_flight, and what waits here by a small window.
#ifndef POSTROAD_GATEWAY_KILLBILL_STREAM_H_
#define POSTROAD_GATEWAY_KILLBILL_STREAM_H_

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "gateway/killbill/call.h"
#include "killbill/queue.pb.h"

namespace postroad::killbill {

class Stream final
    : public Call<grpc::ServerWriteReactor<grpc::ByteBuffer>, queue::SubscriptionRequest>,
      private delivery::MemberSink {
 public:
  using Call::Call;

  // From any thread: settles what was delivered here; `done` with whether it was still to settle,
  // on some thread.
  void Settle(delivery::Settlement settlement, std::function<void(bool)> done);
  // From any thread: ends the stream with OK; `gone` once its end is on its way to the subscriber
  // (at once if it has ended already).
  void Close(std::function<void()> gone);

 private:
  void Started() override;
  void Cancelled() override;
  void Finishing() override;
  void Gone() override;
  void OnWriteDone(bool ok) override;

  // delivery::MemberSink
  void OnDeliveries(std::vector<delivery::Delivery> deliveries) override;
  void OnSettleFailures(std::vector<delivery::SettleFailure> failures) override;
  void OnClosed(Error reason) override;

  void Prepared(Result<broker::SubscriptionSeen> seen);
  void TopUpCredit();
  void WriteOn();
  // The next message; nothing if the delivery can be none, and was made a dead letter.
  std::optional<grpc::ByteBuffer> ToMessage(const delivery::Delivery& delivery);
  void Written(bool ok);
  // Ends the call with this (nothing: OK) once what is being written is written.
  void EndWith(std::optional<Error> reason);

  std::optional<broker::JoinRequest> join_;
  std::unique_ptr<delivery::Member> member_;
  uint64_t credit_ = 0;                   // given, not yet delivered
  size_t mean_bytes_ = 1024;              // of an event, lately
  std::deque<delivery::Delivery> queue_;  // not yet written
  grpc::ByteBuffer response_;
  bool writing_ = false;
  bool cancelled_ = false;
  bool ending_ = false;
  std::optional<Error> end_;
  bool gone_ = false;
  std::vector<std::function<void()>> on_gone_;
  Executor::Timer grace_timer_;
};

}  // namespace postroad::killbill

#endif  // POSTROAD_GATEWAY_KILLBILL_STREAM_H_
