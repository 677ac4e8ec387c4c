// Cuts a batch into posts as large as the broker takes, with poison left out, and posts one after
// the other: a post that is refused must not be overtaken by the next.
#include "outbox/log/log_target.h"

#include <atomic>
#include <utility>

namespace postroad::outbox {
namespace {

// Below broker::kMaxPostBytes, for the encoding's tags and lengths are estimated.
constexpr size_t kMaxSegmentBytes = broker::kMaxPostBytes - (64 << 10);

// At least what the event's record takes, as far as a segment's size is concerned.
size_t RecordBytesAtMost(const EventView& event) {
  size_t bytes = event.id.size() + event.key.size() + event.type.size() +
                 event.content_type.size() + event.payload.size() + 128;
  for (const auto& [name, value] : event.headers) bytes += name.size() + value.size() + 24;
  for (const std::string_view key : event.search_keys) bytes += key.size() + 12;
  return bytes;
}

// Whether the same event will never be taken, rather than not now.
bool IsPoison(const Error& error) {
  return error.code == ErrorCode::kInvalidArgument || error.code == ErrorCode::kPermissionDenied;
}

// "topic: must not be empty", without the event's place in the request.
std::string ReasonOf(const Error& error) {
  const size_t dot = error.field.rfind("].");
  if (dot == std::string::npos) return error.message;
  return error.field.substr(dot + 2) + ": " + error.message;
}

class LogTarget final : public Target {
 public:
  LogTarget(broker::Broker& broker, Executor& executor) : broker_(broker), executor_(executor) {}

  std::string_view name() const override { return "log"; }

  void Send(BatchPtr batch, SendCompletion done) override {
    batch_ = std::move(batch);
    done_ = std::move(done);
    results_.assign(batch_->events.size(), {});
    refused_.assign(batch_->events.size(), false);
    tried_ = false;
    next_ = 0;
    SendSegment();
  }

  void Stop() override { stopped_ = true; }

 private:
  // Posts the next events, as many as go into one post; completes the batch if none is left.
  void SendSegment() {
    sent_.clear();
    auto post = BuildSegment();
    if (!post) return Finish();
    if (stopped_) return FailRest("the relay is stopping");
    broker_.Post(*std::move(post), executor_, [this](Result<broker::PostOutcome> outcome) {
      if (!outcome) return FailRest(outcome.error().ToString());
      for (size_t i = 0; i < sent_.size(); ++i) {
        if (outcome->results[i].duplicate) results_[sent_[i]].outcome = Outcome::kDuplicate;
      }
      SendSegment();
    });
  }

  // Nothing if all that is left is poison. An error makes a builder useless: the post is built anew
  // without the event that was refused, and without all others that are refused by themselves.
  std::optional<broker::PendingPost> BuildSegment() {
    const size_t first = next_;
    while (true) {
      broker::PostBuilder builder = broker_.NewPost(caller_);
      sent_.clear();
      next_ = first;
      const Status filled = Fill(builder);
      if (filled && sent_.empty()) return std::nullopt;
      if (filled) return *builder.Finish();
      Refuse(next_, filled.error());
      if (!std::exchange(tried_, true)) TryEach(next_ + 1);
    }
  }

  // Adds the events from next_ on that were not refused, as many as go into one post.
  Status Fill(broker::PostBuilder& builder) {
    size_t bytes = 0;
    for (; next_ < batch_->events.size() && builder.size() < broker::kMaxPostEvents; ++next_) {
      if (refused_[next_]) continue;
      bytes += RecordBytesAtMost(batch_->events[next_]);
      if (bytes > kMaxSegmentBytes && builder.size() > 0) break;
      POSTROAD_TRY(Add(builder, next_));
      sent_.push_back(next_);
    }
    return {};
  }

  void TryEach(size_t first) {
    for (size_t i = first; i < batch_->events.size(); ++i) {
      broker::PostBuilder alone = broker_.NewPost(caller_);
      if (const Status added = Add(alone, i); !added) Refuse(i, added.error());
    }
  }

  Status Add(broker::PostBuilder& builder, size_t index) {
    event_ = batch_->events[index];
    return builder.Add(event_);
  }

  void Refuse(size_t index, const Error& error) {
    refused_[index] = true;
    results_[index] = {IsPoison(error) ? Outcome::kPoison : Outcome::kFailed, ReasonOf(error)};
  }

  // What was posted last and all that comes after.
  void FailRest(const std::string& reason) {
    const size_t first = sent_.empty() ? next_ : sent_.front();
    for (size_t i = first; i < results_.size(); ++i) {
      if (!refused_[i]) results_[i] = {Outcome::kFailed, reason};
    }
    Finish();
  }

  void Finish() {
    batch_.reset();
    std::exchange(done_, {})(std::move(results_));
  }

  broker::Broker& broker_;
  Executor& executor_;
  const auth::Principal caller_ = auth::Principal::Anyone();
  std::atomic<bool> stopped_ = false;
  // Of the batch under way; there is one at a time.
  BatchPtr batch_;
  SendCompletion done_;
  std::vector<EventResult> results_;
  std::vector<bool> refused_;
  bool tried_ = false;        // each event by itself, since one was refused
  size_t next_ = 0;           // the first event not yet in a post
  std::vector<size_t> sent_;  // those in the post under way
  EventView event_;           // room for the one at hand
};

}  // namespace

std::unique_ptr<Target> NewLogTarget(broker::Broker& broker, Executor& executor) {
  return std::make_unique<LogTarget>(broker, executor);
}

}  // namespace postroad::outbox
