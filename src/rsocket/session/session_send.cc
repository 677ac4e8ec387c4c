// What goes out: the application's calls, the queue, and who may fill it.
#include <algorithm>
#include <utility>

#include "rsocket/session/session_impl.h"

namespace postroad::rsocket {

// --- The queue ---

void SessionImpl::SendControl(const Frame& frame) {
  if (!QueueTakes()) return;
  OutFrame out;
  EncodeFrame(frame, out.head);
  control_.Push(std::move(out));
}

void SessionImpl::SendFrame(const Frame& frame) {
  if (!QueueTakes()) return;
  OutFrame out;
  EncodeFrame(frame, out.head);
  data_.Push(std::move(out));
}

void SessionImpl::SendMessage(const MessageHead& head, const EncodedPayload& payload) {
  if (!QueueTakes()) return;
  std::vector<OutFrame> frames;
  AppendMessage(head, payload, options_.fragment_bytes, frames);
  for (OutFrame& frame : frames) data_.Push(std::move(frame));
}

// Answers that nobody reads must not pile up: with the queue over its cap (a large message may have
// taken it there) the session ends.
bool SessionImpl::QueueTakes() {
  if (state_ == State::kEnded) return false;
  if (queued_bytes() < options_.max_queued_bytes) return true;
  End({ErrorFrameCode::kConnectionError,
       std::to_string(queued_bytes()) + " bytes wait to be sent, and the peer does not read them",
       false},
      true);
  return false;
}

void SessionImpl::TakeOutput(size_t max_bytes, std::vector<OutFrame>& out) {
  const Scope scope(*this);
  told_ready_ = true;  // the transport looks for itself
  const bool congested = Congested();
  size_t bytes = 0;
  MoveOutput(max_bytes, bytes, out);
  GiveRoom();
  MoveOutput(max_bytes, bytes, out);
  told_ready_ = HasOutput();
  if (congested && !Congested()) last_heard_ = clock_.Monotonic();  // it is read from again
}

void SessionImpl::MoveOutput(size_t max_bytes, size_t& bytes, std::vector<OutFrame>& out) {
  while (bytes < max_bytes && HasOutput()) {
    const bool control = !control_.empty();
    OutFrame frame = control ? control_.Pop() : data_.Pop();
    bytes += frame.size();
    if (!control && resumable_ && frame.stream() != 0) sent_.Sent(frame);
    out.push_back(std::move(frame));
  }
}

// Those that found the queue full, in turn.
void SessionImpl::GiveRoom() {
  if (blocked_.empty() || queued_bytes() >= options_.pause_queued_bytes / 2) return;
  const auto waiting = std::exchange(blocked_, {});
  for (size_t i = 0; i < waiting.size(); ++i) {
    StreamImpl* const stream = Find(waiting[i]);
    if (stream == nullptr || !std::exchange(stream->blocked_, false)) continue;
    // Asking for room notes it again if the one before has used it up.
    if (stream->Room() > 0 && stream->handler_) stream->handler_->OnRoom();
  }
}

// Streams that have ended since are left out, so that opening and cancelling them costs nothing.
void SessionImpl::Block(uint32_t stream) {
  if (blocked_.size() >= 64 + 2 * streams_.size()) {
    std::erase_if(blocked_, [this](uint32_t id) { return Find(id) == nullptr; });
  }
  blocked_.push_back(stream);
}

// --- Streams ---

uint64_t StreamImpl::Room() {
  if (!out_open_) return 0;
  if (session_.queued_bytes() < session_.options_.pause_queued_bytes) return out_credit_.value();
  if (!std::exchange(blocked_, true)) session_.Block(id_);
  return 0;
}

Status StreamImpl::Send(EncodedPayload payload, bool complete) {
  const SessionImpl::Scope scope(session_);
  if (!out_open_) {
    return postroad::Fail(ErrorCode::kFailedPrecondition, "the stream has ended on this side");
  }
  if (!out_credit_.Take()) {
    return postroad::Fail(ErrorCode::kFailedPrecondition,
                          "the peer has not asked for more payloads");
  }
  if (interaction_ == Interaction::kResponse) complete = true;
  session_.SendMessage({.stream = id_, .next = true, .complete = complete}, payload);
  if (complete) {
    out_open_ = false;
    session_.EndIfDone(*this);
  }
  return {};
}

void StreamImpl::Complete() {
  const SessionImpl::Scope scope(session_);
  if (!out_open_) return;
  session_.SendFrame(PayloadFrame{.stream = id_, .complete = true});
  out_open_ = false;
  session_.EndIfDone(*this);
}

void StreamImpl::Fail(ErrorFrameCode code, std::string_view message) {
  const SessionImpl::Scope scope(session_);
  if (!out_open_ && !in_open_) return;
  // A requester of a stream or response cannot send errors; it can only go.
  if (requester_ && interaction_ != Interaction::kChannel) {
    session_.SendFrame(CancelFrame{id_});
  } else {
    session_.SendFrame(ErrorFrame{id_, code, message});
  }
  session_.Erase(*this);
}

void StreamImpl::Cancel() {
  const SessionImpl::Scope scope(session_);
  if (!in_open_ && !requester_) return;
  if (!in_open_ && !out_open_) return;
  session_.SendFrame(CancelFrame{id_});
  in_open_ = false;
  if (requester_) {
    session_.Erase(*this);
  } else {
    session_.EndIfDone(*this);
  }
}

void StreamImpl::Request(uint32_t n) {
  const SessionImpl::Scope scope(session_);
  if (!in_open_ || n == 0) return;
  n = std::min(n, kMaxRequestN);
  in_credit_.Add(n);
  session_.SendFrame(RequestNFrame{id_, n});
}

// --- Requests ---

uint32_t SessionImpl::NextStreamId() {
  while (streams_.contains(next_stream_)) {
    next_stream_ = next_stream_ + 2 > kMaxStreamId ? (client_ ? 1 : 2) : next_stream_ + 2;
  }
  const uint32_t id = next_stream_;
  next_stream_ = id + 2 > kMaxStreamId ? (client_ ? 1 : 2) : id + 2;
  return id;
}

Status SessionImpl::CheckRequest() {
  if (state_ == State::kEnded || !established_ || peer_drains_) {
    return Fail(ErrorCode::kUnavailable,
                end_.message.empty() ? "the session is not open" : end_.message);
  }
  if (queued_bytes() >= options_.max_queued_bytes / 2) {
    return Fail(ErrorCode::kResourceExhausted, "too much waits to be sent on this connection", "",
                "CONGESTED");
  }
  if (setup_.lease && !held_.Take(clock_.Monotonic())) {
    return Fail(ErrorCode::kResourceExhausted, "the peer has granted no lease for a request", "",
                "NO_LEASE");
  }
  return {};
}

Result<Stream*> SessionImpl::Request(Interaction interaction, const EncodedPayload& payload,
                                     uint32_t initial_n, StreamHandlerPtr handler, bool complete) {
  const Scope scope(*this);
  if (interaction != Interaction::kResponse && (initial_n == 0 || initial_n > kMaxRequestN)) {
    return Invalid("initial_n", "must be from 1 to 2147483647");
  }
  POSTROAD_TRY(CheckRequest());
  const uint32_t id = NextStreamId();
  auto made = std::make_unique<StreamImpl>(*this, id, interaction, true);
  StreamImpl& stream = *made;
  stream.in_open_ = true;
  stream.in_credit_.Add(interaction == Interaction::kResponse ? 1 : initial_n);
  stream.out_open_ = interaction == Interaction::kChannel && !complete;
  stream.handler_ = std::move(handler);
  streams_.emplace(id, std::move(made));
  MessageHead head{.stream = id, .type = FrameType::kRequestResponse};
  if (interaction == Interaction::kStream) head.type = FrameType::kRequestStream;
  if (interaction == Interaction::kChannel) {
    head.type = FrameType::kRequestChannel;
    head.complete = complete;
  }
  head.initial_n = interaction == Interaction::kResponse ? 0 : initial_n;
  SendMessage(head, payload);
  if (state_ == State::kEnded) return Fail(ErrorCode::kUnavailable, end_.message);
  return &stream;
}

Status SessionImpl::FireAndForget(const EncodedPayload& payload) {
  const Scope scope(*this);
  POSTROAD_TRY(CheckRequest());
  SendMessage({.stream = NextStreamId(), .type = FrameType::kRequestFnf}, payload);
  return {};
}

Status SessionImpl::MetadataPush(std::string_view metadata) {
  const Scope scope(*this);
  if (state_ == State::kEnded || !established_) {
    return Fail(ErrorCode::kUnavailable, "the session is not open");
  }
  SendControl(MetadataPushFrame{metadata});
  return {};
}

}  // namespace postroad::rsocket
