// Life and death of a session and its streams. See session.h.
#include "rsocket/session/session.h"

#include <algorithm>
#include <utility>

#include "core/free_memory.h"
#include "rsocket/session/session_impl.h"

namespace postroad::rsocket {

StreamHandlerPtr SessionHandler::OnRequest(Stream& stream, Interaction, const PayloadView&) {
  stream.Fail(ErrorFrameCode::kRejected, "no requests are answered here");
  return nullptr;
}

std::shared_ptr<Session> Session::Accept(SessionOptions options, Clock& clock,
                                         SessionTransport& transport,
                                         std::unique_ptr<SessionHandler> handler) {
  return std::make_shared<SessionImpl>(std::move(options), clock, transport, std::move(handler),
                                       false);
}

std::shared_ptr<Session> Session::Connect(SessionOptions options, SetupInfo setup, Clock& clock,
                                          SessionTransport& transport,
                                          std::unique_ptr<SessionHandler> handler) {
  auto session =
      std::make_shared<SessionImpl>(std::move(options), clock, transport, std::move(handler), true);
  session->Begin(std::move(setup));
  return session;
}

SessionImpl::SessionImpl(SessionOptions options, Clock& clock, SessionTransport& transport,
                         std::unique_ptr<SessionHandler> handler, bool client)
    : options_(std::move(options)),
      clock_(clock),
      transport_(&transport),
      client_(client),
      state_(client ? State::kOpen : State::kAwaitSetup),
      reassembly_(options_.incomplete),
      next_stream_(client ? 1 : 2),
      keepalive_limit_(options_.keepalives_per_second, options_.keepalive_burst),
      handler_(std::move(handler)) {
  opened_ = last_heard_ = last_keepalive_ = clock_.Monotonic();
}

SessionImpl::~SessionImpl() {
  streams_.clear();
  ended_streams_.clear();
}

void SessionImpl::Leave() {
  if (--depth_ > 0) return;
  // A handler's destructor may end further streams, by way of what it owns.
  while (!ended_streams_.empty()) {
    const auto doomed = std::exchange(ended_streams_, {});
  }
  if (peer_drains_ && streams_.empty() && state_ == State::kOpen) {
    End(end_, false);
  }
  if (HasOutput() || state_ == State::kEnded) OutputReady();
}

void SessionImpl::OutputReady() {
  if (transport_ == nullptr || std::exchange(told_ready_, true)) return;
  transport_->OutputReady();
}

StreamImpl* SessionImpl::Find(uint32_t id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second.get();
}

void SessionImpl::EndIfDone(StreamImpl& stream) {
  if (!stream.in_open_ && !stream.out_open_) Erase(stream);
}

void SessionImpl::Erase(StreamImpl& stream) {
  const auto found = streams_.find(stream.id_);
  if (found == streams_.end() || found->second.get() != &stream) return;
  stream.in_open_ = stream.out_open_ = false;
  if (stream.partial_) Release(*stream.partial_);
  stream.partial_.reset();
  if (!stream.requester_) --peer_streams_;
  ended_streams_.push_back(std::move(found->second));
  streams_.erase(found);
}

// The peer broke the rules of one stream: both sides hear of it. A requester has CANCEL for that.
void SessionImpl::StreamFault(StreamImpl& stream, ErrorFrameCode code, std::string_view message) {
  if (stream.requester_ && stream.interaction_ != Interaction::kChannel) {
    SendFrame(CancelFrame{stream.id_});
  } else {
    SendFrame(ErrorFrame{stream.id_, code, message});
  }
  Erase(stream);
  if (stream.handler_) stream.handler_->OnError(code, message);
}

void SessionImpl::Close(ErrorFrameCode code, std::string_view message) {
  const Scope scope(*this);
  End({code, std::string(message), false}, true);
}

void SessionImpl::End(EndReason reason, bool tell) {
  if (state_ == State::kEnded) return;
  const bool at_once = reason.code != ErrorFrameCode::kConnectionClose;
  state_ = State::kEnded;
  end_ = std::move(reason);
  peer_drains_ = false;
  if (at_once) {
    control_.Clear();
    data_.Clear();
  }
  // Handlers may look at the session while they are told, so it is as it will be.
  std::vector<StreamImpl*> open;
  for (auto& [id, stream] : std::exchange(streams_, {})) {
    stream->in_open_ = stream->out_open_ = false;
    open.push_back(stream.get());
    ended_streams_.push_back(std::move(stream));
  }
  peer_streams_ = 0;
  partial_requests_.clear();
  reassembly_.Hold(0);
  sent_ = ResumeBuffer();
  FreeMemory(blocked_);
  if (tell) {
    OutFrame frame;
    EncodeFrame(ErrorFrame{0, end_.code, end_.message}, frame.head);
    data_.Push(std::move(frame));  // behind all else
  }
  for (StreamImpl* const stream : open) {
    if (stream->handler_) stream->handler_->OnError(end_.code, end_.message);
  }
  handler_->OnClosed(end_);
}

}  // namespace postroad::rsocket
