// A time limit on what a connection waits for.
#ifndef POSTROAD_GATEWAY_HTTP_DEADLINE_H_
#define POSTROAD_GATEWAY_HTTP_DEADLINE_H_

#include <optional>

#include "core/time.h"
#include "runtime/asio_socket.h"
#include "runtime/executor.h"

namespace postroad::gateway {

// Once its time is over, ends what the socket waits for (operation_aborted), and, if the deadline
// is still set a moment later, closes it. Setting it anew costs no timer as long as the new time is
// later. On the socket's executor.
class Deadline {
 public:
  Deadline(Executor& executor, Socket& socket) : executor_(executor), socket_(socket) {}
  Deadline(const Deadline&) = delete;

  void Set(Duration from_now);
  void Clear() { at_.reset(); }
  // Since it was last set.
  bool expired() const { return expired_; }

 private:
  void Arm(MonotonicTime at);
  void Look();

  Executor& executor_;
  Socket& socket_;
  std::optional<MonotonicTime> at_;
  MonotonicTime armed_for_{};
  Executor::Timer timer_;
  bool expired_ = false;
};

}  // namespace postroad::gateway

#endif  // POSTROAD_GATEWAY_HTTP_DEADLINE_H_
