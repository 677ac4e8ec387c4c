// See local_stream.h.
#include "event_bus/local_stream.h"

#include <algorithm>
#include <limits>

namespace postroad::event_bus {
namespace {

using kafka::Backpressure;

// What a batch holds is a bound already, so backpressure needs no other.
size_t QueueSize(const ConsumerSettings& settings) {
  const bool waits =
      settings.strategy == Backpressure::kPause || settings.strategy == Backpressure::kBuffer;
  return waits ? std::numeric_limits<size_t>::max() : settings.buffer_events;
}

}  // namespace

// --- LocalRound ---
LocalRound::LocalRound(outbox::BatchPtr batch, std::vector<size_t> readers,
                       outbox::SendCompletion done)
    : batch_(std::move(batch)),
      readers_(std::move(readers)),
      results_(batch_->events.size()),
      done_(std::move(done)) {
  for (size_t i = 0; i < readers_.size(); ++i) {
    open_ += readers_[i];
    if (readers_[i] == 0) results_[i].outcome = outbox::Outcome::kLeft;
  }
}

void LocalRound::Begin() { CompleteIfDone(std::unique_lock(mutex_)); }

void LocalRound::Finish(size_t event, bool handled) {
  std::unique_lock lock(mutex_);
  if (!handled) results_[event].outcome = outbox::Outcome::kLeft;
  --open_;
  CompleteIfDone(std::move(lock));
}

void LocalRound::CompleteIfDone(std::unique_lock<std::mutex> lock) {
  if (open_ > 0 || !done_) return;
  outbox::SendCompletion done = std::exchange(done_, nullptr);
  std::vector<outbox::EventResult> results = std::move(results_);
  lock.unlock();
  done(std::move(results));
}

// --- LocalStreams ---
bool LocalStreams::Add(const std::shared_ptr<LocalStream>& stream) {
  std::lock_guard lock(mutex_);
  auto& readers = streams_[stream->topic()];
  for (const auto& other : readers) {
    if (other->group() == stream->group()) return false;
  }
  readers.push_back(stream);
  Choose();
  return true;
}

void LocalStreams::Remove(const LocalStream& stream) {
  std::shared_ptr<LocalStream> last;  // is not destroyed under the lock
  std::lock_guard lock(mutex_);
  const auto readers = streams_.find(stream.topic());
  if (readers == streams_.end()) return;
  const auto found =
      std::ranges::find(readers->second, &stream, &std::shared_ptr<LocalStream>::get);
  if (found == readers->second.end()) return;
  last = std::move(*found);
  readers->second.erase(found);
  if (readers->second.empty()) streams_.erase(readers);
  Choose();
}

void LocalStreams::Choose() {
  std::vector<std::string> topics;
  for (const auto& [topic, readers] : streams_) topics.push_back(topic);
  choice_->Set(std::move(topics));
}

std::vector<std::shared_ptr<LocalStream>> LocalStreams::Of(std::string_view topic) const {
  std::lock_guard lock(mutex_);
  const auto found = streams_.find(topic);
  if (found == streams_.end()) return {};
  return found->second;
}

std::vector<std::shared_ptr<LocalStream>> LocalStreams::All() const {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<LocalStream>> all;
  for (const auto& [topic, readers] : streams_) {
    all.insert(all.end(), readers.begin(), readers.end());
  }
  return all;
}

// --- LocalStream ---
LocalStream::LocalStream(const ConsumerSettings& settings, const std::string& topic,
                         const std::string& group, StreamHandlers handlers,
                         std::shared_ptr<BusMetrics> metrics, std::shared_ptr<LocalStreams> streams)
    : StreamBase(topic, group, std::move(metrics)),
      streams_(std::move(streams)),
      pump_(settings.strategy, QueueSize(settings), std::move(handlers), meters_, *this) {}

void LocalStream::Stop() {
  Leave();
  pump_.Stop();
}

StreamStats LocalStream::stats() const {
  StreamStats stats;
  {
    std::lock_guard lock(mutex_);
    stats = stats_;
  }
  stats.waiting = pump_.waiting();
  stats.connected = true;
  return stats;
}

void LocalStream::Give(const std::shared_ptr<LocalRound>& round, size_t event) {
  uint64_t token = 0;
  {
    std::unique_lock lock(mutex_);
    if (left_) {
      lock.unlock();
      return round->Finish(event, false);
    }
    token = ++last_token_;
    held_.emplace(token, Held(round, event));
    ++stats_.received;
  }
  std::vector<uint64_t> dropped;
  const auto offered =
      pump_.Offer({ToOutput(round->batch().events[event].ToEvent()), token}, dropped);
  if (offered == StreamQueue::Offered::kOverrun) {
    return FailWith({ErrorCode::kResourceExhausted,
                     "events come faster than they are handled "
                     "(consumer.backpressureStrategy ERROR)",
                     {},
                     "BACKPRESSURE"});
  }
  meters_.dropped.Add(static_cast<double>(dropped.size()));
  {
    std::lock_guard lock(mutex_);
    stats_.dropped += dropped.size();
  }
  for (const uint64_t gone : dropped) Finish(gone, true);
}

void LocalStream::Finish(uint64_t token, bool handled) {
  Held held;
  {
    std::lock_guard lock(mutex_);
    const auto found = held_.find(token);
    if (found == held_.end()) return;
    held = std::move(found->second);
    held_.erase(found);
  }
  held.first->Finish(held.second, handled);
}

void LocalStream::OnHandled(uint64_t token) {
  {
    std::lock_guard lock(mutex_);
    ++stats_.handled;
  }
  Finish(token, true);
}

// The rows stay unmarked, and are not read before there is a stream again.
void LocalStream::OnHandlerFailed(uint64_t token, Error error) {
  FailWith(std::move(error));
  Finish(token, false);
}

void LocalStream::FailWith(Error error) {
  {
    std::lock_guard lock(mutex_);
    if (!failure_ && !left_) failure_ = std::move(error);
  }
  Leave();
}

void LocalStream::OnPumpEnd() {
  Leave();
  std::unique_lock lock(mutex_);
  Status how;
  if (failure_) how = Fail(*failure_);
  lock.unlock();
  End(std::move(how), pump_.handlers().on_error);
}

void LocalStream::Leave() {
  streams_->Remove(*this);
  {
    std::lock_guard lock(mutex_);
    left_ = true;
  }
  pump_.Close();
  LeaveWaiting();
}

void LocalStream::LeaveWaiting() {
  std::vector<uint64_t> waiting = pump_.RemoveIf([](uint64_t) { return true; });
  // And what was given, but is not queued: it was refused.
  const auto in_hand = pump_.in_hand();
  {
    std::lock_guard lock(mutex_);
    if (left_) {
      for (const auto& [token, held] : held_) {
        if (in_hand != token) waiting.push_back(token);
      }
    }
  }
  for (const uint64_t token : waiting) Finish(token, false);
}

// --- LocalTarget ---
void LocalTarget::Send(outbox::BatchPtr batch, outbox::SendCompletion done) {
  std::vector<std::vector<std::shared_ptr<LocalStream>>> readers;
  std::vector<size_t> counts;
  for (const EventView& event : batch->events) {
    readers.push_back(stopped_ ? std::vector<std::shared_ptr<LocalStream>>()
                               : streams_->Of(event.topic));
    counts.push_back(readers.back().size());
  }
  const auto round =
      std::make_shared<LocalRound>(std::move(batch), std::move(counts), std::move(done));
  round->Begin();
  for (size_t i = 0; i < readers.size(); ++i) {
    for (const auto& stream : readers[i]) stream->Give(round, i);
  }
}

void LocalTarget::Stop() {
  stopped_ = true;
  for (const auto& stream : streams_->All()) stream->LeaveWaiting();
}

}  // namespace postroad::event_bus
