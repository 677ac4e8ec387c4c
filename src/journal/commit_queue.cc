#include "journal/commit_queue.h"

namespace postroad::journal {
namespace {

// What a batch costs beside its bytes, so that empty ones are bounded too.
constexpr uint64_t kBatchOverhead = 256;

uint64_t BytesOf(const Batch& batch) {
  uint64_t bytes = kBatchOverhead;
  for (const Chunk& chunk : batch.chunks) {
    bytes += chunk.body.size() + chunk.topic.size() + chunk.fingerprints.size() * sizeof(uint64_t);
  }
  for (const FutureEvent& event : batch.future) {
    bytes += event.record.size() + event.topic.size() + event.id.size();
  }
  for (const store::Mutation& mutation : batch.mutations) {
    bytes += mutation.key.size() + mutation.value.size();
  }
  return bytes;
}

}  // namespace

Status CommitQueue::Push(Posted& posted) {
  posted.bytes = BytesOf(posted.batch);
  std::lock_guard lock(mutex_);
  if (stopped_ || (draining_ && !posted.batch.internal)) {
    return Fail(ErrorCode::kUnavailable,
                "The server is shutting down; post again elsewhere or later.", {}, "DRAINING");
  }
  // A batch larger than the bound still goes when it is alone, or it could never.
  if (bytes_ > 0 && bytes_ + posted.bytes > max_bytes_ && !posted.batch.internal) {
    return Fail(ErrorCode::kResourceExhausted,
                "More is posted than can be stored; post again in a moment.", {}, "OVERLOADED");
  }
  bytes_ += posted.bytes;
  posts_.push_back(std::move(posted));
  if (posts_.size() == 1) arrived_.notify_one();
  return {};
}

bool CommitQueue::PushCommand(Task command) {
  std::lock_guard lock(mutex_);
  if (stopped_) return false;
  commands_.push_back(std::move(command));
  arrived_.notify_one();
  return true;
}

CommitQueue::Work CommitQueue::Take(uint64_t max_bytes,
                                    std::chrono::steady_clock::time_point until) {
  Work work;
  std::unique_lock lock(mutex_);
  const auto ready = [&] { return stopped_ || !posts_.empty() || !commands_.empty(); };
  if (until == std::chrono::steady_clock::time_point::max()) {
    arrived_.wait(lock, ready);
  } else {
    arrived_.wait_until(lock, until, ready);
  }
  work.commands.swap(commands_);
  for (uint64_t bytes = 0; !posts_.empty(); posts_.pop_front()) {
    bytes += posts_.front().bytes;
    if (bytes > max_bytes && !work.posts.empty()) break;
    work.posts.push_back(std::move(posts_.front()));
  }
  work.stopped = stopped_ && work.posts.empty() && work.commands.empty();
  return work;
}

void CommitQueue::Settled(uint64_t bytes) {
  std::lock_guard lock(mutex_);
  bytes_ -= bytes;
  if (bytes_ == 0) settled_.notify_all();
}

void CommitQueue::Drain() {
  std::lock_guard lock(mutex_);
  draining_ = true;
}

void CommitQueue::WaitUntilEmpty() {
  std::unique_lock lock(mutex_);
  settled_.wait(lock, [&] { return bytes_ == 0; });
}

void CommitQueue::Stop() {
  std::lock_guard lock(mutex_);
  stopped_ = true;
  arrived_.notify_all();
}

uint64_t CommitQueue::pending_bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace postroad::journal
