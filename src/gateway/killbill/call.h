// What every call has in common: it lives on one executor, keeps itself until gRPC is done with it,
// and ends once. gRPC's threads only hand over.
#ifndef POSTROAD_GATEWAY_KILLBILL_CALL_H_
#define POSTROAD_GATEWAY_KILLBILL_CALL_H_

#include <grpcpp/support/server_callback.h>

#include <memory>
#include <string>
#include <utility>

#include "gateway/killbill/backend.h"

namespace postroad::killbill {

// `Reactor` is one of gRPC's server reactors, `Request` the message that comes. Made by StartCall.
// All virtual functions here run on the executor, one at a time.
template <typename Reactor, typename Request>
class Call : public Reactor, public std::enable_shared_from_this<Call<Reactor, Request>> {
 public:
  Call(Backend& backend, MethodMetrics& method, grpc::CallbackServerContext& context,
       const grpc::ByteBuffer& request)
      : backend_(backend),
        executor_(backend.options.cores.Next()),
        context_(context),
        method_(method) {
    backend_.CallBegins();
    method_.Started();
    grpc::Slice slice;
    if (!request.TrySingleSlice(&slice).ok()) request.DumpToSingleSlice(&slice);
    bytes_.assign(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  ~Call() override { backend_.CallIsGone(); }

  void Begin() {
    self_ = this->shared_from_this();
    executor_.Post([this] { Admit(); });
  }

 protected:
  // The first to run: `principal_` calls, and `request_` is what it wants.
  virtual void Started() = 0;
  // The client went away or its deadline passed. The call must still finish (it does so here).
  virtual void Cancelled() { FinishWith({ErrorCode::kCancelled, "the call was cancelled"}); }
  // Called once, as the call finishes.
  virtual void Finishing() {}
  // gRPC is done with the call: what it sent is on its way.
  virtual void Gone() {}

  // Ends the call; only the first time counts. No write may be under way.
  void FinishWith(const Error& error) { End(backend_.options.to_status(error)); }
  void FinishOk() { End(grpc::Status::OK); }
  bool finished() const { return finished_; }
  const std::string& caller() const { return principal_->name(); }

  // For callbacks that may come after the call is gone.
  template <typename Derived>
  static std::weak_ptr<Derived> Weak(Derived* self) {
    return std::static_pointer_cast<Derived>(self->shared_from_this());
  }

  Backend& backend_;
  Executor& executor_;
  grpc::CallbackServerContext& context_;
  std::shared_ptr<const auth::Principal> principal_;
  Request request_;

 private:
  void Admit() {
    if (finished_) return;
    auto principal = backend_.Authenticate(context_);
    if (!principal) return FinishWith(principal.error());
    principal_ = *std::move(principal);
    if (auto parsed = backend_.options.parse(bytes_, request_); !parsed) {
      return FinishWith(parsed.error());
    }
    bytes_ = {};
    Started();
  }
  void End(grpc::Status status) {
    if (finished_) return;
    finished_ = true;
    method_.Ended(status.error_code());
    Finishing();
    this->Finish(std::move(status));
  }

  // From gRPC's threads.
  void OnCancel() final {
    executor_.Post([this] { Cancelled(); });
  }
  void OnDone() final {
    executor_.Post([self = std::move(self_)] { self->Gone(); });
  }

  MethodMetrics& method_;
  std::string bytes_;           // of the request, until it is parsed
  std::shared_ptr<Call> self_;  // until OnDone
  bool finished_ = false;
};

// Makes the call and starts it; gRPC takes the pointer as its reactor.
template <typename C, typename... Args>
C* StartCall(Args&&... args) {
  auto call = std::make_shared<C>(std::forward<Args>(args)...);
  call->Begin();
  return call.get();
}

}  // namespace postroad::killbill

#endif  // POSTROAD_GATEWAY_KILLBILL_CALL_H_
