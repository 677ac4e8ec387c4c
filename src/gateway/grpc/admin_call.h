// One administrative call: parsed and made on a thread that may block, answered from the call's own
// executor.
#ifndef POSTROAD_GATEWAY_GRPC_ADMIN_CALL_H_
#define POSTROAD_GATEWAY_GRPC_ADMIN_CALL_H_

#include <grpcpp/support/byte_buffer.h>

#include <functional>
#include <string>
#include <string_view>

#include "gateway/grpc/call.h"

namespace postroad::gateway {

// From the request's bytes to the response's. Blocks.
using AdminWork =
    std::function<Result<std::string>(Gateway&, const auth::Principal&, std::string_view request)>;

class AdminCall final : public Call<grpc::ServerUnaryReactor> {
 public:
  AdminCall(Gateway& gateway, MethodMetrics& method, grpc::CallbackServerContext& context,
            const grpc::ByteBuffer& request, grpc::ByteBuffer& response, const AdminWork& work)
      : Call(gateway, method, context), request_(request), response_(response), work_(work) {}

 private:
  void Started() override;
  void Gone() override {}
  void Answer(Result<std::string> answer);

  grpc::ByteBuffer request_;  // its own reference: the work may outlast a cancelled call
  grpc::ByteBuffer& response_;
  const AdminWork& work_;
};

// AwaitReceipt, which waits without a thread.
class AwaitReceiptCall final : public Call<grpc::ServerUnaryReactor> {
 public:
  AwaitReceiptCall(Gateway& gateway, MethodMetrics& method, grpc::CallbackServerContext& context,
                   const grpc::ByteBuffer& request, grpc::ByteBuffer& response)
      : Call(gateway, method, context), request_(request), response_(response) {}

 private:
  void Started() override;
  void Finishing() override { wait_.reset(); }
  void Gone() override {}
  Status Await();
  void Settled(const broker::EventReceipt& receipt, bool timed_out);

  const grpc::ByteBuffer& request_;
  grpc::ByteBuffer& response_;
  journal::WaitPtr wait_;
};

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_GRPC_ADMIN_CALL_H_
