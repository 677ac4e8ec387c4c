// See post_stream.h.
#include "gateway/http/post_stream.h"

#include "gateway/http/problem.h"
#include "gateway/json/event_json.h"

namespace postroad::gateway {

namespace asio = boost::asio;

namespace {

constexpr size_t kBatchEvents = 5'000;
constexpr size_t kBatchBytes = 1 << 20;

}  // namespace

asio::awaitable<Result<broker::PostOutcome>> PostAndWait(Exchange& exchange,
                                                         broker::PendingPost post) {
  const auto posted = std::make_shared<std::optional<Result<broker::PostOutcome>>>();
  exchange.gateway().broker.Post(
      std::move(post), exchange.executor(),
      [posted, signal = exchange.signal()](Result<broker::PostOutcome> outcome) {
        *posted = std::move(outcome);
        signal->Set();
      });
  while (!*posted) co_await exchange.signal()->Wait();
  co_return **std::move(posted);
}

Error PostStream::At(Error error, uint64_t line) const {
  error.metadata["line"] = std::to_string(line);
  error.metadata["stored"] = std::to_string(stored_);
  return error;
}

Status PostStream::TakeLine(std::string_view line) {
  ++lines_;
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.find_first_not_of(" \t") == std::string_view::npos) return {};
  auto event = ParseEventJson(line);
  if (!event) return Fail(At(event.error(), lines_));
  if (event->topic.empty()) event->topic = common_.topic;
  if (event->id.empty() && !common_.idempotency_key.empty()) {
    event->id = common_.idempotency_key + "/" + std::to_string(lines_ - 1);
  }
  batch_.push_back({lines_, *std::move(event)});
  batch_bytes_ += line.size();
  return {};
}

Status PostStream::TakeLines(bool at_end) {
  size_t begin = 0;
  Status status;
  while (status && batch_.size() < kBatchEvents && batch_bytes_ < kBatchBytes) {
    const size_t end = text_.find('\n', begin);
    if (end == std::string::npos) break;
    status = TakeLine(std::string_view(text_).substr(begin, end - begin));
    begin = end + 1;
  }
  text_.erase(0, begin);
  if (status && at_end && !text_.empty() && text_.find('\n') == std::string::npos) {
    status = TakeLine(text_);
    text_.clear();
  }
  return status;
}

Result<broker::PendingPost> PostStream::Build() const {
  broker::PostBuilder builder = exchange_.gateway().broker.NewPost(*exchange_.request().principal);
  for (size_t i = 0; i < batch_.size(); ++i) {
    EventView view = ViewOf(batch_[i].event);
    auto added = builder.Add(view);
    if (added) continue;
    Error error = added.error();
    const std::string prefix = "events[" + std::to_string(i) + "]";
    if (error.field.starts_with(prefix)) error.field.erase(0, prefix.size() + 1);
    return Fail(At(std::move(error), batch_[i].number));
  }
  return builder.Finish();
}

asio::awaitable<Status> PostStream::PostBatch() {
  if (batch_.empty()) co_return Status();
  auto post = Build();
  if (!post) co_return Fail(post.error());
  const auto outcome = co_await PostAndWait(exchange_, *std::move(post));
  if (!outcome) co_return Fail(At(outcome.error(), batch_.front().number));
  for (const broker::PostResult& result : outcome->results) {
    duplicates_ += result.duplicate ? 1 : 0;
    scheduled_ += result.scheduled && !result.duplicate ? 1 : 0;
  }
  memory_ = memory_ || outcome->durability == journal::Durability::kMemory;
  stored_ += batch_.size();
  batch_.clear();
  batch_bytes_ = 0;
  co_return Status();
}

asio::awaitable<Status> PostStream::Run() {
  const uint64_t longest = exchange_.gateway().options.max_body_bytes;
  for (bool at_end = false; !at_end;) {
    auto piece = co_await exchange_.ReadPiece();
    if (!piece) co_return Fail(At(piece.error(), lines_ + 1));
    at_end = piece->empty();
    text_.append(*piece);
    do {
      auto taken = TakeLines(at_end);
      // What came before a bad line is stored.
      const bool full = batch_.size() >= kBatchEvents || batch_bytes_ >= kBatchBytes;
      const bool wait = taken && !at_end && !full && exchange_.MoreIsHere();
      if (wait) break;
      if (auto posted = co_await PostBatch(); !posted) co_return posted;
      if (!taken) co_return Fail(At(taken.error(), lines_));
    } while (text_.find('\n') != std::string::npos);
    if (text_.size() > longest) {
      co_return Fail(At(HttpError(413, ErrorCode::kInvalidArgument,
                                  "a line is longer than http.max_body_bytes", "BODY_TOO_LARGE"),
                        lines_ + 1));
    }
  }
  co_return Status();
}

boost::json::object PostStream::Summary() const {
  return {{"stored", stored_},
          {"duplicates", duplicates_},
          {"scheduled", scheduled_},
          {"durability", memory_ ? "memory" : "disk"}};
}

}  // namespace postroad::gateway
