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

bool PostStream::Full() const {
  return batch_.size() >= kBatchEvents || batch_bytes_ >= kBatchBytes;
}

Result<bool> PostStream::TakeLines() {
  while (!Full()) {
    const auto line = text_.Next();
    if (!line) return false;
    POSTROAD_TRY(TakeLine(*line));
  }
  return true;
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

// Posts what is a batch, or all there is where nothing more is here.
asio::awaitable<Status> PostStream::TakePiece(bool at_end) {
  for (bool more = true; more;) {
    Result<bool> taken = TakeLines();
    more = taken.value_or(false);
    if (taken && !more && at_end && !text_.rest().empty()) {
      if (auto last = TakeLine(text_.rest()); !last) taken = Fail(last.error());
      text_.Clear();
    }
    if (taken && !more && !at_end && exchange_.MoreIsHere()) break;
    // What came before a bad line is stored.
    if (auto posted = co_await PostBatch(); !posted) co_return posted;
    if (!taken) co_return Fail(At(taken.error(), lines_));
  }
  co_return Status();
}

asio::awaitable<Status> PostStream::Run() {
  const uint64_t longest = exchange_.gateway().options.max_body_bytes;
  for (bool at_end = false; !at_end;) {
    auto piece = co_await exchange_.ReadPiece();
    if (!piece) co_return Fail(At(piece.error(), lines_ + 1));
    at_end = piece->empty();
    text_.Append(*piece);
    if (auto taken = co_await TakePiece(at_end); !taken) co_return taken;
    if (text_.rest().size() > longest) {
      co_return Fail(At(HttpError(413, ErrorCode::kInvalidArgument,
                                  "a line is longer than http.max_body_bytes", "BODY_TOO_LARGE"),
                        lines_ + 1));
    }
    if (auto held = exchange_.HoldBody(text_.rest().size() + batch_bytes_); !held) {
      co_return Fail(At(held.error(), lines_ + 1));
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
