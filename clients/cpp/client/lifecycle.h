// What publishers, readers and subscribers have in common: a state that is told, a stop that can be
// asked for, an end that can be waited for, and the loop that connects again and again.
#ifndef POSTROAD_CLIENTS_CPP_CLIENT_LIFECYCLE_H_
#define POSTROAD_CLIENTS_CPP_CLIENT_LIFECYCLE_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include "client/backoff.h"
#include "client/connection.h"

namespace postroad::client {

// Thread-safe.
class Lifecycle {
 public:
  Lifecycle(std::shared_ptr<Client::Impl> connection, std::string component);

  Client::Impl& connection() { return *connection_; }
  // Puts it under the client's Close().
  Status Register() { return connection_->Register(stop_); }

  std::stop_token token() const { return stop_->get_token(); }
  void RequestStop() { stop_->request_stop(); }
  bool stopping() const { return stop_->stop_requested(); }

  State state() const;
  // Tells of a change; says nothing if there is none. `error` is why.
  void Set(State state, Error error = {.message = {}});
  // The end, once; later ends are ignored.
  void End(Status status);
  Status Wait();
  Status WaitFor(Duration timeout);

  void Log(Severity severity, std::string_view message);

  // Runs `session` again and again, each time one stream from dialing to its end, until `is_final`
  // says that its error ends it all, backoff gives up, the session succeeds, or a stop is asked for
  // (success then). `useful` is asked after each session, with its error: whether waits begin anew.
  Status Reconnect(const std::function<Status()>& session,
                   const std::function<bool(const Error&)>& useful,
                   const std::function<bool(const Error&)>& is_final);
  // Whether a session that began then and was up counts as useful: one that was replaced only if it
  // lasted, since else two that take over from each other would never wait for longer.
  bool Steady(MonotonicTime since, const Error& error) const;

 private:
  const std::shared_ptr<Client::Impl> connection_;
  const std::string component_;
  const std::shared_ptr<std::stop_source> stop_ = std::make_shared<std::stop_source>();
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::kDisconnected;
  bool ended_ = false;
  Status end_;
};

}  // namespace postroad::client

#endif  // POSTROAD_CLIENTS_CPP_CLIENT_LIFECYCLE_H_
