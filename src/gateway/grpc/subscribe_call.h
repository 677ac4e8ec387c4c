// Subscribe: one member of a subscription. Its client's credits bound what is delivered to it; of
// these the engine is given only as many as fit a small buffer here, so that a client that grants a
// million and reads nothing costs no more than one that reads.
#ifndef POSTROAD_GATEWAY_GRPC_SUBSCRIBE_CALL_H_
#define POSTROAD_GATEWAY_GRPC_SUBSCRIBE_CALL_H_

#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <optional>
#include <vector>

#include "delivery/delivery.h"
#include "gateway/grpc/call.h"
#include "gateway/grpc/subscribe_message.h"
#include "postroad/v1/postroad.pb.h"

namespace postroad::gateway {

class SubscribeCall final
    : public Call<grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>>,
      private delivery::MemberSink {
 public:
  using Call::Call;

 private:
  void Started() override;
  void Cancelled() override;
  void Finishing() override;
  void Drain() override;
  void Gone() override {}
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;

  // delivery::MemberSink
  void OnDeliveries(std::vector<delivery::Delivery> deliveries) override;
  void OnSettleFailures(std::vector<delivery::SettleFailure> failures) override;
  void OnClosed(Error reason) override;

  void ReadOn();
  void Take(bool ok);
  Status TakeMessage();
  Status TakeJoin(const v1::Join& join);
  void Prepared(Result<broker::SubscriptionSeen> seen);
  Status TakeCredit(uint32_t events);
  void TakeSettle(const v1::Settle& settle);
  void Settled(const std::vector<delivery::DeliveryId>& ids,
               std::vector<delivery::SettleFailure> failures);
  void TopUpCredit();
  void ArmAutoAck();
  void AutoAck();

  void WriteOn();
  void Write(grpc::ByteBuffer message);
  void WriteDeliveries();
  void Written(bool ok);
  // Ends the call with this once what is being written is written.
  void EndWith(Error reason);

  grpc::ByteBuffer request_;
  v1::SubscribeRequest message_;  // room for parsing, kept from one to the next
  bool reading_ = false;
  bool half_closed_ = false;
  bool joining_ = false;
  bool cancelled_ = false;
  size_t settles_open_ = 0;  // handed to the engine, not yet answered

  std::optional<broker::JoinRequest> join_;
  std::unique_ptr<delivery::Member> member_;
  uint64_t client_credit_ = 0;  // granted by the client, not yet passed on
  uint64_t member_credit_ = 0;  // passed on, not yet delivered
  size_t mean_bytes_ = 1024;    // of an event, lately

  bool auto_ack_ = false;
  Duration auto_interval_{};
  Executor::Timer auto_timer_;
  // What is being written, was written in this interval, and before it.
  std::vector<delivery::DeliveryId> writing_ids_, written_now_, written_before_;

  std::optional<grpc::ByteBuffer> joined_;  // to be written first
  std::vector<delivery::Delivery> queue_;   // from queue_at_ on, not yet written
  size_t queue_at_ = 0;
  size_t queue_bytes_ = 0;
  std::vector<FailedSettlement> failed_;  // not yet written
  grpc::ByteBuffer response_;
  bool writing_ = false;
  std::optional<Timestamp> writing_stored_at_;
  std::optional<Error> end_;
  Executor::Timer grace_timer_;
};

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_GRPC_SUBSCRIBE_CALL_H_
