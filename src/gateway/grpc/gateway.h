// What all calls of the gRPC gateway work with, and what is counted about them.
#ifndef POSTROAD_GATEWAY_GRPC_GATEWAY_H_
#define POSTROAD_GATEWAY_GRPC_GATEWAY_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "auth/authenticator.h"
#include "broker/broker.h"
#include "gateway/grpc/grpc_server.h"
#include "runtime/clock.h"
#include "runtime/executor.h"
#include "runtime/metrics.h"

namespace postroad::gateway {

// Counts the calls of one method. Thread-safe.
class MethodMetrics {
 public:
  MethodMetrics(Metrics& metrics, const std::string& method);
  void Started() { open_.Add(1); }
  void Ended(grpc::StatusCode code);

 private:
  static constexpr size_t kCodes = 17;
  Gauge& open_;
  std::array<Counter*, kCodes> ended_;
};

// How many calls live, so that the server can wait for the last. Thread-safe.
class CallCount {
 public:
  void Add();
  void Remove();
  void WaitForNone();

 private:
  std::mutex mutex_;
  std::condition_variable none_;
  size_t calls_ = 0;
};

// Calls that have to be told when the server is to stop. Thread-safe.
class DrainList {
 public:
  // `tell` is called once, when Drain is; at once if it was. It must not block. Forgotten when the
  // returned handle goes; it may then still be under way.
  using Handle = std::shared_ptr<std::function<void()>>;
  [[nodiscard]] Handle Add(std::function<void()> tell);
  void Drain();

 private:
  std::mutex mutex_;
  bool draining_ = false;
  std::vector<std::weak_ptr<std::function<void()>>> calls_;
};

struct Gateway {
  Gateway(GrpcOptions options, broker::Broker& broker, auth::Authenticator& authenticator,
          CorePool& cores, Clock& clock, Metrics& metrics);

  // Who calls: by `authorization: Bearer <token>` or `x-api-key`.
  Result<std::shared_ptr<const auth::Principal>> Authenticate(
      const grpc::CallbackServerContext& context) const;

  const GrpcOptions options;
  broker::Broker& broker;
  auth::Authenticator& authenticator;
  CorePool& cores;
  Clock& clock;
  Metrics& metrics;
  CallCount calls;
  DrainList drain;
  // For calls that block on disk for long: administration. Bounded by `blocking_calls`.
  CorePool blocking{2};
  std::atomic<size_t> blocking_calls = 0;
  Counter& delivered_events;
  Counter& delivered_bytes;
  Histogram& stored_to_written;
};

// The metadata value of this name; empty if there is none. Views the context.
std::string_view MetadataValue(const grpc::CallbackServerContext& context, const char* name);
// The caller's W3C trace context, empty if it is absent or malformed.
std::string_view Traceparent(const grpc::CallbackServerContext& context);

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_GRPC_GATEWAY_H_
