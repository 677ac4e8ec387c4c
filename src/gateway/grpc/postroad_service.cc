// The table of the Postroad service's methods.
#include "gateway/grpc/postroad_service.h"

#include "gateway/grpc/post_call.h"
#include "gateway/grpc/post_stream_call.h"
#include "gateway/grpc/read_call.h"
#include "gateway/grpc/subscribe_call.h"

namespace postroad::gateway {

PostroadService::PostroadService(Gateway& gateway) : RawService(gateway, "postroad.v1.Postroad") {
  AddUnary("Post",
           [this](MethodMetrics& method, Context& context, const Bytes& request, Bytes& response) {
             return StartCallHere<PostCall>(gateway_, method, context, request, response);
           });
  AddBidiStream("PostStream", [this](MethodMetrics& method, Context& context) {
    return StartCall<PostStreamCall>(gateway_, method, context);
  });
  AddServerStream("Read", [this](MethodMetrics& method, Context& context, const Bytes& request) {
    return StartCall<ReadCall>(gateway_, method, context, request);
  });
  AddBidiStream("Subscribe", [this](MethodMetrics& method, Context& context) {
    return StartCall<SubscribeCall>(gateway_, method, context);
  });
}

}  // namespace postroad::gateway
