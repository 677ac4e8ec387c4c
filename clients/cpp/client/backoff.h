// How long to wait between attempts to connect.
#ifndef POSTROAD_CLIENTS_CPP_CLIENT_BACKOFF_H_
#define POSTROAD_CLIENTS_CPP_CLIENT_BACKOFF_H_

#include <optional>

#include "postroad/client.h"

namespace postroad::client {

// Not thread-safe.
class Backoff {
 public:
  Backoff(const BackoffOptions& options, Environment& environment)
      : options_(options), environment_(environment) {}

  // The attempt was good: the next wait is the shortest again.
  void Reset();
  // There is no reason to give up yet; but the waits grow on.
  void Succeeded() { failing_since_.reset(); }
  // The wait before the next attempt, ±jitter; nothing once no attempt was good for
  // `give_up_after`.
  std::optional<Duration> Next();

 private:
  const BackoffOptions options_;
  Environment& environment_;
  Duration next_{};  // without jitter; zero: begin with base
  std::optional<MonotonicTime> failing_since_;
};

Status CheckBackoff(const BackoffOptions& options);

}  // namespace postroad::client

#endif  // POSTROAD_CLIENTS_CPP_CLIENT_BACKOFF_H_
