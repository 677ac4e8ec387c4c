#include "postroad/reader.h"

#include <atomic>
#include <exception>
#include <thread>
#include <utility>

#include "client/check.h"
#include "client/convert.h"
#include "client/lifecycle.h"
#include "client/message_queue.h"
#include "client/read_response.h"
#include "client/status.h"

namespace postroad {

using client::Lifecycle;
using client::MessageQueue;

namespace {

constexpr Duration kCursorHeartbeat = std::chrono::seconds(5);
const std::string kMethod = "/postroad.v1.Postroad/Read";

Status CheckOptions(const ReaderOptions& options) {
  POSTROAD_TRY(client::CheckTopics(options.topics, "topics"));
  POSTROAD_TRY(CheckFilter(options.filter, "filter"));
  POSTROAD_TRY(client::CheckOptionalName(options.client_id, "client_id"));
  if (!options.on_event) return Invalid("on_event", "a handler is needed");
  if (options.max_batch_bytes != 0) {
    POSTROAD_TRY(
        client::CheckRange<uint32_t>("max_batch_bytes", options.max_batch_bytes, 4096, 4 << 20));
  }
  if (const auto* last = std::get_if<FromLast>(&options.from)) {
    POSTROAD_TRY(client::CheckRange<uint64_t>("from.last", last->events, 1, 1'000'000));
  }
  if (const auto* from = std::get_if<FromCursor>(&options.from); from && !from->cursor.empty()) {
    POSTROAD_ASSIGN([[maybe_unused]] const auto cursor, DecodeCursor(from->cursor, "from.cursor"));
  }
  return {};
}

}  // namespace

// The reader's thread owns all that is not said to be shared.
struct Reader::Impl {
  Impl(std::shared_ptr<Client::Impl> connection, ReaderOptions o)
      : options(std::move(o)),
        life(std::move(connection), "reader " + options.topics.front(), options.client_id) {
    if (const auto* from = std::get_if<FromCursor>(&options.from)) cursor = from->cursor;
  }

  void Run();
  Status Session();
  Status Pump(MessageQueue& queue);
  Status Handle(const grpc::Slice& message);
  Status HandleEvents();
  Status HandleBatch(std::string_view bytes);
  Status HandleEvent();
  void Notify(const ReadNotice& notice);
  client::Use UseOf(const Error& error) const;
  bool IsFinal(const Error& error) const;
  grpc::ByteBuffer Request() const;
  Status LoadCursor();
  void Keep(std::string cursor);
  void Save(bool now);
  // The first sign of life of a stream.
  void Opened() {
    established = true;
    life.Set(State::kConnected);
  }

  const ReaderOptions options;
  Lifecycle life;
  std::thread thread;

  std::atomic<bool> established = false;  // this session's stream; shared
  bool handler_failed = false;
  MonotonicTime began{};   // this session's stream
  std::string began_at;    // after this cursor
  bool caught_up = false;  // was told
  CursorBook book;
  ReadEvents events{book};
  client::RawReadResponse response;
  client::RawEventBatch batch;
  std::optional<EventPlace> handled;  // the last event of this response that was
  std::string unsaved;
  MonotonicTime saved_at{};

  mutable std::mutex mutex;
  std::string cursor;  // written by the thread under the mutex
};

void Reader::Impl::Run() {
  Status status = LoadCursor();
  if (status) {
    status = life.Reconnect([this] { return Session(); },
                            [this](const Error& error) { return UseOf(error); },
                            [this](const Error& error) { return IsFinal(error); });
  }
  Save(true);
  life.End(std::move(status));
}

// A handler that keeps failing at the same event is called less and less often.
client::Use Reader::Impl::UseOf(const Error& error) const {
  if (handler_failed) return cursor != began_at ? client::Use::kGood : client::Use::kNone;
  return established ? life.UseOf(began, error) : client::Use::kNone;
}

bool Reader::Impl::IsFinal(const Error& error) const {
  if (handler_failed) return options.on_error == ReaderOptions::OnError::kStop;
  if (client::WasReplaced(error)) {
    return options.on_replaced == ReaderOptions::OnReplaced::kStop;
  }
  return !client::EndsStreamForNow(error.code);
}

grpc::ByteBuffer Reader::Impl::Request() const {
  v1::ReadRequest request;
  for (const auto& topic : options.topics) request.add_topics(topic);
  if (cursor.empty()) {
    client::ToProto(options.from, &request);
  } else {
    request.set_cursor(cursor);
  }
  if (!options.filter.Empty()) client::ToProto(options.filter, request.mutable_filter());
  request.set_client_id(options.client_id);
  request.set_stop_at_end(options.stop_at_end);
  request.set_max_batch_bytes(options.max_batch_bytes);
  // The cursor goes on also while the filter lets nothing through.
  if (!options.filter.Empty() || options.cursor_store) {
    client::ToProto(kCursorHeartbeat, request.mutable_heartbeat());
  }
  return client::ToByteBuffer(request.SerializeAsString());
}

Status Reader::Impl::Session() {
  established = false;
  handler_failed = false;
  began_at = cursor;
  const auto& timeout = life.connection().options.connect_timeout;
  POSTROAD_ASSIGN(auto channel, life.connection().Dial(timeout, life.token()));
  MessageQueue queue([this] { Opened(); });
  began = life.connection().environment->Monotonic();
  auto opened = life.connection().Open(channel, kMethod, queue);
  queue.Attach(opened);
  Status status;
  {
    std::stop_callback on_stop(life.token(), [&opened] { opened->Cancel(); });
    opened->Write(Request(), /*last=*/true);
    status = Pump(queue);
    opened->Cancel();
  }
  Save(true);
  queue.Drain();
  life.connection().Judge(channel, queue.status());
  if (status) status = queue.status();
  if (!status || options.stop_at_end || life.stopping()) return status;
  return Fail(ErrorCode::kUnavailable, "the server ended the stream");
}

Status Reader::Impl::Pump(MessageQueue& queue) {
  while (true) {
    // Before a quiet time the last cursor is saved, too.
    if (!unsaved.empty() && !queue.Await(options.save_interval)) Save(true);
    auto message = queue.Next();
    if (!message || life.stopping()) break;
    POSTROAD_TRY(Handle(client::ToSlice(*message)));
    Save(false);
  }
  return {};
}

Status Reader::Impl::Handle(const grpc::Slice& message) {
  POSTROAD_TRY(client::ParseReadResponse(client::ViewOf(message), response));
  if (!response.cursor.empty()) POSTROAD_TRY(book.Begin(response.cursor));
  handled.reset();
  const Status status = HandleEvents();
  if (!status || life.stopping()) {
    // Left inside the response: go on after the last event handled.
    if (handled) Keep(book.After(handled->offset, handled->position));
  } else if (!response.cursor.empty()) {
    book.Finish();
    Keep(std::string(response.cursor));
  }
  return status;
}

Status Reader::Impl::HandleEvents() {
  for (const auto& notice : response.notices) Notify(notice);
  for (const std::string_view bytes : response.batches) POSTROAD_TRY(HandleBatch(bytes));
  if (response.caught_up && !life.stopping() && !std::exchange(caught_up, true)) {
    Notify(CaughtUpNotice{});
  }
  return {};
}

Status Reader::Impl::HandleBatch(std::string_view bytes) {
  POSTROAD_TRY(client::ParseEventBatch(bytes, batch));
  for (size_t i = 0; i < batch.records.size() && !life.stopping(); ++i) {
    POSTROAD_TRY(events.Fill(batch, i));
    POSTROAD_TRY(HandleEvent());
    handled = events.Place();
  }
  return {};
}

Status Reader::Impl::HandleEvent() {
  Status status;
  try {
    status = options.on_event(events.event());
  } catch (const std::exception& e) {
    status = Fail(ErrorCode::kInternal, std::string("the handler threw: ") + e.what());
  } catch (...) {
    status = Fail(ErrorCode::kInternal, "the handler threw");
  }
  if (!status) handler_failed = true;
  return status;
}

void Reader::Impl::Notify(const ReadNotice& notice) {
  if (!options.on_notice) return;
  try {
    options.on_notice(notice);
  } catch (const std::exception& e) {
    life.Log(Severity::kError, std::string("on_notice threw: ") + e.what());
  }
}

Status Reader::Impl::LoadCursor() {
  if (!options.cursor_store) return {};
  POSTROAD_ASSIGN(auto loaded, options.cursor_store->Load());
  if (loaded && !loaded->empty()) {
    POSTROAD_ASSIGN([[maybe_unused]] const auto checked, DecodeCursor(*loaded, "cursor_store"));
    std::lock_guard lock(mutex);
    cursor = *std::move(loaded);
  }
  return {};
}

void Reader::Impl::Keep(std::string next) {
  if (next.empty()) return;
  if (options.cursor_store) unsaved = next;
  std::lock_guard lock(mutex);
  cursor = std::move(next);
}

void Reader::Impl::Save(bool now) {
  if (unsaved.empty()) return;
  const MonotonicTime time = life.connection().environment->Monotonic();
  if (!now && time - saved_at < options.save_interval) return;
  saved_at = time;
  if (Status saved = options.cursor_store->Save(unsaved); !saved) {
    life.Log(Severity::kError, "the cursor was not saved: " + saved.error().ToString());
    return;
  }
  unsaved.clear();
}

Reader::Reader(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Reader>> Reader::Start(const Client& client, ReaderOptions options) {
  POSTROAD_TRY(CheckOptions(options));
  auto impl = std::make_shared<Impl>(client.impl(), std::move(options));
  POSTROAD_TRY(impl->life.Register());
  std::unique_ptr<Reader> reader(new Reader(impl));
  impl->thread = std::thread([raw = impl.get()] { raw->Run(); });
  return reader;
}

Reader::~Reader() {
  Stop();
  if (impl_->thread.joinable()) impl_->thread.join();
}

std::string Reader::cursor() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->cursor;
}

State Reader::state() const { return impl_->life.state(); }
Status Reader::Wait() { return impl_->life.Wait(); }
Status Reader::WaitFor(Duration timeout) { return impl_->life.WaitFor(timeout); }

void Reader::Stop() {
  impl_->life.RequestStop();
  if (std::this_thread::get_id() != impl_->thread.get_id()) (void)impl_->life.Wait();
}

}  // namespace postroad
