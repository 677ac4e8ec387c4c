// GET /v1/events: pages (long poll) and streams.
#include <boost/json/serialize.hpp>
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

// How long a stream that the broker ended waits for its peer to take what is under way.
constexpr Duration kEndGrace = std::chrono::seconds(5);

MonotonicTime Later(HttpGateway& gateway, Duration by) { return gateway.clock.Monotonic() + by; }

const char* StreamType(ReadFormat format) {
  return format == ReadFormat::kSse ? "text/event-stream" : "application/x-ndjson";
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
  asio::awaitable<bool> WriteBatch(broker::StreamBatch batch);
  asio::awaitable<bool> WriteText(std::string text);
  Status AddRuns(const broker::StreamBatch& batch, std::vector<SharedText>& texts);
  asio::awaitable<bool> Idle();
  asio::awaitable<void> End(Error reason);
  uint64_t left() const { return wish_.max.value_or(UINT64_MAX) - given_; }

  Exchange& exchange_;
  const std::shared_ptr<Exchange*> alive_ = std::make_shared<Exchange*>(&exchange_);
  ReadWish wish_;
  std::unique_ptr<broker::EventStream> stream_;
  StreamUser user_;
  uint64_t given_ = 0;  // events
  bool caught_up_ = false;
  bool ended_ = false;  // nothing more is to be told
  MonotonicTime last_write_{};
  MonotonicTime last_news_{};
};

Status EventReader::Open() {
  POSTROAD_ASSIGN(
      stream_, exchange_.gateway().broker.OpenStream(*exchange_.request().principal, wish_.spec));
  if (wish_.format != ReadFormat::kJson) {
    POSTROAD_TRY(user_.Enter(wish_.spec.topics, stream_->Cursor()));
  }
  stream_->OnEnded(exchange_.executor(), [weak = std::weak_ptr(alive_)] {
    if (const auto exchange = weak.lock()) {
      (*exchange)->Hurry(kEndGrace);
      (*exchange)->signal()->Set();
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

Status EventReader::AddRuns(const broker::StreamBatch& batch, std::vector<SharedText>& texts) {
  const EventCursors cursors(batch.cursor);
  for (const broker::StreamRun& run : batch.runs) {
    if (run.count > left()) {
      POSTROAD_ASSIGN(std::string text, RunText(wish_.format, run, cursors, left()));
      texts.push_back(std::make_shared<const std::string>(std::move(text)));
      given_ += left();
    } else {
      POSTROAD_ASSIGN(SharedText text, exchange_.texts().Get(wish_.format, run, cursors));
      texts.push_back(std::move(text));
      given_ += run.count;
    }
    if (left() == 0) return {};
  }
  return {};
}

asio::awaitable<bool> EventReader::WriteBatch(broker::StreamBatch batch) {
  std::vector<SharedText> texts;
  const uint64_t before = given_;
  if (std::string notices = NoticesText(wish_.format, batch); !notices.empty()) {
    texts.push_back(std::make_shared<const std::string>(std::move(notices)));
  }
  if (auto added = AddRuns(batch, texts); !added) {
    co_await End(added.error());
    co_return false;
  }
  ended_ = batch.end || left() == 0;
  const bool live = caught_up_ && !batch.runs.empty();
  if (batch.caught_up && left() > 0) {
    caught_up_ = true;
    texts.push_back(std::make_shared<const std::string>(CaughtUpText(wish_.format, batch.cursor)));
  }
  Exchange::Buffers buffers;
  buffers.reserve(texts.size());
  for (const SharedText& text : texts) buffers.emplace_back(asio::buffer(*text));
  HttpGateway& gateway = exchange_.gateway();
  last_write_ = last_news_ = gateway.clock.Monotonic();
  if (!co_await exchange_.Write(buffers)) co_return false;
  user_.Wrote(stream_->Cursor());
  gateway.streamed_events.Add(static_cast<double>(given_ - before));
  if (live) {
    const Duration took = gateway.clock.Now() - batch.runs.back().stored_at;
    gateway.stored_to_written.Observe(std::chrono::duration<double>(took).count());
  }
  co_return true;
}

// Nothing is there: waits, and says now and then that the stream lives.
asio::awaitable<bool> EventReader::Idle() {
  const MonotonicTime beat = last_write_ + wish_.heartbeat;
  const MonotonicTime give_up = wish_.wait ? last_news_ + *wish_.wait : MonotonicTime::max();
  if (co_await WaitForMore(std::min(beat, give_up)) || Over()) co_return !Over();
  const MonotonicTime now = exchange_.gateway().clock.Monotonic();
  if (now >= give_up) {
    ended_ = true;
    co_return true;
  }
  if (now >= beat) co_return co_await WriteText(HeartbeatText(wish_.format, stream_->Cursor()));
  co_return true;
}

asio::awaitable<void> EventReader::End(Error reason) {
  co_await WriteText(EndText(wish_.format, reason, stream_->Cursor()));
}

asio::awaitable<void> EventReader::SendStream() {
  bool going = co_await exchange_.BeginStream(StreamType(wish_.format));
  if (going) {
    std::string opening = OpeningText(wish_.format, stream_->Cursor());
    going = co_await WriteText(opening + user_.OpenedText(stream_->Cursor()));
  }
  last_write_ = last_news_ = exchange_.gateway().clock.Monotonic();
  while (going && !ended_ && !Over()) {
    if (user_.closed()) {
      co_await End(*user_.closed());
      break;
    }
    going = co_await WriteText(user_.TakeSaid());
    if (!going) break;
    auto batch = stream_->Next();
    if (!batch) {
      co_await End(batch.error());
      break;
    }
    going = batch->Empty() ? co_await Idle() : co_await WriteBatch(*std::move(batch));
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
