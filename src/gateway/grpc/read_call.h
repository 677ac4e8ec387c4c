// Read: one stream to one client. One response is under way at a time, and the next is pulled when
// it is written: a slow reader costs that one response.
#ifndef POSTROAD_GATEWAY_GRPC_READ_CALL_H_
#define POSTROAD_GATEWAY_GRPC_READ_CALL_H_

#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <optional>

#include "broker/event_stream.h"
#include "gateway/grpc/call.h"

namespace postroad::gateway {

class ReadCall final : public Call<grpc::ServerWriteReactor<grpc::ByteBuffer>> {
 public:
  ReadCall(Gateway& gateway, MethodMetrics& method, grpc::CallbackServerContext& context,
           const grpc::ByteBuffer& request)
      : Call(gateway, method, context), request_(request) {}

 private:
  void Started() override;
  void Cancelled() override;
  void Finishing() override;
  void Gone() override {}
  void OnWriteDone(bool ok) override;

  Status Open();
  void Pump();
  void Write(broker::StreamBatch batch);
  void Written(bool ok);
  void WaitForMore();
  void Ended();
  void ArmHeartbeat(Duration after);
  void Heartbeat();

  const grpc::ByteBuffer& request_;
  std::unique_ptr<broker::EventStream> stream_;
  journal::WaitPtr wait_;
  grpc::ByteBuffer response_;
  bool writing_ = false;
  bool cancelled_ = false;
  bool caught_up_ = false;
  bool ending_ = false;                 // the response under way is the last
  std::optional<Timestamp> stored_at_;  // of the newest event in the response under way
  Duration heartbeat_{};                // 0: none
  MonotonicTime last_write_{};
  Executor::Timer heartbeat_timer_;
  Executor::Timer grace_timer_;  // for a client that does not take the stream's end
};

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_GRPC_READ_CALL_H_
