// What all calls of the Kill Bill gateway work with, and what is counted about them.
#ifndef POSTROAD_GATEWAY_KILLBILL_BACKEND_H_
#define POSTROAD_GATEWAY_KILLBILL_BACKEND_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "gateway/killbill/killbill_service.h"
#include "gateway/killbill/outstanding.h"

namespace postroad::killbill {

// Counts the calls of one method. Thread-safe.
class MethodMetrics {
 public:
  MethodMetrics(Metrics& metrics, const std::string& method);
  void Started() { open_.Add(1); }
  void Ended(grpc::StatusCode code);

 private:
  Gauge& open_;
  Counter& ok_;
  Counter& failed_;
  Counter& cancelled_;
};

struct Backend {
  explicit Backend(KillBillOptions options);

  Result<std::shared_ptr<const auth::Principal>> Authenticate(
      const grpc::CallbackServerContext& context) const;
  // An ack that settled nothing: counted, and logged now and then.
  void NoteUnknownAck(const std::string& token, const std::string& caller);

  void CallBegins();
  void CallIsGone();
  void WaitForCalls();

  const KillBillOptions options;
  OutstandingBook outstanding;
  // For what waits on disk: making a subscription.
  CorePool blocking{1};
  Counter& delivered;
  Counter& unknown_acks;
  MethodMetrics post, subscribe, ack, close;

 private:
  std::mutex mutex_;
  std::condition_variable none_;
  size_t calls_ = 0;
  std::atomic<int64_t> unknown_acks_logged_;  // when, in monotonic nanoseconds
};

grpc::ByteBuffer ToBuffer(const google::protobuf::Message& message);

}  // namespace postroad::killbill

#endif  // POSTROAD_GATEWAY_KILLBILL_BACKEND_H_
