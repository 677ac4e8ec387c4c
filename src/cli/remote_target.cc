// Posts a batch in parts, one after the other, each stored whole or not at all. A part that is
// refused for one of its events goes again without it.
#include "cli/remote_target.h"

#include <atomic>
#include <charconv>
#include <utility>

namespace postroad::cli {
namespace {

using outbox::BatchPtr;
using outbox::EventResult;
using outbox::Outcome;

constexpr size_t kPartEvents = 2'000, kPartBytes = 1 << 20;
// So that a server that is away is told as a failure, and seen in the relay's state.
constexpr Duration kPartTimeout = std::chrono::seconds(10);

bool IsPoison(const Error& error) {
  return error.code == ErrorCode::kInvalidArgument || error.code == ErrorCode::kPermissionDenied;
}

// 3 of "events[3].topic"; nothing if the error names no event.
std::optional<size_t> IndexIn(const std::string& field) {
  const size_t open = field.find('[');
  if (open == field.npos) return std::nullopt;
  size_t index = 0;
  const auto read = std::from_chars(field.data() + open + 1, field.data() + field.size(), index);
  if (read.ec != std::errc{}) return std::nullopt;
  return index;
}

std::string ReasonOf(const Error& error) {
  const size_t dot = error.field.rfind("].");
  if (dot == std::string::npos) return error.message;
  return error.field.substr(dot + 2) + ": " + error.message;
}

class RemoteTarget final : public outbox::Target {
 public:
  explicit RemoteTarget(std::unique_ptr<Publisher> publisher) : publisher_(std::move(publisher)) {}
  ~RemoteTarget() override { publisher_->Stop(); }

  std::string_view name() const override { return "postroad"; }

  void Send(BatchPtr batch, outbox::SendCompletion done) override {
    batch_ = std::move(batch);
    done_ = std::move(done);
    results_.assign(batch_->events.size(), {});
    next_ = 0;
    SendPart(kPartEvents);
  }

  void Stop() override { publisher_->Stop(); }

 private:
  // The next events, at most `most`. After an error that names no event, fewer, to find it.
  void SendPart(size_t most) {
    std::vector<EventView> part;
    size_t bytes = 0;
    for (size_t i = next_; i < results_.size() && part.size() < most; ++i) {
      bytes += batch_->events[i].payload.size();
      if (!part.empty() && bytes > kPartBytes) break;
      part.push_back(batch_->events[i]);
    }
    if (part.empty()) return Finish();
    const size_t count = part.size();
    const Status taken = publisher_->PostAsync(
        part, [this, count](Result<std::vector<PostResult>> posted) { Answered(count, posted); });
    if (!taken) Answered(count, std::unexpected(taken.error()));
  }

  void Answered(size_t count, const Result<std::vector<PostResult>>& posted) {
    if (posted) {
      for (size_t i = 0; i < count; ++i) {
        if ((*posted)[i].duplicate) results_[next_ + i].outcome = Outcome::kDuplicate;
      }
      next_ += count;
      return SendPart(kPartEvents);
    }
    const Error& error = posted.error();
    if (!IsPoison(error)) return FailRest(error.ToString());
    const size_t bad = IndexIn(error.field).value_or(count == 1 ? 0 : count);
    if (bad == 0) {
      results_[next_++] = {Outcome::kPoison, ReasonOf(error)};
      return SendPart(kPartEvents);
    }
    SendPart(bad < count ? bad : count / 2);
  }

  void FailRest(const std::string& reason) {
    for (size_t i = next_; i < results_.size(); ++i) results_[i] = {Outcome::kFailed, reason};
    Finish();
  }

  void Finish() {
    batch_.reset();
    std::exchange(done_, {})(std::move(results_));
  }

  const std::unique_ptr<Publisher> publisher_;
  // Of the batch under way; there is one at a time.
  BatchPtr batch_;
  outbox::SendCompletion done_;
  std::vector<EventResult> results_;
  size_t next_ = 0;  // the first event that is not answered
};

}  // namespace

Result<std::unique_ptr<outbox::Target>> NewRemoteTarget(const Client& client) {
  POSTROAD_ASSIGN(auto publisher, Publisher::Create(client, {.max_batch_events = kPartEvents,
                                                             .max_batch_bytes = 4 * kPartBytes,
                                                             .max_in_flight = 1,
                                                             .timeout = kPartTimeout}));
  return std::make_unique<RemoteTarget>(std::move(publisher));
}

}  // namespace postroad::cli
