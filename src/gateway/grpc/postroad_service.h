// postroad.v1.Postroad: Post, PostStream, Read, Subscribe.
#ifndef POSTROAD_GATEWAY_GRPC_POSTROAD_SERVICE_H_
#define POSTROAD_GATEWAY_GRPC_POSTROAD_SERVICE_H_

#include "gateway/grpc/raw_service.h"

namespace postroad::gateway {

class PostroadService final : public RawService {
 public:
  explicit PostroadService(Gateway& gateway);
};

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_GRPC_POSTROAD_SERVICE_H_
