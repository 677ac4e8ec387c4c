// Post: one batch, one answer.
#ifndef POSTROAD_GATEWAY_GRPC_POST_CALL_H_
#define POSTROAD_GATEWAY_GRPC_POST_CALL_H_

#include <grpcpp/support/byte_buffer.h>

#include "gateway/grpc/call.h"

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
  void Completed(Result<broker::PostOutcome> outcome);

  const grpc::ByteBuffer& request_;
  grpc::ByteBuffer& response_;
  journal::WaitPtr wait_;  // for acks
};

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_GRPC_POST_CALL_H_
