// Who is connected: the connections of users, over whichever protocol they came, how many a user
// may have, and the way to tell one of them something.
#ifndef POSTROAD_BROKER_PRESENCE_H_
#define POSTROAD_BROKER_PRESENCE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/time.h"
#include "core/types.h"
#include "runtime/clock.h"
#include "runtime/executor.h"
#include "runtime/metrics.h"

namespace postroad::broker {

// Random, so that one that is gone is not taken for another.
using ConnectionId = Number<struct ConnectionIdTag>;
using QuestionId = Number<struct QuestionIdTag>;
// 16 hexadecimal digits.
std::string IdText(uint64_t id);
// INVALID_ARGUMENT naming the field.
Result<uint64_t> ParseIdText(std::string_view text, std::string_view field);
uint64_t RandomId();

inline constexpr std::string_view kUserPlaceholder = "{user}";

enum class WhenFull : uint8_t { kReject, kClose };

struct UserOptions {
  std::string topic = "user/{user}";  // a user's own
  uint32_t max_connections = 0;       // of one user; 0: no limit
  WhenFull when_full = WhenFull::kReject;
};

std::string UserTopic(const UserOptions& options, std::string_view user);
// The user whose own topic this is; nothing if it is none.
std::optional<std::string> UserOfTopic(const UserOptions& options, std::string_view topic);

struct ConnectionInfo {
  ConnectionId id;
  std::string user;
  std::string transport;  // "websocket", "tcp", "sse", "ndjson"
  std::string peer;
  Timestamp since{};
  bool suspended = false;  // its network connection is lost, and may be resumed
};

struct Question {
  QuestionId id;
  std::string route;
  std::shared_ptr<const std::string> payload;
  Duration timeout{};
};

// A gateway's side of a connection. Called on the executor given when it entered, and no more once
// its handle is destroyed there.
class ConnectionSink {
 public:
  virtual ~ConnectionSink() = default;
  // It is to end, for a reason to be told to its client.
  virtual void OnClose(const Error& reason) = 0;
  virtual void OnQuestion(const Question& question) = 0;
  // The answer is not waited for any more.
  virtual void OnWithdrawn(QuestionId question) = 0;
};

// Thread-safe; calls out under no lock.
class Presence {
 public:
  using Telling = std::move_only_function<void(ConnectionSink&)>;

  Presence(const UserOptions& options, Clock& clock, Metrics& metrics);
  ~Presence();

  // One connection, as long as it lives. To be destroyed on its executor, at the latest with it.
  class Entry {
   public:
    virtual ~Entry() = default;
    virtual void SetSuspended(bool suspended) = 0;
  };
  // Without a user it is not listed, limited or told anything. RESOURCE_EXHAUSTED reason
  // TOO_MANY_CONNECTIONS, or the user's oldest connection is told to close.
  Result<std::unique_ptr<Entry>> Enter(ConnectionInfo info, Executor& executor,
                                       ConnectionSink& sink);
  // Calls `telling` on the connection's executor; false if there is no such connection.
  bool Tell(ConnectionId id, Telling telling);
  // Whose it is; nothing if there is no such connection.
  std::optional<std::string> UserOf(ConnectionId id) const;
  // The oldest first.
  std::vector<ConnectionInfo> Of(std::string_view user) const;
  // Of all users, by user and id: those behind `after`, `limit` at most.
  struct Position {
    std::string user;
    ConnectionId id;
  };
  std::vector<ConnectionInfo> All(const Position& after, size_t limit) const;
  size_t size() const;

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace postroad::broker

#endif  // POSTROAD_BROKER_PRESENCE_H_
