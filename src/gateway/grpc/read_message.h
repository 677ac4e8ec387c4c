// A stream's batch as a ReadResponse, its events as the store keeps them.
#ifndef POSTROAD_GATEWAY_GRPC_READ_MESSAGE_H_
#define POSTROAD_GATEWAY_GRPC_READ_MESSAGE_H_

#include <grpcpp/support/byte_buffer.h>

#include "broker/event_stream.h"

namespace postroad::gateway {

grpc::ByteBuffer ReadResponse(const broker::StreamBatch& batch);

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_GRPC_READ_MESSAGE_H_
