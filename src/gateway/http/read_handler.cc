// GET /v1/events: pages (long poll) and streams.
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/serialize.hpp>
#include <utility>
#include <vector>

#include "core/event.h"
#include "gateway/http/handlers.h"
#include "gateway/http/page.h"
#include "gateway/http/read_request.h"
#include "gateway/http/stream_text.h"
#include "gateway/http/stream_user.h"

namespace postroad::gateway {

namespace asio = boost::asio;

namespace {

// Batches given in a row before the coroutine, and so whoever else waits, has its turn.
constexpr int kBatchesInARow = 8;
// Of records that are given without the coroutine.
constexpr size_t kMostDelivered = 4 << 10;
// How long a stream that the broker ended waits for its peer to take what is under way.
constexpr Duration kEndGrace = std::chrono::seconds(5);

MonotonicTime Later(HttpGateway& gateway, Duration by) { return gateway.clock.Monotonic() + by; }

const char* StreamType(ReadFormat format) {
  return format == ReadFormat::kSse ? "text/event-stream" : "application/x-ndjson";
}

// Some events and nothing else: as text it is little too.
bool IsShort(const broker::StreamBatch& batch) {
  size_t bytes = 0;
  for (const broker::StreamRun& run : batch.runs) bytes += run.bytes;
  return batch.gaps.empty() && !batch.epoch_changed && !batch.caught_up && !batch.end &&
         bytes <= kMostDelivered;
}

// One peer's stream. Pulls when the socket has taken what was pulled before.
class EventReader {
 public:
  EventReader(Exchange& exchange, ReadWish wish)
      : exchange_(exchange), wish_(std::move(wish)), user_(exchange, wish_.format) {}

  Status Open();
  asio::awaitable<void> SendPage();
  asio::awaitable<void> SendStream();

 private:
  bool Over() const { return exchange_.peer_gone() || exchange_.stopping(); }
  // False: the time came first, or it is over.
  asio::awaitable<bool> WaitForMore(MonotonicTime until);
  // What a batch becomes, while it is written.
  struct Piece {
    std::vector<SharedText> texts;
    Exchange::Buffers buffers;
    size_t bytes = 0;
    uint64_t events = 0;
    std::optional<Timestamp> stored_at;  // of those that came while this waited for them
    Cursor cursor;                       // behind it
  };
  Result<Piece> Prepare(broker::StreamBatch batch);
  void Wrote(Piece piece);
  asio::awaitable<bool> WriteBatch(broker::StreamBatch batch);
  asio::awaitable<bool> WriteText(std::string text);
  // Sets the batch's cursor to where it stops.
  Status AddRuns(broker::StreamBatch& batch, std::vector<SharedText>& texts);
  asio::awaitable<bool> Idle();
  // While Idle waits: gives what has come, as far as that needs no waiting; wakes it for the rest.
  // A coroutine costs a stream about as much as all else.
  void Deliver();
  bool DeliverNext();
  void Await();
  asio::awaitable<bool> End(Error reason);
  uint64_t left() const { return wish_.max.value_or(UINT64_MAX) - given_; }

  Exchange& exchange_;
  // What tasks that may come late hold weakly.
  const std::shared_ptr<EventReader*> self_ = std::make_shared<EventReader*>(this);
  ReadWish wish_;
  std::unique_ptr<broker::EventStream> stream_;
  StreamUser user_;
  journal::WaitPtr wait_;  // Idle's
  bool idle_ = false;
  std::optional<Result<broker::StreamBatch>> untold_;  // what Deliver left
  Cursor cursor_;                                      // behind all that was written
  uint64_t given_ = 0;                                 // events
  Offset end_;                                         // behind the last of them, in its topic
  int in_a_row_ = 0;
  bool caught_up_ = false;
  bool ended_ = false;  // nothing more is to be told
  MonotonicTime last_write_{};
  MonotonicTime last_news_{};
};

Status EventReader::Open() {
  POSTROAD_ASSIGN(
      stream_, exchange_.gateway().broker.OpenStream(*exchange_.request().principal, wish_.spec));
  cursor_ = stream_->Cursor();
  if (wish_.format != ReadFormat::kJson) {
    POSTROAD_TRY(user_.Enter(wish_.spec.topics, EncodeCursor(cursor_)));
  }
  stream_->OnEnded(exchange_.executor(), [weak = std::weak_ptr(self_)] {
    if (const auto self = weak.lock()) {
      (*self)->exchange_.Hurry(kEndGrace);
      (*self)->exchange_.signal()->Set();
    }
  });
  exchange_.WatchPeer();
  return {};
}

asio::awaitable<bool> EventReader::WaitForMore(MonotonicTime until) {
  const auto wait =
      stream_->WaitForMore(exchange_.executor(), [signal = exchange_.signal()] { signal->Set(); });
  const bool woken = co_await exchange_.signal()->WaitUntil(until);
  co_return woken && !Over();
}

// --- Pages ---

asio::awaitable<void> EventReader::SendPage() {
  const MonotonicTime until = Later(exchange_.gateway(), wish_.wait.value_or(Duration{}));
  Page page(wish_.max.value_or(kDefaultPageEvents));
  Status status;
  while (!Over()) {
    auto batch = stream_->Next();
    status = batch ? page.Add(*batch) : Fail(batch.error());
    if (!status || page.full() || batch->end) break;
    if (!batch->Empty()) continue;
    if (page.has_news() || !co_await WaitForMore(until)) break;
  }
  stream_.reset();
  co_await exchange_.UnwatchPeer();
  if (exchange_.peer_gone()) co_return;
  if (!status && !page.has_news()) co_return co_await exchange_.SendError(status.error());
  co_await exchange_.Send(JsonText(page.Finish()));
}

// --- Streams ---

asio::awaitable<bool> EventReader::WriteText(std::string text) {
  if (text.empty()) co_return true;
  last_write_ = exchange_.gateway().clock.Monotonic();
  const Exchange::Buffers buffers{asio::buffer(text)};
  co_return co_await exchange_.Write(buffers);
}

Status EventReader::AddRuns(broker::StreamBatch& batch, std::vector<SharedText>& texts) {
  const EventCursors cursors(batch.cursor);
  for (const broker::StreamRun& run : batch.runs) {
    const uint64_t count = std::min<uint64_t>(run.count, left());
    if (count < run.count) {
      POSTROAD_ASSIGN(std::string text, RunText(wish_.format, run, cursors, count));
      texts.push_back(std::make_shared<const std::string>(std::move(text)));
    } else {
      POSTROAD_ASSIGN(SharedText text, exchange_.texts().Get(wish_.format, run, cursors));
      texts.push_back(std::move(text));
    }
    given_ += count;
    end_ = OffsetOf(run, count - 1) + 1;
    if (left() > 0) continue;
    batch.cursor = cursors.After(run, count - 1).value_or(cursor_);
    return {};
  }
  return {};
}

Result<EventReader::Piece> EventReader::Prepare(broker::StreamBatch batch) {
  Piece piece;
  const uint64_t before = given_;
  if (std::string notices = NoticesText(wish_.format, batch); !notices.empty()) {
    piece.texts.push_back(std::make_shared<const std::string>(std::move(notices)));
  }
  POSTROAD_TRY(AddRuns(batch, piece.texts));
  piece.events = given_ - before;
  ended_ = batch.end || left() == 0;
  if (caught_up_ && !batch.runs.empty()) piece.stored_at = batch.runs.back().stored_at;
  if (batch.caught_up && left() > 0) {
    caught_up_ = true;
    piece.texts.push_back(std::make_shared<const std::string>(
        CaughtUpText(wish_.format, EncodeCursor(batch.cursor))));
  }
  piece.buffers.reserve(piece.texts.size());
  for (const SharedText& text : piece.texts) {
    piece.buffers.emplace_back(asio::buffer(*text));
    piece.bytes += text->size();
  }
  if (piece.events > 0) user_.Sends(end_);
  piece.cursor = std::move(batch.cursor);
  last_write_ = last_news_ = exchange_.gateway().clock.Monotonic();
  return piece;
}

void EventReader::Wrote(Piece piece) {
  cursor_ = std::move(piece.cursor);
  HttpGateway& gateway = exchange_.gateway();
  gateway.streamed_events.Add(static_cast<double>(piece.events));
  if (!piece.stored_at) return;
  const Duration took = gateway.clock.Now() - *piece.stored_at;
  gateway.stored_to_written.Observe(std::chrono::duration<double>(took).count());
}

asio::awaitable<bool> EventReader::WriteBatch(broker::StreamBatch batch) {
  auto piece = Prepare(std::move(batch));
  if (!piece) {
    ended_ = true;
    co_return co_await End(piece.error());
  }
  if (exchange_.CanWriteNow(piece->bytes)) {
    const bool all = exchange_.WriteNow(piece->buffers);
    Wrote(*std::move(piece));
    if (!all && !co_await exchange_.Flush()) co_return false;
    // Whoever is far behind leaves the others their turn.
    if (++in_a_row_ % kBatchesInARow == 0) co_await asio::post(asio::use_awaitable);
    co_return true;
  }
  if (!co_await exchange_.Write(piece->buffers)) co_return false;
  Wrote(*std::move(piece));
  co_return true;
}

// --- Waiting for more ---

void EventReader::Await() {
  if (wait_) return stream_->WaitAgain(*wait_);
  wait_ = stream_->WaitForMore(exchange_.executor(), [weak = std::weak_ptr(self_)] {
    if (const auto self = weak.lock()) (*self)->Deliver();
  });
}

void EventReader::Deliver() {
  if (!idle_) return;                 // it looks for itself
  if (DeliverNext()) return Await();  // at once, if there is more
  idle_ = false;
  exchange_.signal()->Set();
}

// False: there is something else to do.
bool EventReader::DeliverNext() {
  if (Over() || user_.closed() || user_.HasSaid() || !exchange_.CanWriteNow(0)) return false;
  auto batch = stream_->Next();
  if (!batch || !IsShort(*batch)) {
    untold_ = std::move(batch);
    return false;
  }
  if (batch->runs.empty()) {
    cursor_ = std::move(batch->cursor);
    return true;
  }
  auto piece = Prepare(*std::move(batch));
  if (!piece) {
    untold_ = Fail(piece.error());
    return false;
  }
  const bool all = exchange_.WriteNow(piece->buffers);
  Wrote(*std::move(piece));
  return all && !ended_;
}

// Nothing is there: waits, and says now and then that the stream lives.
asio::awaitable<bool> EventReader::Idle() {
  const auto beat = [this] { return last_write_ + wish_.heartbeat; };
  const auto give_up = [this] {
    return wish_.wait ? last_news_ + *wish_.wait : MonotonicTime::max();
  };
  idle_ = true;
  Await();
  const bool woken = co_await exchange_.signal()->WaitUntil(std::min(beat(), give_up()));
  idle_ = false;
  wait_.reset();
  if (!co_await exchange_.Flush()) co_return false;  // what Deliver left
  if (woken || Over()) co_return !Over();
  // Deliver may have put it off.
  const MonotonicTime now = exchange_.gateway().clock.Monotonic();
  if (now >= give_up()) {
    ended_ = true;
    co_return true;
  }
  if (now >= beat())
    co_return co_await WriteText(HeartbeatText(wish_.format, EncodeCursor(cursor_)));
  co_return true;
}

asio::awaitable<bool> EventReader::End(Error reason) {
  co_return co_await WriteText(EndText(wish_.format, reason, EncodeCursor(cursor_)));
}

asio::awaitable<void> EventReader::SendStream() {
  bool going = co_await exchange_.BeginStream(StreamType(wish_.format));
  if (going) {
    const std::string cursor = EncodeCursor(cursor_);
    going = co_await WriteText(OpeningText(wish_.format, cursor) + user_.OpenedText(cursor));
  }
  last_write_ = last_news_ = exchange_.gateway().clock.Monotonic();
  while (going && !ended_ && !Over()) {
    if (user_.closed()) {
      co_await End(*user_.closed());
      break;
    }
    if (user_.HasSaid()) going = co_await WriteText(user_.TakeSaid());
    if (!going) break;
    auto batch = untold_ ? *std::exchange(untold_, std::nullopt) : stream_->Next();
    if (!batch) {
      co_await End(batch.error());
      break;
    }
    if (batch->Empty()) {
      cursor_ = std::move(batch->cursor);
      going = co_await Idle();
    } else {
      going = co_await WriteBatch(*std::move(batch));
    }
  }
  if (exchange_.stopping() && going) co_await End(broker::Draining());
  stream_.reset();
  if (going) going = co_await exchange_.EndStream();
  co_await exchange_.UnwatchPeer();
}

}  // namespace

HandlerResult HandleReadEvents(Exchange& exchange) {
  HttpGateway& gateway = exchange.gateway();
  auto wish = ParseRead(exchange.request(), gateway.options.heartbeat, gateway.clock.Now());
  if (!wish) co_return co_await exchange.SendError(wish.error());
  const ReadFormat format = wish->format;
  if (format != ReadFormat::kJson &&
      exchange.request().head.method() == boost::beast::http::verb::head) {
    co_return co_await exchange.Send({.content_type = StreamType(format)});
  }
  EventReader reader(exchange, *std::move(wish));
  if (auto opened = reader.Open(); !opened) co_return co_await exchange.SendError(opened.error());
  if (format == ReadFormat::kJson) co_return co_await reader.SendPage();
  co_await reader.SendStream();
}

}  // namespace postroad::gateway
