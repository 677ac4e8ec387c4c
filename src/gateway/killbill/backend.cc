// See backend.h.
#include "gateway/killbill/backend.h"

#include <google/protobuf/message.h>

#include <algorithm>

#include "runtime/log.h"

namespace postroad::killbill {
namespace {

constexpr Duration kBetweenLogLines = std::chrono::seconds(10);

Labels OfMethod(const std::string& method) { return {{"method", method}}; }

Counter& Ends(Metrics& metrics, const std::string& method, const char* result) {
  return metrics.GetCounter(
      "postroad_killbill_calls_total",
      "Calls of Kill Bill's QueueApi ended, by result: ok, failed, cancelled.",
      {{"method", method}, {"result", result}});
}

std::string_view MetadataValue(const grpc::CallbackServerContext& context, const char* name) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find(name);
  if (found == metadata.end()) return {};
  return {found->second.data(), found->second.size()};
}

}  // namespace

MethodMetrics::MethodMetrics(Metrics& metrics, const std::string& method)
    : open_(metrics.GetGauge("postroad_killbill_calls_open",
                             "Calls of Kill Bill's QueueApi under way.", OfMethod(method))),
      ok_(Ends(metrics, method, "ok")),
      failed_(Ends(metrics, method, "failed")),
      cancelled_(Ends(metrics, method, "cancelled")) {}

void MethodMetrics::Ended(grpc::StatusCode code) {
  open_.Add(-1);
  if (code == grpc::StatusCode::OK) return ok_.Add();
  (code == grpc::StatusCode::CANCELLED ? cancelled_ : failed_).Add();
}

Backend::Backend(KillBillOptions given)
    : options(std::move(given)),
      delivered(options.metrics.GetCounter("postroad_killbill_delivered_events_total",
                                           "Events written to streams of Kill Bill's QueueApi.")),
      unknown_acks(options.metrics.GetCounter(
          "postroad_killbill_unknown_acks_total",
          "Acks that settled nothing: of an unknown user token, late, or twice.")),
      post(options.metrics, "PostEvent"),
      subscribe(options.metrics, "SubscribeEvents"),
      ack(options.metrics, "Ack"),
      close(options.metrics, "Close"),
      unknown_acks_logged_(
          (options.clock.Monotonic() - kBetweenLogLines).time_since_epoch().count()) {}

Result<std::shared_ptr<const auth::Principal>> Backend::Authenticate(
    const grpc::CallbackServerContext& context) const {
  constexpr std::string_view kBearer = "bearer ";
  const std::string_view authorization = MetadataValue(context, "authorization");
  const bool bearer = authorization.size() > kBearer.size() &&
                      std::equal(kBearer.begin(), kBearer.end(), authorization.begin(),
                                 [](char want, char got) { return want == (got | 0x20); });
  auth::Credentials credentials{.peer = context.peer()};
  credentials.token =
      bearer ? authorization.substr(kBearer.size()) : MetadataValue(context, "x-api-key");
  return options.authenticator.Authenticate(credentials);
}

void Backend::NoteUnknownAck(const std::string& token, const std::string& caller) {
  unknown_acks.Add();
  const int64_t now = options.clock.Monotonic().time_since_epoch().count();
  int64_t before = unknown_acks_logged_.load();
  if (now - before < kBetweenLogLines.count()) return;
  if (!unknown_acks_logged_.compare_exchange_strong(before, now)) return;
  LogWarn("a Kill Bill ack settled nothing: unknown token, late, or twice",
          {{"user_token", token.substr(0, 64)},
           {"caller", caller},
           {"total", static_cast<uint64_t>(unknown_acks.Value())}});
}

void Backend::CallBegins() {
  std::lock_guard lock(mutex_);
  ++calls_;
}

void Backend::CallIsGone() {
  std::lock_guard lock(mutex_);
  if (--calls_ == 0) none_.notify_all();
}

void Backend::WaitForCalls() {
  std::unique_lock lock(mutex_);
  none_.wait(lock, [this] { return calls_ == 0; });
}

grpc::ByteBuffer ToBuffer(const google::protobuf::Message& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return {&slice, 1};
}

}  // namespace postroad::killbill
