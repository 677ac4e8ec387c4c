// See connection.h.
#include "rsocket/transport/connection.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "core/free_memory.h"

namespace postroad::rsocket {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr size_t kReadBytes = 64 << 10;
constexpr size_t kTlsReadBytes = 4 << 10;
constexpr size_t kWriteBytes = 64 << 10;
constexpr int kReadsInARow = 4;
constexpr int kWritesInARow = 8;
// Of what is read at once, after so many frames what they were answered with is written, so that
// the peer has something to do meanwhile.
constexpr int kFramesAWrite = 32;
// With this much of the wire's own answers (pongs) to be written, nothing is read.
constexpr size_t kMaxAnswerBytes = 64 << 10;
// The beginning of a frame that is shorter than this is not counted.
constexpr size_t kFreeBytes = 16 << 10;
// More room than this is given back after a burst.
constexpr size_t kKeptBytes = 1 << 20;

// One a thread, and so one an executor: nothing is kept in them between calls.
char* ReadBuffer() {
  thread_local const auto buffer = std::make_unique<char[]>(kReadBytes);
  return buffer.get();
}
std::string& WriteBuffer() {
  thread_local std::string buffer;
  if (buffer.capacity() > kKeptBytes) FreeMemory(buffer);
  buffer.clear();
  return buffer;
}
std::vector<OutFrame>& FrameBuffer() {
  thread_local std::vector<OutFrame> frames;
  frames.clear();
  return frames;
}

}  // namespace

Connection::Connection(ConnectionOptions options, Executor& executor, Clock& clock, Socket socket,
                       std::unique_ptr<Wire> wire, Gone gone)
    : options_(std::move(options)),
      executor_(executor),
      clock_(clock),
      socket_(std::move(socket)),
      wire_(std::move(wire)),
      gone_(std::move(gone)),
      incomplete_(options_.incomplete) {}

Connection::~Connection() = default;

void Connection::SetSession(std::shared_ptr<Session> session) { session_ = std::move(session); }

void Connection::Start(std::string greeting, std::string received) {
  error_code ignored;
  socket_.tcp().non_blocking(true, ignored);
  answers_ = std::move(greeting);
  if (!received.empty()) GotBytes(received.data(), received.size());
  OutputReady();
  WaitReadable();
  ArmTimer();
}

// --- Reading ---

void Connection::WaitReadable() {
  if (reading_ || stopped_reading_ || closed_) return;
  if (MustWriteFirst()) return;  // Flush goes on
  reading_ = true;
  if (socket_.tls() != nullptr) return ReadTls();
  socket_.tcp().async_wait(asio::socket_base::wait_read,
                           [self = shared_from_this()](error_code error) {
                             self->reading_ = false;
                             if (!error) self->ReadPlain();
                           });
}

bool Connection::MustWriteFirst() const {
  return answers_.size() > kMaxAnswerBytes || (session_ && session_->Congested());
}

void Connection::ReadPlain() {
  char* const buffer = ReadBuffer();
  for (int i = 0; i < kReadsInARow && !stopped_reading_ && !closed_; ++i) {
    if (i > 0 && MustWriteFirst()) break;
    error_code error;
    const size_t size = socket_.tcp().read_some(asio::buffer(buffer, kReadBytes), error);
    if (error == asio::error::would_block) break;
    if (error) return Lost(error == asio::error::eof ? "closed by the peer" : error.message());
    GotBytes(buffer, size);
    if (size < kReadBytes) break;
  }
  WaitReadable();
  ArmTimer();
}

void Connection::ReadTls() {
  if (!tls_buffer_) tls_buffer_ = std::make_unique<char[]>(kTlsReadBytes);
  socket_.async_read_some(asio::buffer(tls_buffer_.get(), kTlsReadBytes),
                          [self = shared_from_this()](error_code error, size_t size) {
                            self->reading_ = false;
                            if (self->closed_) return;
                            if (error) return self->Lost("closed by the peer");
                            self->GotBytes(self->tls_buffer_.get(), size);
                            self->WaitReadable();
                            self->ArmTimer();
                          });
}

void Connection::GotBytes(char* bytes, size_t size) {
  if (session_) session_->ReceivedBytes();
  if (unread_.empty()) {
    const size_t taken = Consume(bytes, size);
    if (moving_) return Move(std::string(bytes + taken, size - taken));
    if (!stopped_reading_) unread_.assign(bytes + taken, size - taken);
  } else {
    unread_.append(bytes, size);
    unread_.erase(0, Consume(unread_.data(), unread_.size()));
    if (moving_) return Move(std::move(unread_));
  }
  KeepUnread();
}

void Connection::KeepUnread() {
  if (unread_.empty()) FreeMemory(unread_);
  const size_t counted = unread_.size() > kFreeBytes ? unread_.size() : 0;
  if (counted == incomplete_.held() || incomplete_.Hold(counted)) return;
  FreeMemory(unread_);
  incomplete_.Hold(0);
  stopped_reading_ = true;
  Close(ErrorFrameCode::kConnectionError, options_.incomplete->WhyNot());
}

size_t Connection::Consume(char* bytes, size_t size) {
  WireEvents events;
  events.frame = [this](std::string_view frame) { return GotFrame(frame); };
  events.answer = [this](std::string answer) {
    answers_ += answer;
    OutputReady();
  };
  events.end = [this](std::string reason, bool fault) { WireEnded(std::move(reason), fault); };
  return wire_->Read(bytes, size, events);
}

bool Connection::GotFrame(std::string_view frame) {
  if (first_frame_) {
    const auto first = std::exchange(first_frame_, {});
    moving_ = !first(frame);
    stopped_reading_ |= moving_;
  } else if (session_) {
    session_->Receive(frame);
    if (++frames_since_write_ >= kFramesAWrite) WriteEarly();
  }
  return !stopped_reading_ && session_ && !session_->ended();
}

// The peer has closed its side in the wire's own words, or broke the wire's rules.
void Connection::WireEnded(std::string reason, bool fault) {
  if (!fault) return Lost(std::move(reason));
  last_reason_ = reason;
  last_fault_ = true;
  Close(ErrorFrameCode::kConnectionError, reason);
}

void Connection::Suspend(std::shared_ptr<Session> session) {
  if (suspended_) suspended_(std::move(session));
}

void Connection::Move(std::string rest) {
  Socket socket = std::move(socket_);
  const auto moved = std::exchange(moved_, {});
  session_.reset();
  CloseSocket();
  moved(std::move(socket), unsent_ + answers_, std::move(rest));
}

// Nothing more comes from the peer.
void Connection::Lost(std::string reason) {
  stopped_reading_ = true;
  if (auto session = std::exchange(session_, nullptr)) {
    if (session->Disconnected(reason)) Suspend(std::move(session));
  }
  if (answers_.empty()) return CloseSocket();
  said_last_ = true;
  OutputReady();
}

// --- Writing ---

void Connection::OutputReady() {
  if (closed_ || flush_posted_) return;
  flush_posted_ = true;
  executor_.Post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) {
      self->flush_posted_ = false;
      self->Flush();
    }
  });
}

void Connection::Flush() {
  if (writing_ || closed_) return;
  bool more = true;
  for (int i = 0; more && !writing_ && !closed_ && i < kWritesInARow; ++i) more = Fill();
  if (closed_ || writing_) return ArmTimer();
  if (more) return OutputReady();  // a stream without end must leave the others their turn
  if (said_last_) return LastWords();
  if (session_ && session_->suspended()) {  // it has given this connection up
    Suspend(std::exchange(session_, nullptr));
    return CloseSocket();
  }
  if (session_ && session_->ended()) return Finish();
  WaitReadable();
  ArmTimer();
}

// Ahead of the flush that is posted, which sees to all else.
void Connection::WriteEarly() {
  if (!session_ || session_->ended() || writing_ || closed_ || said_last_) return;
  if (session_->HasOutput()) Fill();
}

// Puts all that waits into one buffer and writes it; false if there was nothing.
bool Connection::Fill() {
  frames_since_write_ = 0;
  std::string& out = WriteBuffer();
  out.append(answers_);
  FreeMemory(answers_);  // it may be idle from now on
  if (session_ && !said_last_) {
    std::vector<OutFrame>& frames = FrameBuffer();
    session_->TakeOutput(kWriteBytes, frames);
    for (const OutFrame& frame : frames) wire_->Write(frame, out);
    frames.clear();
  }
  if (out.empty()) return false;
  if (socket_.tls() == nullptr) {
    WritePlain(out);
  } else {
    unsent_.assign(out);
    WriteTls();
  }
  return true;
}

void Connection::WritePlain(std::string_view bytes) {
  error_code error;
  const size_t size = socket_.tcp().write_some(asio::buffer(bytes.data(), bytes.size()), error);
  if (error && error != asio::error::would_block) return Lost(error.message());
  if (size == bytes.size()) {
    FreeMemory(unsent_);
    return;
  }
  // `bytes` may be of unsent_ itself.
  unsent_ = std::string(bytes.substr(size));
  writing_ = true;
  writing_since_ = clock_.Monotonic();
  socket_.tcp().async_wait(asio::socket_base::wait_write,
                           [self = shared_from_this()](error_code error) {
                             self->writing_ = false;
                             if (error || self->closed_) return;
                             self->WritePlain(self->unsent_);
                             self->Flush();
                           });
}

void Connection::WriteTls() {
  writing_ = true;
  writing_since_ = clock_.Monotonic();
  asio::async_write(socket_, asio::buffer(unsent_),
                    [self = shared_from_this()](error_code error, size_t) {
                      self->writing_ = false;
                      FreeMemory(self->unsent_);
                      if (self->closed_) return;
                      if (error) return self->Lost(error.message());
                      self->Flush();
                    });
}

// --- The end ---

void Connection::Close(ErrorFrameCode code, std::string_view message) {
  if (session_) session_->Close(code, message);
  OutputReady();
}

// The session has ended and all its frames are written: the wire says so too.
void Connection::Finish() {
  const EndReason reason = session_->end_reason();
  session_.reset();
  stopped_reading_ = true;
  if (last_reason_.empty()) last_reason_ = reason.message;
  answers_ +=
      wire_->Close(last_fault_ || reason.code != ErrorFrameCode::kConnectionClose, last_reason_);
  said_last_ = true;
  while (!writing_ && !closed_ && Fill()) {
  }
  if (!closed_ && !writing_) LastWords();
}

// All is written. The peer may still have sent what we do not read, and a close would then make
// the network forget our last words: it gets some time to close first.
void Connection::LastWords() {
  if (closing_since_ != MonotonicTime{}) return;
  closing_since_ = clock_.Monotonic();
  error_code ignored;
  socket_.tcp().shutdown(TcpSocket::shutdown_send, ignored);
  ArmTimer();
  socket_.tcp().async_wait(asio::socket_base::wait_read,
                           [self = shared_from_this()](error_code) { self->Drain(); });
}

void Connection::Drain() {
  if (closed_) return;
  error_code error;
  char* const buffer = ReadBuffer();
  for (int i = 0; i < kReadsInARow && !error; ++i) {
    socket_.tcp().read_some(asio::buffer(buffer, kReadBytes), error);
  }
  if (error && error != asio::error::would_block) return CloseSocket();
  socket_.tcp().async_wait(asio::socket_base::wait_read,
                           [self = shared_from_this()](error_code) { self->Drain(); });
}

void Connection::Drop() {
  session_.reset();
  CloseSocket();
}

void Connection::CloseSocket() {
  if (std::exchange(closed_, true)) return;
  timer_.Cancel();
  error_code ignored;
  socket_.tcp().close(ignored);
  // Not within a call of the session's, which may be what ends by it.
  executor_.Post([self = shared_from_this()] {
    if (const auto gone = std::exchange(self->gone_, {})) gone();
  });
}

// --- Time ---

void Connection::ArmTimer() {
  if (closed_) return;
  std::optional<MonotonicTime> due;
  if (session_) due = session_->NextTick();
  const auto sooner = [&](MonotonicTime at) { due = due ? std::min(*due, at) : at; };
  if (writing_) sooner(writing_since_ + options_.write_timeout);
  if (closing_since_ != MonotonicTime{}) sooner(closing_since_ + options_.linger);
  if (!due || (timer_at_ && *timer_at_ <= *due)) return;  // a timer that rings early is set anew
  timer_at_ = due;
  timer_ = executor_.PostAfter(std::max(*due - clock_.Monotonic(), Duration{}),
                               [weak = weak_from_this()] {
                                 if (const auto self = weak.lock()) self->OnTimer();
                               });
}

void Connection::OnTimer() {
  timer_at_.reset();
  if (closed_) return;
  const MonotonicTime now = clock_.Monotonic();
  if (closing_since_ != MonotonicTime{} && now >= closing_since_ + options_.linger) {
    return CloseSocket();
  }
  if (writing_ && now >= writing_since_ + options_.write_timeout) {
    if (session_) {
      const auto session = std::exchange(session_, nullptr);
      session->Close(ErrorFrameCode::kConnectionError,
                     "nothing was read for " + FormatDuration(options_.write_timeout));
    }
    return CloseSocket();
  }
  if (session_) session_->Tick();
  ArmTimer();
}

}  // namespace postroad::rsocket
