// postroad.v1.Admin: calls that look at, or change, what the server keeps.
#ifndef POSTROAD_GATEWAY_GRPC_ADMIN_SERVICE_H_
#define POSTROAD_GATEWAY_GRPC_ADMIN_SERVICE_H_

#include "gateway/grpc/raw_service.h"

namespace postroad::gateway {

class AdminService final : public RawService {
 public:
  explicit AdminService(Gateway& gateway);

 private:
  // Adds a method that is one call of `Request -> Result<Response>`, made where it may block.
  template <typename Request, typename Response>
  void Add(const std::string& method,
           Result<Response> (*call)(Gateway&, const auth::Principal&, const Request&));
};

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_GRPC_ADMIN_SERVICE_H_
