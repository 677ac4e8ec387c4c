// Readers by topic, and what they said by event.
#include "broker/connection_receipts.h"

#include <atomic>
#include <list>
#include <map>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace postroad::broker {

namespace {

// What an entry costs beside its texts.
constexpr size_t kTrackBytes = 256;
constexpr size_t kToldBytes = 192;

struct Topic;

struct ActiveReader {
  ConnectionReceipts::Reader who;
  Topic* topic = nullptr;
  std::atomic<uint64_t> sent = 0;
  std::atomic<bool> awaited = false;  // of one whose client cannot ack: its sending ends a wait
};

struct Watcher {
  Executor* executor;
  Task settled;
};

// One event that somebody acked or waits for.
struct Track {
  std::unordered_map<ConnectionId, ConnectionReceipt> told;
  // While it is watched: who has yet to say something.
  std::unordered_set<const ActiveReader*> open;
  bool sharers_open = false;  // none of those that share the topic has
  std::list<std::shared_ptr<Watcher>> watchers;
  size_t bytes = kTrackBytes;
  std::list<std::pair<Topic*, uint64_t>>::iterator age;

  bool watched() const { return !watchers.empty(); }
  bool settled() const { return open.empty() && !sharers_open; }
};

struct Topic {
  std::string name;
  std::unordered_multimap<ConnectionId, ActiveReader*> readers;
  size_t sharers = 0;
  // Of the newest events, to which of those that share each went.
  std::map<uint64_t, ConnectionId> given;
  std::map<uint64_t, Track> tracks;
};
constexpr size_t kMaxGiven = 1'000;

bool IsFor(const ActiveReader& reader, uint64_t offset) {
  return reader.who.start.value() <= offset;
}

bool WasSent(const ActiveReader& reader, uint64_t offset) {
  if (!reader.who.shares) return offset < reader.sent.load();
  const auto given = reader.topic->given.find(offset);
  return given != reader.topic->given.end() && given->second == reader.who.connection;
}

// Not inside a character.
void Cut(std::string& text, size_t most) {
  if (text.size() <= most) return;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
  text.resize(most);
}

}  // namespace

std::string_view ConnectionStateName(ConnectionState state) {
  switch (state) {
    case ConnectionState::kPending:
      return "pending";
    case ConnectionState::kDelivered:
      return "delivered";
    case ConnectionState::kAcked:
      return "acked";
    case ConnectionState::kReplied:
      return "replied";
    case ConnectionState::kFailed:
      return "failed";
    case ConnectionState::kGone:
      return "gone";
  }
  return "pending";
}

struct ConnectionReceipts::State {
  State(Clock& c, Metrics& metrics, size_t max)
      : clock(c),
        max_bytes(max),
        acks(metrics.GetCounter("postroad_users_acks_total",
                                "Acks, replies and failures that users' connections gave.")),
        bytes_gauge(metrics.GetGauge("postroad_users_receipts_bytes",
                                     "Bytes of receipts of users' connections.")) {}

  Topic& FindTopic(std::string_view name) {
    auto& topic = topics[std::string(name)];
    if (!topic) {
      topic = std::make_unique<Topic>();
      topic->name = name;
    }
    return *topic;
  }
  void DropIfUnused(Topic& topic) {
    if (topic.sharers == 0) topic.given.clear();
    if (topic.readers.empty() && topic.tracks.empty()) topics.erase(std::string(topic.name));
  }
  Track& FindTrack(Topic& topic, uint64_t offset) {
    const auto [it, made] = topic.tracks.try_emplace(offset);
    if (made) {
      it->second.age = ages.emplace(ages.end(), &topic, offset);
      bytes += kTrackBytes;
    }
    return it->second;
  }
  void Grow(Track& track, size_t by) {
    track.bytes += by;
    bytes += by;
    bytes_gauge.Set(static_cast<double>(bytes));
  }
  void DropTrack(Topic& topic, uint64_t offset) {
    const auto it = topic.tracks.find(offset);
    bytes -= it->second.bytes;
    ages.erase(it->second.age);
    topic.tracks.erase(it);
    bytes_gauge.Set(static_cast<double>(bytes));
    DropIfUnused(topic);
  }
  // Drops the oldest that nobody waits for; false if that is not enough.
  bool MakeRoom(size_t wanted) {
    for (auto it = ages.begin(); it != ages.end() && bytes + wanted > max_bytes;) {
      const auto [topic, offset] = *it++;
      if (!topic->tracks.at(offset).watched()) DropTrack(*topic, offset);
    }
    return bytes + wanted <= max_bytes;
  }

  void Leave(ActiveReader& reader);
  void Gone(Track& track, const ActiveReader& reader, uint64_t offset);
  std::vector<std::shared_ptr<Watcher>> TakeSettled(Track& track);
  void OpenFor(Track& track, Topic& topic, uint64_t offset);
  void WasSentTo(const ActiveReader& reader, uint64_t end);
  void WasGiven(const ActiveReader& reader, uint64_t offset);

  Clock& clock;
  const size_t max_bytes;
  std::mutex mutex;
  std::unordered_map<std::string, std::unique_ptr<Topic>> topics;
  std::list<std::pair<Topic*, uint64_t>> ages;  // the oldest first
  size_t bytes = 0;
  Counter& acks;
  Gauge& bytes_gauge;
};

namespace {

void Call(std::vector<std::shared_ptr<Watcher>> watchers) {
  for (const auto& watcher : watchers) {
    watcher->executor->Post([weak = std::weak_ptr(watcher)] {
      const auto alive = weak.lock();
      if (alive && alive->settled) std::exchange(alive->settled, nullptr)();
    });
  }
}

}  // namespace

ConnectionReceipts::ConnectionReceipts(Clock& clock, Metrics& metrics, size_t max_bytes)
    : state_(std::make_shared<State>(clock, metrics, max_bytes)) {}
ConnectionReceipts::~ConnectionReceipts() = default;

// --- Readers ---

void ConnectionReceipts::State::OpenFor(Track& track, Topic& topic, uint64_t offset) {
  track.open.clear();
  bool shared_told = false, shared_wanted = false;
  for (const auto& [connection, reader] : topic.readers) {
    if (!IsFor(*reader, offset)) continue;
    const bool told = track.told.contains(connection);
    if (!reader->who.acks) reader->awaited.store(true);
    const bool sufficed = told || (!reader->who.acks && WasSent(*reader, offset));
    if (reader->who.shares) {
      shared_wanted = true;
      shared_told |= sufficed;
    } else if (!sufficed) {
      track.open.insert(reader);
    }
  }
  track.sharers_open = shared_wanted && !shared_told;
}

std::vector<std::shared_ptr<Watcher>> ConnectionReceipts::State::TakeSettled(Track& track) {
  if (!track.settled()) return {};
  return {track.watchers.begin(), track.watchers.end()};
}

void ConnectionReceipts::State::WasSentTo(const ActiveReader& reader, uint64_t end) {
  std::vector<std::shared_ptr<Watcher>> settled;
  {
    std::lock_guard lock(mutex);
    for (auto& [offset, track] : reader.topic->tracks) {
      if (offset >= end) break;
      if (track.open.erase(&reader) == 0) continue;
      for (auto& watcher : TakeSettled(track)) settled.push_back(std::move(watcher));
    }
  }
  Call(std::move(settled));
}

void ConnectionReceipts::State::WasGiven(const ActiveReader& reader, uint64_t offset) {
  std::vector<std::shared_ptr<Watcher>> settled;
  {
    std::lock_guard lock(mutex);
    Topic& topic = *reader.topic;
    topic.given[offset] = reader.who.connection;
    if (topic.given.size() > kMaxGiven) topic.given.erase(topic.given.begin());
    const auto track = topic.tracks.find(offset);
    if (!reader.who.acks && track != topic.tracks.end() && track->second.watched()) {
      track->second.sharers_open = false;
      settled = TakeSettled(track->second);
    }
  }
  Call(std::move(settled));
}

void ConnectionReceipts::State::Gone(Track& track, const ActiveReader& reader, uint64_t offset) {
  const bool counted = track.open.erase(&reader) > 0 ||
                       (reader.who.shares && track.sharers_open && WasSent(reader, offset));
  if (reader.who.shares && reader.topic->sharers == 0) track.sharers_open = false;
  if (!counted || track.told.size() >= kMaxReceiptConnections) return;
  const auto [it, made] = track.told.try_emplace(reader.who.connection);
  if (!made) return;
  it->second = {.connection = reader.who.connection,
                .user = reader.who.user,
                .state = ConnectionState::kGone,
                .at = clock.Now()};
  Grow(track, kToldBytes + reader.who.user.size());
}

void ConnectionReceipts::State::Leave(ActiveReader& reader) {
  std::vector<std::shared_ptr<Watcher>> settled;
  {
    std::lock_guard lock(mutex);
    Topic& topic = *reader.topic;
    const auto [begin, end] = topic.readers.equal_range(reader.who.connection);
    for (auto it = begin; it != end; ++it) {
      if (it->second != &reader) continue;
      topic.readers.erase(it);
      break;
    }
    if (reader.who.shares) --topic.sharers;
    for (auto& [offset, track] : topic.tracks) {
      if (!track.watched()) continue;
      Gone(track, reader, offset);
      for (auto& watcher : TakeSettled(track)) settled.push_back(std::move(watcher));
    }
    DropIfUnused(topic);
  }
  Call(std::move(settled));
}

std::unique_ptr<ConnectionReceipts::Reading> ConnectionReceipts::Read(std::string_view topic,
                                                                      Reader reader) {
  class Handle final : public Reading {
   public:
    Handle(std::shared_ptr<State> state, Reader who) : state_(std::move(state)) {
      reader_.sent = who.start.value();
      reader_.who = std::move(who);
    }
    ~Handle() override { state_->Leave(reader_); }
    // In this order, and OpenFor in the other: one of them sees the other's store.
    void Sent(Offset end) override {
      reader_.sent.store(end.value());
      if (reader_.awaited.load()) state_->WasSentTo(reader_, end.value());
    }
    void Given(Offset offset) override { state_->WasGiven(reader_, offset.value()); }
    std::vector<Offset> Unsettled() const override {
      std::lock_guard lock(state_->mutex);
      const Topic& topic = *reader_.topic;
      std::vector<Offset> unsettled;
      bool speaks = false;
      for (const auto& [offset, to] : topic.given) {
        if (to != reader_.who.connection) continue;
        const auto track = topic.tracks.find(offset);
        const bool told = track != topic.tracks.end() && track->second.told.contains(to);
        speaks |= told;
        if (!told) unsettled.emplace_back(offset);
      }
      return speaks ? unsettled : std::vector<Offset>();
    }
    ActiveReader& reader() { return reader_; }

   private:
    const std::shared_ptr<State> state_;
    ActiveReader reader_;
  };

  auto handle = std::make_unique<Handle>(state_, std::move(reader));
  ActiveReader& active = handle->reader();
  std::lock_guard lock(state_->mutex);
  Topic& found = state_->FindTopic(topic);
  active.topic = &found;
  found.readers.emplace(active.who.connection, &active);
  if (active.who.shares) ++found.sharers;
  for (auto& [offset, track] : found.tracks) {
    if (track.watched()) state_->OpenFor(track, found, offset);
  }
  return handle;
}

// --- Acks ---

Status ConnectionReceipts::Ack(ConnectionId connection, ConnectionAck ack) {
  if (ack.state == ConnectionState::kReplied && ack.text.size() > kMaxReplyBytes) {
    return Invalid("reply", "is larger than 64 KiB", "REPLY_TOO_LARGE");
  }
  if (ack.state == ConnectionState::kFailed) Cut(ack.text, kMaxReasonBytes);
  const uint64_t offset = ack.offset.value();
  std::vector<std::shared_ptr<Watcher>> settled;
  {
    std::lock_guard lock(state_->mutex);
    const auto found = state_->topics.find(ack.topic);
    const ActiveReader* reader = nullptr;
    if (found != state_->topics.end()) {
      const auto [begin, end] = found->second->readers.equal_range(connection);
      for (auto it = begin; it != end; ++it) {
        if (WasSent(*it->second, offset)) reader = it->second;
      }
    }
    if (reader == nullptr) {
      return Fail(ErrorCode::kNotFound, "this connection was not sent that event", "offset",
                  "UNKNOWN_DELIVERY");
    }
    const size_t cost = kToldBytes + reader->who.user.size() + ack.text.size();
    if (!state_->MakeRoom(cost + kTrackBytes)) {
      return Fail(ErrorCode::kResourceExhausted, "too many receipts are waited for; try again", "",
                  "OVERLOADED");
    }
    Topic& topic = state_->FindTopic(ack.topic);
    Track& track = state_->FindTrack(topic, offset);
    for (auto it = track.open.begin(); it != track.open.end();) {
      it = (*it)->who.connection == connection ? track.open.erase(it) : std::next(it);
    }
    if (reader->who.shares) track.sharers_open = false;
    const bool known = track.told.contains(connection);
    if (!known && track.told.size() < kMaxReceiptConnections) {
      state_->acks.Add();
      const bool failed = ack.state == ConnectionState::kFailed;
      track.told[connection] = {.connection = connection,
                                .user = reader->who.user,
                                .state = ack.state,
                                .at = state_->clock.Now(),
                                .reason = failed ? ack.text : "",
                                .reply = failed ? "" : ack.text};
      state_->Grow(track, cost);
    }
    if (track.watched()) settled = state_->TakeSettled(track);
  }
  Call(std::move(settled));
  return {};
}

// --- Receipts ---

std::vector<ConnectionReceipt> ConnectionReceipts::Get(std::string_view topic,
                                                       Offset offset) const {
  std::vector<ConnectionReceipt> receipts;
  std::lock_guard lock(state_->mutex);
  const auto found = state_->topics.find(std::string(topic));
  if (found == state_->topics.end()) return receipts;
  const Topic& there = *found->second;
  const auto track = there.tracks.find(offset.value());
  std::unordered_set<ConnectionId> listed;
  bool shared_told = false;
  if (track != there.tracks.end()) {
    for (const auto& [connection, receipt] : track->second.told) {
      receipts.push_back(receipt);
      listed.insert(connection);
      const auto reader = there.readers.find(connection);
      shared_told |= reader != there.readers.end() && reader->second->who.shares;
    }
  }
  for (const auto& [connection, reader] : there.readers) {
    if (receipts.size() >= kMaxReceiptConnections) break;
    if (!IsFor(*reader, offset.value()) || (reader->who.shares && shared_told)) continue;
    const bool to_another = reader->who.shares && there.given.contains(offset.value()) &&
                            !WasSent(*reader, offset.value());
    if (to_another) continue;
    if (!listed.insert(connection).second) continue;
    receipts.push_back({.connection = connection,
                        .user = reader->who.user,
                        .state = WasSent(*reader, offset.value()) ? ConnectionState::kDelivered
                                                                  : ConnectionState::kPending});
  }
  return receipts;
}

journal::WaitPtr ConnectionReceipts::Watch(std::string_view topic, Offset offset,
                                           Executor& executor, Task settled) {
  struct Handle final : journal::Wait {
    ~Handle() override {
      std::lock_guard lock(state->mutex);
      Topic& there = *state->topics.at(topic);
      Track& track = there.tracks.at(offset);
      track.watchers.remove(watcher);
      if (!track.watched() && track.told.empty()) state->DropTrack(there, offset);
    }
    std::shared_ptr<State> state;
    std::string topic;
    uint64_t offset = 0;
    std::shared_ptr<Watcher> watcher;
  };

  auto handle = std::make_unique<Handle>();
  handle->state = state_;
  handle->topic = topic;
  handle->offset = offset.value();
  handle->watcher = std::make_shared<Watcher>(&executor, std::move(settled));
  std::vector<std::shared_ptr<Watcher>> now;
  {
    std::lock_guard lock(state_->mutex);
    Topic& there = state_->FindTopic(topic);
    Track& track = state_->FindTrack(there, offset.value());
    if (!track.watched()) state_->OpenFor(track, there, offset.value());
    track.watchers.push_back(handle->watcher);
    if (track.settled()) now.push_back(handle->watcher);
  }
  Call(std::move(now));
  return handle;
}

}  // namespace postroad::broker
