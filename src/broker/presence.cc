// Users and their connections.
#include "broker/presence.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace postroad::broker {

namespace {

struct Connected {
  Connected(ConnectionInfo i, Executor& e, ConnectionSink& s)
      : info(std::move(i)), executor(e), sink(&s) {}
  ConnectionInfo info;
  Executor& executor;
  ConnectionSink* sink;  // touched on the executor only; null once it left
  bool closing = false;  // told to, to make room
};
using ConnectedPtr = std::shared_ptr<Connected>;

void TellOne(const ConnectedPtr& connected, Presence::Telling telling) {
  connected->executor.Post(
      [weak = std::weak_ptr(connected), telling = std::move(telling)]() mutable {
        const auto alive = weak.lock();
        if (alive && alive->sink != nullptr) telling(*alive->sink);
      });
}

bool Open(const ConnectedPtr& connected) {
  return !connected->closing && !connected->info.suspended;
}
bool Waits(const ConnectedPtr& connected) {
  return !connected->closing && connected->info.suspended;
}

}  // namespace

std::string IdText(uint64_t id) {
  std::string text(16, '0');
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof digits, id, 16).ptr;
  const auto size = static_cast<size_t>(end - digits);
  return text.replace(16 - size, size, digits, size);
}

Result<uint64_t> ParseIdText(std::string_view text, std::string_view field) {
  uint64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
  if (text.size() == 16 && error == std::errc() && end == text.data() + text.size()) return id;
  return Invalid(std::string(field), "must be 16 hexadecimal digits");
}

uint64_t RandomId() {
  // Who knows an id may answer with it: one must not tell the next.
  uint64_t id = 0;
  if (getentropy(&id, sizeof id) != 0) std::abort();  // never, for so few bytes
  return id;
}

std::string UserTopic(const UserOptions& options, std::string_view user) {
  std::string topic = options.topic;
  const size_t at = topic.find(kUserPlaceholder);
  if (at != std::string::npos) topic.replace(at, kUserPlaceholder.size(), user);
  return topic;
}

std::optional<std::string> UserOfTopic(const UserOptions& options, std::string_view topic) {
  const std::string_view pattern = options.topic;
  const size_t at = pattern.find(kUserPlaceholder);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view before = pattern.substr(0, at);
  const std::string_view behind = pattern.substr(at + kUserPlaceholder.size());
  if (topic.size() <= before.size() + behind.size() || !topic.starts_with(before) ||
      !topic.ends_with(behind)) {
    return std::nullopt;
  }
  return std::string(topic.substr(before.size(), topic.size() - before.size() - behind.size()));
}

struct Presence::State {
  State(const UserOptions& o, Clock& c, Metrics& metrics)
      : options(o),
        clock(c),
        connections(metrics.GetGauge("postroad_users_connections_open",
                                     "Connections of users: RSocket, and streams by HTTP of a "
                                     "user's topic.")),
        users_connected(
            metrics.GetGauge("postroad_users_connected", "Users with a connection or more.")),
        refused(metrics.GetCounter("postroad_users_connections_refused_total",
                                   "Connections beyond users.max_connections that were refused.")),
        replaced(metrics.GetCounter("postroad_users_connections_replaced_total",
                                    "Connections closed to make room for a newer one of their "
                                    "user.")) {}

  // The one that is to make room; null if there is room. Those that may be resumed have a place as
  // those that are open have, or they could all come back; but they refuse nobody: the user, whose
  // lost connections they are, may be who comes.
  Result<ConnectedPtr> MakeRoom(const std::vector<ConnectedPtr>& of_user) {
    if (options.max_connections == 0) return ConnectedPtr();
    const auto open = std::ranges::count_if(of_user, Open);
    const auto waiting = std::ranges::count_if(of_user, Waits);
    if (static_cast<size_t>(open + waiting) < options.max_connections) return ConnectedPtr();
    if (static_cast<size_t>(open) < options.max_connections) return Replace(of_user, Waits);
    if (options.when_full == WhenFull::kReject) {
      refused.Add();
      return Fail(Error{ErrorCode::kResourceExhausted,
                        "the user has " + std::to_string(open) +
                            " connections, as many as one may have; close one",
                        "",
                        "TOO_MANY_CONNECTIONS",
                        {{"limit", std::to_string(options.max_connections)}}});
    }
    return Replace(of_user, Open);
  }
  ConnectedPtr Replace(const std::vector<ConnectedPtr>& of_user,
                       bool (*which)(const ConnectedPtr&)) {
    const auto oldest = std::ranges::find_if(of_user, which);
    (*oldest)->closing = true;
    replaced.Add();
    return *oldest;
  }

  void Leave(const ConnectedPtr& connected) {
    std::lock_guard lock(mutex);
    by_id.erase(connected->info.id);
    const auto found = users.find(connected->info.user);
    std::erase(found->second, connected);
    if (found->second.empty()) users.erase(found);
    ShowGauges();
  }
  void ShowGauges() {
    connections.Set(static_cast<double>(by_id.size()));
    users_connected.Set(static_cast<double>(users.size()));
  }

  const UserOptions options;
  Clock& clock;
  mutable std::mutex mutex;
  std::map<std::string, std::vector<ConnectedPtr>, std::less<>> users;  // the oldest first
  std::unordered_map<ConnectionId, ConnectedPtr> by_id;
  Gauge& connections;
  Gauge& users_connected;
  Counter& refused;
  Counter& replaced;
};

namespace {

class Anonymous final : public Presence::Entry {
 public:
  void SetSuspended(bool) override {}
};

}  // namespace

Presence::Presence(const UserOptions& options, Clock& clock, Metrics& metrics)
    : state_(std::make_shared<State>(options, clock, metrics)) {}
Presence::~Presence() = default;

Result<std::unique_ptr<Presence::Entry>> Presence::Enter(ConnectionInfo info, Executor& executor,
                                                         ConnectionSink& sink) {
  class Named final : public Entry {
   public:
    Named(std::shared_ptr<State> state, ConnectedPtr connected)
        : state_(std::move(state)), connected_(std::move(connected)) {}
    ~Named() override {
      connected_->sink = nullptr;
      state_->Leave(connected_);
    }
    void SetSuspended(bool suspended) override {
      std::lock_guard lock(state_->mutex);
      connected_->info.suspended = suspended;
    }

   private:
    const std::shared_ptr<State> state_;
    const ConnectedPtr connected_;
  };

  if (info.user.empty()) return std::make_unique<Anonymous>();
  info.since = state_->clock.Now();
  const auto connected = std::make_shared<Connected>(std::move(info), executor, sink);
  ConnectedPtr closing;
  {
    std::lock_guard lock(state_->mutex);
    if (const auto there = state_->users.find(connected->info.user); there != state_->users.end()) {
      POSTROAD_ASSIGN(closing, state_->MakeRoom(there->second));
    }
    state_->users[connected->info.user].push_back(connected);
    state_->by_id.emplace(connected->info.id, connected);
    state_->ShowGauges();
  }
  if (closing) {
    TellOne(closing, [](ConnectionSink& one) {
      one.OnClose({ErrorCode::kAborted,
                   "a newer connection of the same user took this one's place; do not connect "
                   "again by yourself",
                   "", "REPLACED"});
    });
  }
  return std::make_unique<Named>(state_, connected);
}

bool Presence::Tell(ConnectionId id, Telling telling) {
  ConnectedPtr connected;
  {
    std::lock_guard lock(state_->mutex);
    const auto found = state_->by_id.find(id);
    if (found == state_->by_id.end()) return false;
    connected = found->second;
  }
  TellOne(connected, std::move(telling));
  return true;
}

std::optional<std::string> Presence::UserOf(ConnectionId id) const {
  std::lock_guard lock(state_->mutex);
  const auto found = state_->by_id.find(id);
  if (found == state_->by_id.end()) return std::nullopt;
  return found->second->info.user;
}

std::vector<ConnectionInfo> Presence::Of(std::string_view user) const {
  std::lock_guard lock(state_->mutex);
  std::vector<ConnectionInfo> infos;
  const auto found = state_->users.find(user);
  if (found == state_->users.end()) return infos;
  for (const ConnectedPtr& one : found->second) infos.push_back(one->info);
  return infos;
}

std::vector<ConnectionInfo> Presence::All(const Position& after, size_t limit) const {
  std::lock_guard lock(state_->mutex);
  std::vector<ConnectionInfo> infos;
  auto it = state_->users.lower_bound(after.user);
  for (; it != state_->users.end() && infos.size() < limit; ++it) {
    const bool behind = it->first != after.user;
    std::vector<ConnectedPtr> some;
    for (const ConnectedPtr& one : it->second) {
      if (behind || one->info.id > after.id) some.push_back(one);
    }
    const size_t count = std::min(some.size(), limit - infos.size());
    std::ranges::partial_sort(some, some.begin() + static_cast<ptrdiff_t>(count), {},
                              [](const ConnectedPtr& one) { return one->info.id; });
    for (size_t i = 0; i < count; ++i) infos.push_back(some[i]->info);
  }
  return infos;
}

size_t Presence::size() const {
  std::lock_guard lock(state_->mutex);
  return state_->by_id.size();
}

}  // namespace postroad::broker
