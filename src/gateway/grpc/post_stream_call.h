// PostStream: batches in, answers out in the same order. Several batches are under way at once, up
// to a window in batches and bytes; beyond it the call does not read, and so the client stops
// sending. The window holds a batch until its answer is written.
#ifndef POSTROAD_GATEWAY_GRPC_POST_STREAM_CALL_H_
#define POSTROAD_GATEWAY_GRPC_POST_STREAM_CALL_H_

#include <grpcpp/support/byte_buffer.h>

#include <deque>
#include <string>

#include "gateway/grpc/call.h"

namespace postroad::gateway {

class PostStreamCall final
    : public Call<grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>> {
 public:
  using Call::Call;

 private:
  // One batch, in the order of the requests.
  struct Slot {
    size_t bytes = 0;
    bool answered = false;
    grpc::ByteBuffer answer;
    journal::WaitPtr wait;  // for acks
  };

  void Started() override;
  void Finishing() override { slots_.clear(); }
  void Drain() override;
  void Gone() override {}
  void Cancelled() override;
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;

  void ReadOn();
  void TakeRequest();
  void Post(uint64_t sequence, std::string_view request);
  void Answer(uint64_t sequence, grpc::ByteBuffer answer);
  void WriteOn();
  void Written(bool ok);

  std::string traceparent_;
  grpc::ByteBuffer request_;
  bool reading_ = false;
  bool half_closed_ = false;  // the client sends no more
  bool writing_ = false;
  bool cancelled_ = false;
  bool draining_ = false;  // reads no more, and ends once all is answered
  std::deque<Slot> slots_;
  uint64_t first_ = 0;  // the sequence number of slots_.front()
  size_t window_bytes_ = 0;
};

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_GRPC_POST_STREAM_CALL_H_
