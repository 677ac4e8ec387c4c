// The connection to a Postroad server, which publishers, readers and subscribers share.
//
//   auto client = postroad::Client::Create({.addresses = {"127.0.0.1:7401"}});
//   auto publisher = postroad::Publisher::Create(*client, {});
//
// The library needs C++23's std::expected (Result<T>): build with -std=c++23.
#ifndef POSTROAD_CLIENT_H_
#define POSTROAD_CLIENT_H_

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/event.h"
#include "core/time.h"

namespace postroad {

// What a publisher, reader or subscriber is doing.
enum class State {
  kClosed,        // ended: by its owner, or for good by an error
  kConnected,     // its stream is up
  kDisconnected,  // on its way to a connection, or waiting before the next attempt
};
std::string_view StateName(State state);

struct StateChange {
  std::string component;  // "publisher", "reader orders", "subscriber billing"
  State state = State::kDisconnected;
  // Why it is no longer connected; an empty message if all is well.
  Error error;
};

enum class Severity { kDebug, kInfo, kWarning, kError };

// How long to wait between attempts: `base`, doubled after each up to `max`, each time spread by
// ±`jitter` of itself. Begins anew once a stream was established (its first message or header
// came), unless another of the same client id took over soon.
struct BackoffOptions {
  Duration base = std::chrono::milliseconds(100);
  Duration max = std::chrono::seconds(30);
  double jitter = 0.2;
  // Give up when no attempt succeeded for this long; zero: never.
  Duration give_up_after = std::chrono::hours(24);
};

struct TlsOptions {
  bool enabled = false;
  std::string ca_file;           // PEM; empty: the system's authorities
  std::string certificate_file;  // PEM, with key_file, to show the server who calls (mTLS)
  std::string key_file;
  std::string server_name;  // the name to verify, where it is not the address's
};

// Pings that find a dead connection.
struct KeepaliveOptions {
  Duration time = std::chrono::seconds(10);    // after this long without traffic; zero: no pings
  Duration timeout = std::chrono::seconds(3);  // how long to wait for the answer
  bool without_calls = true;
};

// The time, waiting and chance that backoff uses. Tests hand in their own. Thread-safe.
class Environment {
 public:
  virtual ~Environment() = default;
  virtual MonotonicTime Monotonic() const = 0;
  // Returns after `duration`, or as soon as a stop is requested.
  virtual void Sleep(Duration duration, std::stop_token stop) = 0;
  // Evenly distributed in [0, 1).
  virtual double Random() = 0;
};
// The machine's own; lives for the whole process.
Environment& SystemEnvironment();

struct ClientOptions {
  // "host:port" or "unix:/path". A lost connection is tried at the next address.
  std::vector<std::string> addresses = {"127.0.0.1:7401"};
  std::string api_key;  // sent as a bearer token
  TlsOptions tls;
  KeepaliveOptions keepalive;
  BackoffOptions backoff;
  // How long one attempt to connect may take, and a server to take a call up.
  Duration connect_timeout = std::chrono::seconds(5);
  // Called from the library's threads, one at a time; must not block. Never payloads or secrets.
  std::function<void(Severity, std::string_view message)> logger;
  std::function<void(const StateChange&)> on_state;
  // Must outlive the client and all that it made; null: SystemEnvironment().
  Environment* environment = nullptr;
};

// Thread-safe. Copies share the connection. Nothing is sent before a publisher, reader, subscriber
// or Admin call needs the connection.
class Client {
 public:
  // INVALID_ARGUMENT naming the option at fault (addresses, tls.ca_file, backoff.base, …).
  static Result<Client> Create(ClientOptions options);

  // kConnected while the connection is up, kDisconnected before it and between attempts.
  State state() const;
  // From here on every call through this client fails with FAILED_PRECONDITION, reason
  // CLIENT_CLOSED; what runs is stopped as by its Stop(). Idempotent; doesn't wait.
  void Close();

  // For the library's own parts.
  struct Impl;
  const std::shared_ptr<Impl>& impl() const { return impl_; }

 private:
  explicit Client(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

}  // namespace postroad

#endif  // POSTROAD_CLIENT_H_
