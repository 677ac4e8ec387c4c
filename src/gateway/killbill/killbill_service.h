// Kill Bill's QueueApi as a gRPC service over the broker (docs/killbill.md), to be registered with
// the gRPC server beside Postroad's own services.
#ifndef POSTROAD_GATEWAY_KILLBILL_KILLBILL_SERVICE_H_
#define POSTROAD_GATEWAY_KILLBILL_KILLBILL_SERVICE_H_

#include <functional>
#include <memory>
#include <string_view>

#include "auth/authenticator.h"
#include "broker/broker.h"
#include "core/error.h"
#include "runtime/clock.h"
#include "runtime/executor.h"
#include "runtime/metrics.h"

namespace google::protobuf {
class Message;
}
namespace grpc {
class Service;
class Status;
}  // namespace grpc

namespace postroad::killbill {

// What the service works with; all must outlive it.
struct KillBillOptions {
  broker::Broker& broker;
  auth::Authenticator& authenticator;
  CorePool& cores;
  Clock& clock;
  Metrics& metrics;
  // The server's one mapping of errors to gRPC's, details included.
  std::function<grpc::Status(const Error&)> to_status;
  // The server's one parser of messages: INVALID_ARGUMENT naming the field.
  std::function<Status(std::string_view, google::protobuf::Message&)> parse;
};

class KillBillService {
 public:
  explicit KillBillService(KillBillOptions options);
  // The gRPC server must have stopped.
  ~KillBillService();
  KillBillService(const KillBillService&) = delete;
  KillBillService& operator=(const KillBillService&) = delete;

  // Lives as long as this; may be registered with one server.
  grpc::Service* service();
  // Waits until the last call has let go of the broker. To be called once the gRPC server has
  // stopped and before the pool of cores does.
  void WaitForCalls();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace postroad::killbill

#endif  // POSTROAD_GATEWAY_KILLBILL_KILLBILL_SERVICE_H_
