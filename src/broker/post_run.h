// A post under way: from the journal's results to the outcome its caller sees, and the wait for
// acks.
#ifndef POSTROAD_BROKER_POST_RUN_H_
#define POSTROAD_BROKER_POST_RUN_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/event_receipt.h"
#include "broker/post.h"
#include "journal/journal.h"
#include "runtime/clock.h"
#include "runtime/executor.h"

namespace postroad::broker {

// What is left of a PendingPost once its batch went to the journal.
class PostRun {
 public:
  explicit PostRun(PendingPost post);
  journal::Batch TakeBatch() { return std::move(post_.batch_); }
  // Once.
  PostOutcome Outcome(const journal::BatchResult& stored);

  // The events to await by their topics and ids (kept if the builder was told to).
  std::vector<WhichEvent> NamedEvents(const PostOutcome& outcome) const;
  size_t bytes() const { return post_.bytes_; }
  size_t size() const { return post_.slots_.size(); }

 private:
  PendingPost post_;
  // If ids are kept: of the chunks, and of the future events.
  std::vector<std::string> topics_, future_topics_;
};

// Waits on `executor` until every event of one post is settled. Destroying it gives up.
class AwaitedPost : public EndableWait {
 public:
  AwaitedPost(Clock& clock, Duration timeout, Executor& executor, PostCompletion done);
  ~AwaitedPost() override;
  AwaitedPost(const AwaitedPost&) = delete;
  AwaitedPost& operator=(const AwaitedPost&) = delete;

  // Once the post is stored; its wait_timed_out is set unless all was settled.
  void EndNow() override;

  // What to hand to the journal as its completion.
  journal::PostCompletion Completion(PostRun run, const ReceiptSources& sources);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace postroad::broker

#endif  // POSTROAD_BROKER_POST_RUN_H_
