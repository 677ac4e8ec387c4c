// A listening socket, of TCP or Unix, and the loop that accepts from it.
#ifndef POSTROAD_RUNTIME_LISTENER_H_
#define POSTROAD_RUNTIME_LISTENER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/error.h"
#include "core/time.h"
#include "runtime/executor.h"
#include "runtime/metrics.h"

namespace postroad {

struct ListenerOptions {
  // In log lines, as in "grpc".
  std::string name;
  // Whether it may take files from the reserve (see Listener): for health checks and metrics, which
  // are wanted most when files run out.
  bool into_reserve = false;
  // TCP_USER_TIMEOUT of the connections: how long what was sent may wait to be acknowledged. 0: the
  // system's own.
  Duration user_timeout{};
};

// Accepts on one core. A connection that would leave the process fewer files than the reserve, what
// the store may need, is closed as it comes; where files have run out nevertheless, the listener
// pauses and goes on. Thread-safe.
class Listener {
 public:
  // Takes a connection: non-blocking, without Nagle's delay, from now on the callee's. Or returns
  // false, and it is closed and counted.
  using Take = std::function<bool(int fd)>;

  // All addresses of `host` that this machine has; port 0: any free one, the same for all.
  // UNAVAILABLE naming the address if it cannot listen there.
  static Result<std::unique_ptr<Listener>> Tcp(const std::string& host, uint16_t port,
                                               ListenerOptions options);
  // Replaces a socket that is at `path`, which an earlier process may have left; removes its own
  // when closed.
  static Result<std::unique_ptr<Listener>> Unix(const std::string& path, ListenerOptions options);

  virtual ~Listener() = default;  // stops
  // 0 for Unix sockets.
  virtual uint16_t port() const = 0;
  // Begins to accept, on the pool's first core, where `take` is called. Once. The connections that
  // came since the listener was made have waited. The pool and the counter must outlive the
  // listener.
  virtual void Start(CorePool& cores, Counter& refused, Take take) = 0;
  // Accepts no more and closes the socket, soon. Does not wait.
  virtual void Close() = 0;
  // The same, and waits: `take` is not called again, nor running. Not on a core, and before the
  // pool stops. Idempotent.
  virtual void Stop() = 0;
};

}  // namespace postroad

#endif  // POSTROAD_RUNTIME_LISTENER_H_
