// PostEvent, Ack and Close.
#ifndef POSTROAD_GATEWAY_KILLBILL_UNARY_CALLS_H_
#define POSTROAD_GATEWAY_KILLBILL_UNARY_CALLS_H_

#include "gateway/killbill/call.h"
#include "killbill/queue.pb.h"

namespace postroad::killbill {

template <typename Request>
using UnaryCall = Call<grpc::ServerUnaryReactor, Request>;

// Stores the event, durably, before it answers.
class PostCall final : public UnaryCall<queue::EventMsg> {
 public:
  using Call::Call;

 private:
  void Started() override;
  Status Post();
};

// Settles the delivery with this user token. An ack that settles nothing is OK, as it is for Kill
// Bill's clients, but counted.
class AckCall final : public UnaryCall<queue::AckRequest> {
 public:
  using Call::Call;

 private:
  void Started() override;
  void Settled(bool known);
};

// Ends the client's streams. Answers once their ends are on their way: Kill Bill's Go client drops
// the connection when it has the answer, and takes a stream without an end for a failure.
class CloseCall final : public UnaryCall<queue::CloseRequest> {
 public:
  using Call::Call;

 private:
  void Started() override;
  void Finishing() override { timer_.Cancel(); }

  size_t streams_ = 0;  // not yet ended
  Executor::Timer timer_;
};

}  // namespace postroad::killbill

#endif  // POSTROAD_GATEWAY_KILLBILL_UNARY_CALLS_H_
