// Post: one batch, one answer. It is parsed on gRPC's thread, unless it is large, and answered on
// the journal's executor for completions; only one that awaits acks lives on an executor of its
// own.
#ifndef POSTROAD_GATEWAY_GRPC_POST_CALL_H_
#define POSTROAD_GATEWAY_GRPC_POST_CALL_H_

#include <grpcpp/support/byte_buffer.h>

#include "gateway/grpc/call.h"
#include "gateway/grpc/post_message.h"

namespace postroad::gateway {

class PostCall final : public Call<grpc::ServerUnaryReactor> {
 public:
  PostCall(Gateway& gateway, MethodMetrics& method, grpc::CallbackServerContext& context,
           const grpc::ByteBuffer& request, grpc::ByteBuffer& response)
      : Call(gateway, method, context), request_(request), response_(response) {}

 private:
  void Started() override;
  void Finishing() override { wait_.reset(); }
  void Gone() override {}
  void Parse();
  void Stored(Result<broker::PostOutcome> outcome);
  void Await(PostCommand command);

  const grpc::ByteBuffer& request_;
  grpc::ByteBuffer& response_;
  journal::WaitPtr wait_;  // for acks
};

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_GRPC_POST_CALL_H_
