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

// Of what use a session was: none, so that waits grow, and in the end it is given up; some, so that
// waits only grow on; or so good that they begin anew.
enum class Use { kNone, kSome, kGood };

// Thread-safe.
class Lifecycle {
 public:
  // `client_id`: the one that a newer reader or member may have, too.
  Lifecycle(std::shared_ptr<Client::Impl> connection, std::string component,
            std::string client_id = {});

  Client::Impl& connection() { return *connection_; }
  // Puts it under the client's Close().
  Status Register() { return connection_->Register(stop_); }

  std::stop_token token() const { return stop_->get_token(); }
  void RequestStop() { stop_->request_stop(); }
  bool stopping() const { return stop_->stop_requested(); }

  State state() const;
  // Tells of a change, and of a first attempt that failed; else says nothing. `error` is why.
  void Set(State state, Error error = {.message = {}});
  // The end, once; later ends are ignored.
  void End(Status status);
  Status Wait();
  Status WaitFor(Duration timeout);

  void Log(Severity severity, std::string_view message);

  // Runs `session` again and again, each time one stream from dialing to its end, until `is_final`
  // says that its error ends it all, backoff gives up, the session succeeds, or a stop is asked for
  // (success then). `use_of` is asked after each session, with its error.
  Status Reconnect(const std::function<Status()>& session,
                   const std::function<Use(const Error&)>& use_of,
                   const std::function<bool(const Error&)>& is_final);
  // Of what use a session was that was up since then. One that was replaced was of good use only if
  // it lasted for longer than two that take turns let each other, since else they would do so ever
  // again without waiting for longer.
  Use UseOf(MonotonicTime since, const Error& error) const;

 private:
  void TellWait(Duration wait, const Error& error);

  const std::shared_ptr<Client::Impl> connection_;
  const std::string component_;
  const std::string client_id_;
  const std::shared_ptr<std::stop_source> stop_ = std::make_shared<std::stop_source>();
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::kDisconnected;
  bool told_ = false;  // of anything
  bool ended_ = false;
  Status end_;
};

}  // namespace postroad::client

#endif  // POSTROAD_CLIENTS_CPP_CLIENT_LIFECYCLE_H_
