// Callers' credentials and the gateway's metrics.
#include "gateway/grpc/gateway.h"

#include <algorithm>

#include "core/event_rules.h"

namespace postroad::gateway {

namespace {

constexpr std::array<std::string_view, 17> kCodeNames = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

}  // namespace

MethodMetrics::MethodMetrics(Metrics& metrics, const std::string& method)
    : open_(metrics.GetGauge("postroad_grpc_calls_open", "gRPC calls under way.",
                             {{"method", method}})) {
  for (size_t i = 0; i < kCodes; ++i) {
    ended_[i] =
        &metrics.GetCounter("postroad_grpc_calls_total", "gRPC calls ended, by status code.",
                            {{"method", method}, {"code", std::string(kCodeNames[i])}});
  }
}

void MethodMetrics::Ended(grpc::StatusCode code) {
  open_.Add(-1);
  ended_[std::min<size_t>(static_cast<size_t>(code), kCodes - 1)]->Add();
}

void CallCount::Add() {
  std::lock_guard lock(mutex_);
  ++calls_;
}

void CallCount::Remove() {
  std::lock_guard lock(mutex_);
  if (--calls_ == 0) none_.notify_all();
}

void CallCount::WaitForNone() {
  std::unique_lock lock(mutex_);
  none_.wait(lock, [this] { return calls_ == 0; });
}

DrainList::Handle DrainList::Add(std::function<void()> tell) {
  auto handle = std::make_shared<std::function<void()>>(std::move(tell));
  {
    std::lock_guard lock(mutex_);
    if (!draining_) {
      // Forgets the gone ones now and then, so that the list does not grow beyond twice the calls.
      if (calls_.size() == calls_.capacity()) {
        std::erase_if(calls_, [](const auto& call) { return call.expired(); });
      }
      calls_.push_back(handle);
      return handle;
    }
  }
  (*handle)();
  return handle;
}

void DrainList::Drain() {
  std::vector<std::weak_ptr<std::function<void()>>> calls;
  {
    std::lock_guard lock(mutex_);
    draining_ = true;
    calls.swap(calls_);
  }
  for (const auto& call : calls) {
    if (auto tell = call.lock()) (*tell)();
  }
}

Gateway::Gateway(GrpcOptions options, broker::Broker& broker, auth::Authenticator& authenticator,
                 CorePool& cores, Clock& clock, Metrics& metrics)
    : options(std::move(options)),
      broker(broker),
      authenticator(authenticator),
      cores(cores),
      clock(clock),
      metrics(metrics),
      delivered_events(metrics.GetCounter("postroad_grpc_delivered_events_total",
                                          "Events written to Subscribe streams.")),
      delivered_bytes(metrics.GetCounter("postroad_grpc_delivered_bytes_total",
                                         "Bytes of records written to Subscribe streams.")),
      stored_to_written(metrics.GetHistogram(
          "postroad_grpc_stored_to_written_seconds",
          "From an event's being stored to its being written, of streams that are caught up.",
          LatencyBounds())) {}

std::string_view MetadataValue(const grpc::CallbackServerContext& context, const char* name) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find(name);
  if (found == metadata.end()) return {};
  return {found->second.data(), found->second.size()};
}

Result<std::shared_ptr<const auth::Principal>> Gateway::Authenticate(
    const grpc::CallbackServerContext& context) const {
  const auth::Credentials credentials{
      .token = std::string(auth::TokenOf(MetadataValue(context, "authorization"),
                                         MetadataValue(context, "x-api-key"))),
      .peer = context.peer()};
  return authenticator.Authenticate(credentials);
}

std::string_view Traceparent(const grpc::CallbackServerContext& context) {
  const std::string_view text = MetadataValue(context, "traceparent");
  return IsTraceparent(text) ? text : std::string_view();
}

}  // namespace postroad::gateway
