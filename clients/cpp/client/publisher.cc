// The callers' side: checks, ids, encoding, room, batches.
#include "postroad/publisher.h"

#include <algorithm>
#include <future>
#include <utility>

#include "client/check.h"
#include "client/publisher_impl.h"
#include "client/status.h"
#include "core/uuid.h"

namespace postroad {

using client::PostBatch;
using client::PostCall;

namespace {

Status CheckOptions(const PublisherOptions& options) {
  using client::CheckRange;
  POSTROAD_TRY(CheckRange<size_t>("max_batch_events", options.max_batch_events, 1,
                                  client::kMaxRequestEvents));
  POSTROAD_TRY(CheckRange<size_t>("max_batch_bytes", options.max_batch_bytes, 1024,
                                  client::kMaxRequestBytes));
  POSTROAD_TRY(CheckRange<size_t>("max_in_flight", options.max_in_flight, 1, 1024));
  POSTROAD_TRY(
      CheckRange<size_t>("max_buffered_bytes", options.max_buffered_bytes, 1024, size_t{1} << 40));
  if (options.linger < Duration{}) return Invalid("linger", "must not be negative");
  if (options.timeout < Duration{}) return Invalid("timeout", "must not be negative");
  return {};
}

Status CheckCall(size_t events) {
  if (events == 0) return Invalid("events", "there are none");
  if (events > client::kMaxRequestEvents) {
    return Invalid("events", "at most " + std::to_string(client::kMaxRequestEvents) +
                                 " go in one call, not " + std::to_string(events));
  }
  return {};
}

Status CheckSize(size_t events, size_t bytes) {
  if (bytes <= client::kMaxRequestBytes || events == 1) return {};
  return Invalid("events",
                 "have " + std::to_string(bytes) + " bytes; at most " +
                     std::to_string(client::kMaxRequestBytes) + " go in one call",
                 "BATCH_TOO_LARGE");
}

// Checks and encodes a call's events, one after the other.
class Encoder {
 public:
  // `ids`: where the events' ids go, made for those that have none; may be null.
  Encoder(std::string& bytes, std::vector<std::string>* ids)
      : now_(std::chrono::system_clock::now()), bytes_(bytes), ids_(ids) {}

  // `event` is given an id if it has none.
  Status Add(EventView& event, size_t index) {
    std::string id;
    if (event.id.empty()) event.id = id = NewUuidV7(now_);
    if (Status good = Check(event); !good) {
      // The path is made only when it is needed.
      return client::CheckPosted(event, "events[" + std::to_string(index) + "]");
    }
    client::AppendPosted(event, bytes_);
    if (ids_ == nullptr) return {};
    if (event.id.data() == id.data()) {
      ids_->push_back(std::move(id));
    } else {
      ids_->emplace_back(event.id);
    }
    return {};
  }

 private:
  Status Check(const EventView& event) {
    if (topic_.empty() || event.topic != topic_) {
      POSTROAD_TRY(client::CheckPostedTopic(event.topic, {}));
      topic_ = event.topic;
    }
    return client::CheckPostedButTopic(event, {});
  }

  const Timestamp now_;
  std::string& bytes_;
  std::vector<std::string>* const ids_;
  std::string_view topic_;  // of the event before, which was good
};

template <typename Events, typename ToView>
Status PostAll(Publisher::Impl& impl, const Events& events, ToView to_view, PostCallback done) {
  POSTROAD_TRY(CheckCall(events.size()));
  thread_local std::string bytes;
  bytes.clear();
  PostCall call{.events = static_cast<uint32_t>(events.size())};
  if (done) call.ids.reserve(events.size());
  Encoder encoder(bytes, done ? &call.ids : nullptr);
  EventView event;
  for (size_t i = 0; i < events.size(); ++i) {
    event = to_view(events[i]);
    POSTROAD_TRY(encoder.Add(event, i));
  }
  POSTROAD_TRY(CheckSize(events.size(), bytes.size()));
  call.done = std::move(done);
  return impl.Take(std::move(call), bytes);
}

}  // namespace

Publisher::Impl::Impl(std::shared_ptr<Client::Impl> connection, PublisherOptions o)
    : options(std::move(o)),
      life(std::move(connection), "publisher"),
      environment(*life.connection().environment) {
  on_stop.emplace(life.token(), [this] {
    std::lock_guard lock(mutex);
    wake.notify_all();
    roomy.notify_all();
    settled.notify_all();
  });
}

Status Publisher::Impl::Take(PostCall call, std::string_view bytes) {
  std::unique_lock lock(mutex);
  POSTROAD_TRY(WaitForRoom(lock, bytes.size()));
  const bool was_idle = IdleLocked(), was_open = open != nullptr;
  if (was_idle && !stream) idled = true;
  AppendLocked(std::move(call), bytes);
  Pump(lock);
  // The thread connects, and has timers: for what lingers, and for the first deadline.
  const bool first_deadline = was_idle && options.timeout != Duration{};
  if (!stream || (!was_open && open) || first_deadline) wake.notify_one();
  return {};
}

// When those who wait for room are woken: not for each batch, or they and the thread would take
// turns.
bool Publisher::Impl::RoomyLocked() const {
  return buffered_bytes <= options.max_buffered_bytes / 8 * 7;
}

bool Publisher::Impl::HasRoomLocked(size_t bytes) const {
  return buffered_bytes == 0 || buffered_bytes + bytes <= options.max_buffered_bytes;
}

Status Publisher::Impl::WaitForRoom(std::unique_lock<std::mutex>& lock, size_t bytes) {
  if (life.stopping()) return Fail(client::ClientClosed());
  const bool may_wait = options.when_full == PublisherOptions::WhenFull::kBlock && !OnThread();
  // Nobody takes the room from those who wait already.
  if (HasRoomLocked(bytes) && (!may_wait || waiting_for_room == 0 || RoomyLocked())) return {};
  if (may_wait) {
    const auto has_end = [&] { return life.stopping() || (RoomyLocked() && HasRoomLocked(bytes)); };
    ++waiting_for_room;
    if (options.timeout == Duration{}) {
      roomy.wait(lock, has_end);
    } else {
      roomy.wait_for(lock, options.timeout, has_end);
    }
    --waiting_for_room;
    if (life.stopping()) return Fail(client::ClientClosed());
    if (HasRoomLocked(bytes)) return {};
  }
  return Fail(ErrorCode::kResourceExhausted,
              "posts of " + std::to_string(buffered_bytes) + " bytes wait for their answers", "",
              "BUFFER_FULL");
}

void Publisher::Impl::AppendLocked(PostCall call, std::string_view bytes) {
  if (open && (open->events + call.events > options.max_batch_events ||
               open->body->size() + bytes.size() > options.max_batch_bytes)) {
    SealLocked();
  }
  if (!open) {
    open = std::make_unique<PostBatch>();
    open->body->reserve(std::max(usual_body, bytes.size()));
    open->begun = Now();
    open->deadline =
        options.timeout == Duration{} ? MonotonicTime::max() : open->begun + options.timeout;
  }
  call.number = calls.Begin();
  call.size = bytes.size();
  stats.posted += call.events;
  buffered_bytes += bytes.size();
  open->events += call.events;
  open->body->append(bytes);
  open->calls.push_back(std::move(call));
  if (open->events >= options.max_batch_events || open->body->size() >= options.max_batch_bytes) {
    SealLocked();
  }
}

void Publisher::Impl::SealLocked() {
  std::string_view rest = *open->body;
  for (PostCall& call : open->calls) {
    call.bytes = rest.substr(0, call.size);
    rest.remove_prefix(call.size);
  }
  usual_body = std::min(open->body->size(), options.max_batch_bytes);
  sealed.push_back(std::move(open));
}

Status Publisher::Impl::Flush(Duration timeout) {
  if (OnThread()) {
    return Fail(ErrorCode::kFailedPrecondition, "a callback of the publisher cannot wait for it");
  }
  std::unique_lock lock(mutex);
  const auto target = flushing.insert(calls.next());
  Pump(lock);
  wake.notify_one();
  const bool done = settled.wait_for(
      lock, timeout, [&] { return calls.oldest() >= *target || life.state() == State::kClosed; });
  flushing.erase(target);
  if (done) return {};
  return Fail(ErrorCode::kDeadlineExceeded,
              "not all posts were answered within " + FormatDuration(timeout));
}

Publisher::Publisher(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Publisher>> Publisher::Create(const Client& client,
                                                     PublisherOptions options) {
  POSTROAD_TRY(CheckOptions(options));
  auto impl = std::make_shared<Impl>(client.impl(), std::move(options));
  POSTROAD_TRY(impl->life.Register());
  std::unique_ptr<Publisher> publisher(new Publisher(impl));
  impl->thread = std::thread([raw = impl.get()] { raw->Run(); });
  return publisher;
}

Publisher::~Publisher() {
  Stop();
  if (impl_->thread.joinable()) impl_->thread.join();
}

Result<PostResult> Publisher::Post(const Event& event) {
  POSTROAD_ASSIGN(auto results, Post(std::span(&event, 1)));
  return std::move(results.front());
}

Result<std::vector<PostResult>> Publisher::Post(std::span<const Event> events) {
  if (impl_->OnThread()) {
    return Fail(ErrorCode::kFailedPrecondition, "a callback of the publisher cannot wait for it");
  }
  using Answer = Result<std::vector<PostResult>>;
  const auto answer = std::make_shared<std::promise<Answer>>();
  POSTROAD_TRY(PostAsync(events, [answer](Answer a) { answer->set_value(std::move(a)); }));
  return answer->get_future().get();
}

Status Publisher::PostAsync(const Event& event, PostCallback done) {
  return PostAsync(std::span(&event, 1), std::move(done));
}

Status Publisher::PostAsync(std::span<const Event> events, PostCallback done) {
  return PostAll(*impl_, events, [](const Event& e) { return ViewOf(e); }, std::move(done));
}

Status Publisher::PostAsync(std::span<const EventView> events, PostCallback done) {
  return PostAll(
      *impl_, events, [](const EventView& e) -> const EventView& { return e; }, std::move(done));
}

Status Publisher::Flush(Duration timeout) { return impl_->Flush(timeout); }

Status Publisher::Close(Duration timeout) {
  Status flushed = impl_->Flush(timeout);
  Stop();
  return flushed;
}

void Publisher::Stop() {
  impl_->life.RequestStop();
  if (!impl_->OnThread()) (void)impl_->life.Wait();
}

State Publisher::state() const { return impl_->life.state(); }

PublisherStats Publisher::stats() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->stats;
}

}  // namespace postroad
