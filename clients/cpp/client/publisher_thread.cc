// The publisher's own thread: connects, sends, answers, repeats.
#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

#include "client/publisher_impl.h"
#include "client/status.h"

namespace postroad {

using client::PostBatch;
using client::PostBatches;
using client::PostReply;
using client::Stream;

namespace {

const std::string kMethod = "/postroad.v1.Postroad/PostStream";

// Puts `front` before what `all` has.
void Prepend(PostBatches& all, PostBatches& front) {
  all.insert(all.begin(), std::make_move_iterator(front.begin()),
             std::make_move_iterator(front.end()));
  front.clear();
}

// Each call of a batch as a batch of its own, so that a refusal hits only the one that earned it.
PostBatches Split(PostBatch& batch) {
  PostBatches parts;
  for (client::PostCall& call : batch.calls) {
    auto part = std::make_unique<PostBatch>();
    part->body->assign(call.bytes);
    part->events = call.events;
    part->begun = batch.begun;
    part->deadline = batch.deadline;
    part->attempts = batch.attempts;
    call.bytes = *part->body;
    part->calls.push_back(std::move(call));
    parts.push_back(std::move(part));
  }
  return parts;
}

// gRPC's own words for a message over the server's limit; the server itself names a reason.
bool IsTooLarge(const Error& error) {
  return error.code == ErrorCode::kResourceExhausted && error.reason.empty() &&
         error.message.find("larger than max") != std::string::npos;
}

}  // namespace

void Publisher::Impl::Run() {
  thread_id = std::this_thread::get_id();
  client::Backoff backoff(life.connection().options.backoff, environment);
  while (WaitForWork(backoff)) {
    Status status = Session();
    if (life.stopping()) break;
    Error error = status ? Error{ErrorCode::kUnavailable, "the server ended the stream"}
                         : std::move(status).error();
    life.Set(State::kDisconnected, error);
    last_loss = error;
    if (established) backoff.Reset();
    Lost(error);
    const auto wait = backoff.Next();
    if (wait) {
      Sleep(*wait);
    } else {
      FailAll(error);
      backoff.Reset();
    }
  }
  FailAll({ErrorCode::kCancelled, "the publisher was stopped; what was sent may be stored"});
  life.End({});
  std::lock_guard lock(mutex);
  settled.notify_all();
}

bool Publisher::Impl::WaitForWork(client::Backoff& backoff) {
  std::unique_lock lock(mutex);
  wake.wait(lock, [this] { return life.stopping() || !IdleLocked(); });
  if (std::exchange(idled, false)) {  // time in which nothing is tried is no time of failing
    backoff.Reset();
    last_loss.message.clear();
  }
  return !life.stopping();
}

Status Publisher::Impl::Session() {
  Duration timeout = life.connection().options.connect_timeout;
  {
    std::unique_lock lock(mutex);
    established = writing = paused = broken = false;
    answering = 0;
    replies.clear();
    end.reset();
    Expire(lock);
    if (NextDeadlineLocked() != MonotonicTime::max()) {
      timeout = std::min<Duration>(timeout, NextDeadlineLocked() - Now());
    }
  }
  POSTROAD_ASSIGN(auto channel, life.connection().Dial(timeout, life.token()));
  auto opened = life.connection().Open(channel, kMethod, *this);
  const std::stop_callback cancel(life.token(), [&opened] { opened->Cancel(); });
  Serve(opened);
  life.connection().Judge(channel, *end);
  return *end;
}

void Publisher::Impl::Serve(std::shared_ptr<Stream> opened) {
  std::unique_lock lock(mutex);
  stream = std::move(opened);  // from here on callers and OnWritten write, too
  while (!end) {
    if (!replies.empty()) {
      AnswerReplies(lock);
    } else if (paused && in_flight.empty()) {
      WaitOutOverload(lock);
    } else {
      Expire(lock);
      Pump(lock);
      if (end || !replies.empty()) continue;
      const MonotonicTime timer = NextTimerLocked();
      if (timer == MonotonicTime::max()) {
        wake.wait(lock);
      } else {
        wake.wait_for(lock, std::max(timer - Now(), Duration(std::chrono::microseconds(50))));
      }
    }
  }
  AnswerReplies(lock);
  stream.reset();
}

void Publisher::Impl::AnswerReplies(std::unique_lock<std::mutex>& lock) {
  while (!replies.empty()) {
    const std::deque<grpc::ByteBuffer> answers = std::exchange(replies, {});
    PostBatches batches;
    for (; batches.size() < answers.size() && !broken && !in_flight.empty();
         in_flight.pop_front()) {
      batches.push_back(std::move(in_flight.front()));
    }
    answering = batches.size();
    lock.unlock();
    for (size_t i = 0; i < batches.size(); ++i) Answer(std::move(batches[i]), answers[i]);
    lock.lock();
    Pump(lock);
  }
}

void Publisher::Impl::Answer(std::unique_ptr<PostBatch> batch, const grpc::ByteBuffer& message) {
  const grpc::Slice bytes = client::ToSlice(message);
  Result<PostReply> reply = client::ParsePostReply(client::ViewOf(bytes), batch->events);
  if (reply && reply->refused) return Refused(std::move(batch), reply->error);
  if (reply && reply->results.size() != batch->events) {
    reply = Fail(ErrorCode::kInternal, "the server answered another number of events");
  }
  Complete(std::move(batch), std::move(reply));
}

void Publisher::Impl::Refused(std::unique_ptr<PostBatch> batch, const Error& error) {
  if (client::IsRetryable(error.code)) {
    life.Log(Severity::kWarning, "a batch was refused for now: " + error.ToString());
    std::lock_guard lock(mutex);
    --answering;
    again.push_back(std::move(batch));
    paused = true;
    return;
  }
  if (batch->calls.size() == 1) return Complete(std::move(batch), Fail(error));
  std::lock_guard lock(mutex);
  --answering;
  PostBatches parts = Split(*batch);
  Prepend(sealed, parts);
}

// Batches refused for now go out again after a while, in order and before all others.
void Publisher::Impl::WaitOutOverload(std::unique_lock<std::mutex>& lock) {
  const uint32_t attempts = again.empty() ? 1 : again.front()->attempts;
  Prepend(sealed, again);
  lock.unlock();
  // The stream is good, so the backoff counts by the batch's attempts.
  client::Backoff backoff(life.connection().options.backoff, environment);
  Duration wait{};
  for (uint32_t i = 0; i < std::min<uint32_t>(attempts, 32); ++i) {
    wait = backoff.Next().value_or(wait);
  }
  Sleep(wait);
  lock.lock();
  paused = false;
  Pump(lock);
}

void Publisher::Impl::Complete(std::unique_ptr<PostBatch> batch, Result<PostReply> reply) {
  {
    std::lock_guard lock(mutex);
    if (answering > 0) --answering;
    (reply ? stats.acked : stats.failed) += batch->events;
    for (const auto& call : batch->calls) buffered_bytes -= call.size;
    if (waiting_for_room > 0 && RoomyLocked()) roomy.notify_all();
  }
  size_t next = 0;
  for (client::PostCall& call : batch->calls) {
    const size_t first = next;
    next += call.events;
    if (!call.done) {
      if (!reply) life.Log(Severity::kError, "a post failed: " + reply.error().ToString());
      continue;
    }
    Result<std::vector<PostResult>> results;
    if (reply) {
      results->reserve(call.events);
      for (size_t i = 0; i < call.events; ++i) {
        PostResult& result = reply->results[first + i];
        result.id = std::move(call.ids[i]);
        results->push_back(std::move(result));
      }
    } else {
      results = Fail(reply.error());
    }
    try {
      call.done(std::move(results));
    } catch (const std::exception& e) {
      life.Log(Severity::kError, std::string("a post's callback threw: ") + e.what());
    }
  }
  std::lock_guard lock(mutex);
  for (const client::PostCall& call : batch->calls) calls.End(call.number);
  if (!flushing.empty() && calls.oldest() >= *flushing.begin()) settled.notify_all();
}

// Of what was under way the largest is what gRPC takes no message of, if it is any.
void Publisher::Impl::FailLargest(const Error& error) {
  std::unique_ptr<PostBatch> largest;
  {
    std::lock_guard lock(mutex);
    const auto at = std::ranges::max_element(in_flight, {},
                                             [](const auto& batch) { return batch->body->size(); });
    if (at == in_flight.end()) return;
    largest = std::move(*at);
    in_flight.erase(at);
    if (largest->calls.size() > 1) {
      PostBatches parts = Split(*largest);
      return Prepend(sealed, parts);
    }
  }
  const bool one = largest->events == 1;
  Complete(std::move(largest),
           Fail(ErrorCode::kInvalidArgument, "the server takes no such post: " + error.message,
                one ? "events[0].payload" : "events", one ? "EVENT_TOO_LARGE" : "BATCH_TOO_LARGE"));
}

void Publisher::Impl::Lost(const Error& error) {
  if (IsTooLarge(error)) FailLargest(error);
  if (!client::EndsStreamForNow(error.code)) return FailAll(error);
  std::lock_guard lock(mutex);
  Prepend(sealed, in_flight);
  Prepend(sealed, again);
}

void Publisher::Impl::FailAll(const Error& error) {
  PostBatches all;
  {
    std::lock_guard lock(mutex);
    all = TakeAllLocked();
  }
  for (auto& batch : all) Complete(std::move(batch), Fail(error));
}

void Publisher::Impl::Sleep(Duration wait) {
  const MonotonicTime until = Now() + wait;
  std::unique_lock lock(mutex);
  while (!life.stopping() && Now() < until) {
    Expire(lock);
    const Duration left = std::min(until, NextDeadlineLocked()) - Now();
    lock.unlock();
    environment.Sleep(left, life.token());
    lock.lock();
  }
}

void Publisher::Impl::Expire(std::unique_lock<std::mutex>& lock) {
  const MonotonicTime now = Now();
  if (NextDeadlineLocked() > now) return;
  PostBatches expired;
  if (open && open->deadline <= now) SealLocked();
  for (PostBatches* batches : {&in_flight, &again, &sealed}) {
    const bool sent = batches == &in_flight;
    while (!batches->empty() && batches->front()->deadline <= now) {
      // Replies can no longer be told apart, and a server that lets a post wait so long is sick.
      if (sent && stream && !std::exchange(broken, true)) stream->Cancel();
      expired.push_back(std::move(batches->front()));
      batches->pop_front();
    }
  }
  if (expired.empty()) return;
  lock.unlock();
  for (auto& batch : expired) {
    const std::string what = batch->attempts == 0 ? "not sent within " : "not answered within ";
    std::string message = what + FormatDuration(options.timeout);
    if (batch->attempts > 0) message += "; it may still have been stored";
    if (!last_loss.message.empty()) message += "; last error: " + last_loss.ToString();
    Complete(std::move(batch), Fail(ErrorCode::kDeadlineExceeded, std::move(message)));
  }
  lock.lock();
}

PostBatches Publisher::Impl::TakeAllLocked() {
  if (open) SealLocked();
  Prepend(sealed, in_flight);
  Prepend(sealed, again);
  return std::exchange(sealed, {});
}

// Whether the batch being filled may go out.
bool Publisher::Impl::DueLocked() const {
  return in_flight.empty() || !flushing.empty() || Now() >= open->begun + options.linger;
}

// Whether a batch may be sent; seals the one that is being filled if it is the next.
bool Publisher::Impl::MaySendLocked() {
  if (!stream || end || writing || paused || broken) return false;
  if (in_flight.size() + answering >= options.max_in_flight) return false;
  if (!sealed.empty()) return true;
  if (!open || !DueLocked()) return false;
  SealLocked();
  return true;
}

void Publisher::Impl::Pump(std::unique_lock<std::mutex>& lock) {
  if (!MaySendLocked()) return;
  std::unique_ptr<PostBatch> batch = std::move(sealed.front());
  sealed.pop_front();
  ++stats.batches;
  if (batch->attempts++ > 0) ++stats.retried;
  writing = true;  // nobody else writes
  const std::shared_ptr<Stream> to = stream;
  auto message = client::ToByteBuffer(std::shared_ptr<const std::string>(batch->body));
  in_flight.push_back(std::move(batch));
  lock.unlock();
  // If the stream is over by now, its end puts the batch back.
  to->Write(std::move(message));
  lock.lock();
}

MonotonicTime Publisher::Impl::NextDeadlineLocked() const {
  MonotonicTime next = open ? open->deadline : MonotonicTime::max();
  for (const PostBatches* batches : {&again, &in_flight, &sealed}) {
    if (!batches->empty()) next = std::min(next, batches->front()->deadline);
  }
  return next;
}

MonotonicTime Publisher::Impl::NextTimerLocked() const {
  MonotonicTime next = NextDeadlineLocked();
  // Once past, whatever lets the next batch go (a reply, a write's end) sends it.
  if (open && open->begun + options.linger > Now()) {
    next = std::min<MonotonicTime>(next, open->begun + options.linger);
  }
  return next;
}

void Publisher::Impl::RecordConnection() {
  {
    std::lock_guard lock(mutex);
    if (std::exchange(established, true)) return;
    ++stats.connects;
  }
  life.Set(State::kConnected);
}

void Publisher::Impl::OnOpen() { RecordConnection(); }

void Publisher::Impl::OnMessage(grpc::ByteBuffer message) {
  std::unique_lock lock(mutex);
  if (!established) {
    lock.unlock();
    RecordConnection();
    lock.lock();
  }
  replies.push_back(std::move(message));  // at most as many as are in flight
  if (replies.size() == 1) wake.notify_one();
  const std::shared_ptr<Stream> from = stream;
  lock.unlock();
  if (from) from->Read();
}

void Publisher::Impl::OnWritten() {
  std::unique_lock lock(mutex);
  writing = false;
  Pump(lock);
}

void Publisher::Impl::OnEnd(Status status) {
  std::lock_guard lock(mutex);
  end = std::move(status);
  wake.notify_all();
}

}  // namespace postroad
