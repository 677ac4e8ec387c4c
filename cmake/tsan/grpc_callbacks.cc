// As grpc.cc, for what gRPC's C++ library runs on threads of its own: OnDone of a call comes after
// all that was done for it, OnCancel after the call's begin, an alarm's callback after it was set,
// and the end of that callback after its run. gRPC is handed a stand-in for the call, the reactor
// or the callback, which says so and passes on.
#include <dlfcn.h>
#include <grpcpp/alarm.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/server_callback.h>
#include <sanitizer/tsan_interface.h>

#include <functional>
#include <utility>

namespace {

using grpc::internal::ClientReactor;
using grpc::internal::ServerCallbackCall;
using grpc::internal::ServerReactor;

// Private members of ServerCallbackCall: an explicit instantiation may name them.
auto CallOnDoneOf() -> void (ServerCallbackCall::*)();
auto CountOf() -> std::atomic_int ServerCallbackCall::*;
auto CancelCountOf() -> std::atomic_int ServerCallbackCall::*;
template <auto kCallOnDone, auto kCount, auto kCancelCount>
struct Members {
  friend auto CallOnDoneOf() -> void (ServerCallbackCall::*)() { return kCallOnDone; }
  friend auto CountOf() -> std::atomic_int ServerCallbackCall::* { return kCount; }
  friend auto CancelCountOf() -> std::atomic_int ServerCallbackCall::* { return kCancelCount; }
};
template struct Members<&ServerCallbackCall::CallOnDone,
                        &ServerCallbackCall::callbacks_outstanding_,
                        &ServerCallbackCall::on_cancel_conditions_remaining_>;

class DoneCall final : public ServerCallbackCall {
 public:
  explicit DoneCall(ServerCallbackCall& call) : call_(call) { __tsan_release(this); }

 private:
  ServerReactor* reactor() override { return nullptr; }
  void CallOnDone() override {
    __tsan_acquire(this);
    auto& call = call_;
    delete this;
    (call.*CallOnDoneOf())();
  }
  ServerCallbackCall& call_;
};

class CancelReactor final : public ServerReactor {
 public:
  CancelReactor(ServerReactor& reactor, void* count) : reactor_(reactor), count_(count) {
    __tsan_release(this);
  }
  void OnDone() override {}
  void OnCancel() override {
    __tsan_acquire(this);
    reactor_.OnCancel();
    __tsan_release(count_);  // gRPC counts down next
    delete this;
  }

 private:
  ServerReactor& reactor_;
  void* count_;
};

class DoneReactor final : public ClientReactor {
 public:
  explicit DoneReactor(ClientReactor& reactor) : reactor_(reactor) { __tsan_release(this); }
  void OnDone(const grpc::Status& status) override {
    __tsan_acquire(this);
    reactor_.OnDone(status);
    delete this;
  }

 private:
  ClientReactor& reactor_;
};

// Lives in the function that gRPC keeps and moves as it likes.
class AlarmCallback {
 public:
  explicit AlarmCallback(std::function<void(bool)> callback) : callback_(std::move(callback)) {
    __tsan_release(this);
  }
  AlarmCallback(const AlarmCallback& other) : callback_(other.callback_) { __tsan_release(this); }
  AlarmCallback(AlarmCallback&& other) noexcept : callback_(std::move(other.callback_)) {
    __tsan_release(this);
  }
  ~AlarmCallback() { __tsan_acquire(this); }
  void operator()(bool due) {
    __tsan_acquire(this);
    callback_(due);
    __tsan_release(this);
  }

 private:
  std::function<void(bool)> callback_;
};

template <typename F>
F* Real(const char* name) {
  return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

namespace grpc::internal {

void ServerCallbackCall::ScheduleOnDone(bool inline_ondone) {
  static auto* const real = Real<void(ServerCallbackCall*, bool)>(
      "_ZN4grpc8internal18ServerCallbackCall14ScheduleOnDoneEb");
  // gRPC may have counted down to this by code of its own.
  __tsan_acquire(&(this->*CountOf()));
  if (inline_ondone) return CallOnDone();
  real(new DoneCall(*this), false);
}

void ServerCallbackCall::CallOnCancel(ServerReactor* reactor) {
  static auto* const real = Real<void(ServerCallbackCall*, ServerReactor*)>(
      "_ZN4grpc8internal18ServerCallbackCall12CallOnCancelEPNS0_13ServerReactorE");
  __tsan_acquire(&(this->*CancelCountOf()));  // as above
  if (reactor->InternalInlineable()) return reactor->OnCancel();
  real(this, new CancelReactor(*reactor, &(this->*CountOf())));
}

void ClientReactor::InternalScheduleOnDone(grpc::Status status) {
  static auto* const real = Real<void(ClientReactor*, grpc::Status)>(
      "_ZN4grpc8internal13ClientReactor22InternalScheduleOnDoneENS_6StatusE");
  real(new DoneReactor(*this), std::move(status));
}

}  // namespace grpc::internal

namespace grpc {

void Alarm::SetInternal(gpr_timespec deadline, std::function<void(bool)> callback) {
  static auto* const real = Real<void(Alarm*, gpr_timespec, std::function<void(bool)>)>(
      "_ZN4grpc5Alarm11SetInternalE12gpr_timespecSt8functionIFvbEE");
  real(this, deadline, AlarmCallback(std::move(callback)));
}

}  // namespace grpc

// The locks that gRPC's headers take in this program.
namespace absl {

void Mutex::Lock() {
  static auto* const real = Real<void(Mutex*)>("_ZN4absl7debian35Mutex4LockEv");
  real(this);
  __tsan_acquire(this);
}

void Mutex::Unlock() {
  static auto* const real = Real<void(Mutex*)>("_ZN4absl7debian35Mutex6UnlockEv");
  __tsan_release(this);
  real(this);
}

}  // namespace absl
