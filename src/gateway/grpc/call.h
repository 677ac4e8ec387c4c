// What every call has in common: it lives on one executor, keeps itself until gRPC is done with it,
// and ends once. gRPC's threads only hand over, but for brief calls (StartCallHere).
#ifndef POSTROAD_GATEWAY_GRPC_CALL_H_
#define POSTROAD_GATEWAY_GRPC_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <memory>
#include <utility>

#include "gateway/grpc/gateway.h"
#include "gateway/grpc/status_map.h"

namespace postroad::gateway {

// `Reactor` is one of gRPC's server reactors. Made by StartCall. All virtual functions here run on
// the executor, one at a time; none runs after Gone.
template <typename Reactor>
class Call : public Reactor, public std::enable_shared_from_this<Call<Reactor>> {
 public:
  Call(Gateway& gateway, MethodMetrics& method, grpc::CallbackServerContext& context)
      : gateway_(gateway), executor_(gateway.cores.Next()), method_(method), context_(context) {
    gateway_.calls.Add();
    method_.Started();
  }
  ~Call() override { gateway_.calls.Remove(); }

  void Begin() {
    self_ = this->shared_from_this();
    executor_.Post([this] { Authenticated(gateway_.Authenticate(context_)); });
  }
  // Begins on gRPC's thread, before gRPC knows the reactor: no reaction comes before it returns.
  void BeginHere() {
    self_ = this->shared_from_this();
    Authenticated(gateway_.Authenticate(context_));
  }

 protected:
  // The first to run, with who calls.
  virtual void Started() = 0;
  // The client went away or its deadline passed. The call must still Finish (it does so here).
  virtual void Cancelled() { FinishWith({ErrorCode::kCancelled, "the call was cancelled"}); }
  // gRPC is done with the call: let go of everything. The object goes once nobody holds it.
  virtual void Gone() = 0;
  // Called once, as the call finishes.
  virtual void Finishing() {}
  // The server is to stop; only for calls that asked for it by WatchDrain.
  virtual void Drain() { FinishWith(broker::Draining()); }
  void WatchDrain() {
    drain_ = gateway_.drain.Add([weak = this->weak_from_this(), &executor = executor_] {
      executor.Post([weak] {
        if (auto self = weak.lock(); self && !self->finished_) self->Drain();
      });
    });
  }

  // Ends the call; only the first time counts. No write may be under way.
  void FinishWith(const Error& error) { FinishWith(ToGrpcStatus(error)); }
  void FinishOk() { FinishWith(grpc::Status::OK); }
  bool finished() const { return finished_; }
  // For those that end by another call than Finish, or away from the executor; false if the call
  // has ended before.
  bool MarkFinished(grpc::StatusCode code) {
    if (finished_.exchange(true)) return false;
    method_.Ended(code);
    drain_.reset();
    Finishing();
    return true;
  }

  // For callbacks that may come after the call is gone.
  template <typename Derived>
  std::weak_ptr<Derived> Weak(Derived* self) {
    return std::static_pointer_cast<Derived>(self->shared_from_this());
  }

  // Runs `task` on the executor; the call is there then (gRPC is not done before its reactions
  // are).
  template <typename F>
  void Hand(F task) {
    executor_.Post(std::move(task));
  }

  // Of a call that has nothing that belongs to the executor, before it can finish: it may end and
  // go on any thread, without Gone. What ends it elsewhere must MarkFinished before it touches what
  // is gRPC's.
  void LiveBriefly() { brief_ = true; }

  Gateway& gateway_;
  Executor& executor_;
  MethodMetrics& method_;
  grpc::CallbackServerContext& context_;
  std::shared_ptr<const auth::Principal> principal_;

 private:
  void Authenticated(Result<std::shared_ptr<const auth::Principal>> principal) {
    if (finished_) return;
    if (!principal) return FinishWith(principal.error());
    principal_ = *std::move(principal);
    Started();
  }
  void FinishWith(grpc::Status status) {
    if (MarkFinished(status.error_code())) this->Finish(std::move(status));
  }

  // From gRPC's threads, which may run them at once: else it hands each to a thread of its own.
  bool InternalInlineable() final { return true; }
  void OnCancel() final {
    executor_.Post([self = this->shared_from_this()] { self->Cancelled(); });
  }
  void OnDone() final {
    std::shared_ptr<Call> self = std::move(self_);
    if (!brief_) executor_.Post([self = std::move(self)] { self->Gone(); });
  }

  std::shared_ptr<Call> self_;  // until OnDone
  DrainList::Handle drain_;
  std::atomic<bool> finished_ = false;
  bool brief_ = false;
};

// Makes the call and starts it; gRPC takes the pointer as its reactor.
template <typename C, typename... Args>
C* StartCall(Args&&... args) {
  auto call = std::make_shared<C>(std::forward<Args>(args)...);
  call->Begin();
  return call.get();
}

// The same for calls that do their first work at once: where a hand-over would cost more than it.
template <typename C, typename... Args>
C* StartCallHere(Args&&... args) {
  auto call = std::make_shared<C>(std::forward<Args>(args)...);
  call->BeginHere();
  return call.get();
}

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_GRPC_CALL_H_
