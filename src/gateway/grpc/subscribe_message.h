// Subscribe's messages: settlements in, deliveries out.
#ifndef POSTROAD_GATEWAY_GRPC_SUBSCRIBE_MESSAGE_H_
#define POSTROAD_GATEWAY_GRPC_SUBSCRIBE_MESSAGE_H_

#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "core/error.h"
#include "delivery/delivery.h"
#include "postroad/v1/postroad.pb.h"

namespace postroad::gateway {

// A settlement that did nothing, by its delivery id.
using FailedSettlement = std::pair<uint64_t, Error>;

// The settlements a message asks for; those that are wrong in themselves go to `failed`.
std::vector<delivery::Settlement> FromProto(const v1::Settle& settle,
                                            std::vector<FailedSettlement>& failed);

// How many of `deliveries` go into the next DeliveryBatch: of one topic, of a bounded size.
size_t DeliveryBatchCount(std::span<const delivery::Delivery> deliveries);
// A SubscribeResponse with these as its DeliveryBatch; all are of one topic.
grpc::ByteBuffer DeliveriesMessage(std::span<const delivery::Delivery> deliveries);
grpc::ByteBuffer FailuresMessage(const std::vector<FailedSettlement>& failed);

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_GRPC_SUBSCRIBE_MESSAGE_H_
