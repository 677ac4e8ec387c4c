// PostRequest and PostResponse as bytes: events go from the request's buffer into a PostBuilder
// without a message object each.
#ifndef POSTROAD_GATEWAY_GRPC_POST_MESSAGE_H_
#define POSTROAD_GATEWAY_GRPC_POST_MESSAGE_H_

#include <grpcpp/support/byte_buffer.h>

#include <optional>
#include <string>
#include <string_view>

#include "broker/broker.h"
#include "core/error.h"

namespace postroad::gateway {

struct PostCommand {
  broker::PendingPost post;
  std::optional<Duration> await;  // WAIT_FOR_ACKED, with its timeout
};

// Parses and checks a PostRequest. INVALID_ARGUMENT naming the field.
Result<PostCommand> ParsePost(std::string_view request, broker::Broker& broker,
                              const auth::Principal& principal, std::string_view traceparent);

grpc::ByteBuffer PostResponse(const broker::PostOutcome& outcome);
// PostStream: the batch was refused.
grpc::ByteBuffer PostRefusal(const Error& error);

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_GRPC_POST_MESSAGE_H_
