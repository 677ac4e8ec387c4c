// What became of a post's events, and the wait for their acks.
#include "broker/post_run.h"

#include <algorithm>

namespace postroad::broker {

namespace {

// Walks one chunk's events in order and tells each one's place.
class ChunkWalk {
 public:
  explicit ChunkWalk(const journal::ChunkResult& chunk) : chunk_(&chunk) {}
  void Place(uint32_t index, PostResult& result) {
    if (duplicates_ < chunk_->duplicates.size() && chunk_->duplicates[duplicates_].index == index) {
      result.offset = chunk_->duplicates[duplicates_].first;
      result.scheduled = chunk_->duplicates[duplicates_].waits;
      result.duplicate = true;
      ++duplicates_;
    } else {
      result.offset = chunk_->first + (index - duplicates_);
    }
  }

 private:
  const journal::ChunkResult* chunk_;
  size_t duplicates_ = 0;  // met so far
};

}  // namespace

PostRun::PostRun(PendingPost post) : post_(std::move(post)) {
  if (post_.event_ids_.empty()) return;
  for (const journal::Chunk& chunk : post_.batch_.chunks) topics_.push_back(chunk.topic);
  for (const auto& event : post_.batch_.future) future_topics_.push_back(event.topic);
}

PostOutcome PostRun::Outcome(const journal::BatchResult& stored) {
  PostOutcome outcome;
  outcome.made_ids = std::move(post_.made_ids_);
  std::vector<ChunkWalk> walks(stored.chunks.begin(), stored.chunks.end());
  for (const journal::ChunkResult& chunk : stored.chunks) {
    outcome.durability = std::min(outcome.durability, chunk.durability);
  }
  outcome.results.reserve(post_.slots_.size());
  for (const PendingPost::Slot& slot : post_.slots_) {
    PostResult result{.id_made = slot.id_made};
    if (slot.chunk == PendingPost::kScheduled) {
      const journal::FutureResult& future = stored.future[slot.index];
      result.scheduled = !future.first;
      result.duplicate = future.duplicate;
      result.offset = future.first.value_or(Offset());
    } else {
      walks[slot.chunk].Place(slot.index, result);
    }
    outcome.results.push_back(result);
  }
  return outcome;
}

std::vector<WhichEvent> PostRun::NamedEvents(const PostOutcome& outcome) const {
  std::vector<WhichEvent> events;
  for (size_t i = 0; i < post_.slots_.size(); ++i) {
    if (outcome.results[i].scheduled) continue;
    const PendingPost::Slot& slot = post_.slots_[i];
    const bool future = slot.chunk == PendingPost::kScheduled;  // and delivered before
    events.push_back({.topic = future ? future_topics_[slot.index] : topics_[slot.chunk],
                      .id = post_.event_ids_[i],
                      .offset = outcome.results[i].offset});
  }
  return events;
}

// Everything on `executor`, but for the completion's first hop.
struct AwaitedPost::State : std::enable_shared_from_this<State> {
  State(Clock& clock, Duration timeout, Executor& executor, PostCompletion done)
      : clock(clock), timeout(timeout), executor(executor), done(std::move(done)) {}

  void Stored(PostRun& run, const ReceiptSources& sources, Result<journal::BatchResult> result) {
    if (!done) return;
    if (!result) return Complete(Fail(std::move(result).error()));
    outcome = run.Outcome(*result);
    auto events = run.NamedEvents(outcome);
    outcome.receipts.resize(events.size());
    open = events.size();
    if (open == 0) return Complete(std::move(outcome));
    const MonotonicTime deadline = clock.Monotonic() + timeout;
    for (size_t i = 0; i < events.size(); ++i) {
      waits.push_back(
          AwaitEvent(sources, std::move(events[i]), deadline, executor,
                     [self = shared_from_this(), i](EventReceipt receipt, bool timed_out) {
                       self->Settled(i, std::move(receipt), timed_out);
                     }));
    }
    if (time_over) EndNow();
  }

  void EndNow() {
    time_over = true;
    // The last of them completes, which drops those in `waits`.
    const auto ending = std::exchange(waits, {});
    for (const auto& wait : ending) wait->EndNow();
  }

  void Settled(size_t index, EventReceipt receipt, bool timed_out) {
    if (!done) return;
    outcome.receipts[index] = std::move(receipt);
    outcome.wait_timed_out |= timed_out;
    if (--open == 0) Complete(std::move(outcome));
  }

  void Complete(Result<PostOutcome> result) {
    waits.clear();
    std::exchange(done, nullptr)(std::move(result));
  }

  Clock& clock;
  const Duration timeout;
  Executor& executor;
  PostCompletion done;  // empty once called, or given up
  PostOutcome outcome;
  size_t open = 0;
  bool time_over = false;
  std::vector<EndableWaitPtr> waits;
};

AwaitedPost::AwaitedPost(Clock& clock, Duration timeout, Executor& executor, PostCompletion done)
    : state_(std::make_shared<State>(clock, timeout, executor, std::move(done))) {}

AwaitedPost::~AwaitedPost() {
  state_->done = nullptr;
  state_->waits.clear();
}

void AwaitedPost::EndNow() {
  const auto state = state_;
  state->EndNow();
}

journal::PostCompletion AwaitedPost::Completion(PostRun run, const ReceiptSources& sources) {
  return
      [state = state_, run = std::move(run), sources](Result<journal::BatchResult> result) mutable {
        Executor& executor = state->executor;
        executor.Post([state = std::move(state), run = std::move(run), sources,
                       result = std::move(result)]() mutable {
          state->Stored(run, sources, std::move(result));
        });
      };
}

}  // namespace postroad::broker
