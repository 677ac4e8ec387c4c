// See deadline.h.
#include "gateway/http/deadline.h"

namespace postroad::gateway {
namespace {

// A cancelled operation can have ended just before, and the next one begun.
constexpr Duration kSecondLook = std::chrono::milliseconds(100);

MonotonicTime Now() { return std::chrono::steady_clock::now(); }

}  // namespace

void Deadline::Set(Duration from_now) {
  expired_ = false;
  at_ = Now() + from_now;
  if (!timer_ || armed_for_ > *at_) Arm(*at_);
}

void Deadline::Arm(MonotonicTime at) {
  armed_for_ = at;
  timer_ = executor_.PostAfter(at - Now(), [this] { Look(); });
}

void Deadline::Look() {
  timer_.Cancel();
  if (!at_) return;
  if (*at_ > Now()) return Arm(*at_);
  boost::system::error_code ignored;
  if (expired_) {
    socket_.tcp().close(ignored);
    return;
  }
  expired_ = true;
  socket_.tcp().cancel(ignored);
  Arm(Now() + kSecondLook);
}

}  // namespace postroad::gateway
