#include "client/lifecycle.h"

#include <utility>

#include "client/status.h"

namespace postroad::client {

Lifecycle::Lifecycle(std::shared_ptr<Client::Impl> connection, std::string component,
                     std::string client_id)
    : connection_(std::move(connection)),
      component_(std::move(component)),
      client_id_(std::move(client_id)) {}

State Lifecycle::state() const {
  std::lock_guard lock(mutex_);
  return state_;
}

void Lifecycle::Set(State state, Error error) {
  {
    std::lock_guard lock(mutex_);
    const bool first_failure = !told_ && !error.message.empty();
    if (ended_ || (state_ == state && !first_failure)) return;
    state_ = state;
    told_ = true;
  }
  connection_->Report({component_, state, std::move(error)});
}

void Lifecycle::End(Status status) {
  Error error = status ? Error{.message = {}} : status.error();
  {
    std::lock_guard lock(mutex_);
    if (ended_) return;
    state_ = State::kClosed;
  }
  connection_->Report({component_, State::kClosed, std::move(error)});
  std::lock_guard lock(mutex_);
  ended_ = true;
  end_ = std::move(status);
  changed_.notify_all();
}

Status Lifecycle::Wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ended_; });
  return end_;
}

Status Lifecycle::WaitFor(Duration timeout) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, timeout, [this] { return ended_; })) {
    return Fail(ErrorCode::kDeadlineExceeded, component_ + " still runs");
  }
  return end_;
}

void Lifecycle::Log(Severity severity, std::string_view message) {
  connection_->Log(severity, component_ + ": " + std::string(message));
}

Status Lifecycle::Reconnect(const std::function<Status()>& session,
                            const std::function<Use(const Error&)>& use_of,
                            const std::function<bool(const Error&)>& is_final) {
  Backoff backoff(connection_->options.backoff, *connection_->environment);
  while (!stopping()) {
    Status status = session();
    if (stopping() || status) break;
    Error& error = status.error();
    if (is_final(error)) return status;
    Set(State::kDisconnected, error);
    const Use use = use_of(error);
    if (use == Use::kGood) backoff.Reset();
    if (use == Use::kSome) backoff.Succeeded();
    const auto wait = backoff.Next();
    if (!wait) {
      error.message +=
          " (gave up after " + FormatDuration(connection_->options.backoff.give_up_after) + ")";
      return status;
    }
    TellWait(*wait, error);
    connection_->environment->Sleep(*wait, token());
  }
  return {};
}

void Lifecycle::TellWait(Duration wait, const Error& error) {
  if (!WasReplaced(error)) {
    return Log(Severity::kDebug,
               "next attempt in " + FormatDuration(wait) + ": " + error.ToString());
  }
  Log(Severity::kWarning,
      "another one took the client id \"" + client_id_ + "\" over; this one takes it back in " +
          FormatDuration(wait) +
          ", so that the two take turns: give each a client_id of its own, or end the older with "
          "OnReplaced::kStop");
}

Use Lifecycle::UseOf(MonotonicTime since, const Error& error) const {
  const Duration lasted = connection_->environment->Monotonic() - since;
  const bool turn = WasReplaced(error) && lasted < 2 * connection_->options.backoff.max;
  return turn ? Use::kSome : Use::kGood;
}

}  // namespace postroad::client
