// What comes in, frame by frame. What makes no sense where it comes is ignored (RSocket 1.0,
// Handling the Unexpected), and counted.
#include <algorithm>
#include <utility>

#include "rsocket/session/session_impl.h"

namespace postroad::rsocket {
namespace {

// RSocket 1.0, Implied Position.
bool CountsForPosition(std::string_view bytes) {
  switch (static_cast<FrameType>(static_cast<uint8_t>(bytes[4]) >> 2)) {
    case FrameType::kRequestResponse:
    case FrameType::kRequestFnf:
    case FrameType::kRequestStream:
    case FrameType::kRequestChannel:
    case FrameType::kRequestN:
    case FrameType::kCancel:
    case FrameType::kPayload:
    case FrameType::kError:
      return true;
    default:
      return false;
  }
}

Interaction InteractionOf(FrameType type) {
  if (type == FrameType::kRequestStream) return Interaction::kStream;
  return type == FrameType::kRequestChannel ? Interaction::kChannel : Interaction::kResponse;
}

}  // namespace

void SessionImpl::Receive(std::string_view bytes) {
  const Scope scope(*this);
  if (state_ == State::kEnded || state_ == State::kSuspended) return;
  if (bytes.size() > options_.max_frame_bytes) {
    return End({ErrorFrameCode::kConnectionError,
                "a frame of " + std::to_string(bytes.size()) + " bytes; at most " +
                    std::to_string(options_.max_frame_bytes) + " are taken",
                false},
               true);
  }
  if (state_ == State::kAwaitSetup) return AwaitSetup(bytes);
  const auto frame = DecodeFrame(bytes);
  if (!frame) {
    if (frame.error().ignore || frame.error().type == FrameType::kMetadataPush) {
      return Ignore(frame.error().message);
    }
    return End({ErrorFrameCode::kConnectionError, frame.error().message, false}, true);
  }
  if (resumable_ && CountsForPosition(bytes)) received_position_ += bytes.size();
  std::visit([this](const auto& one) { On(one); }, *frame);
}

void SessionImpl::On(const SetupFrame&) { Ignore("SETUP again"); }

void SessionImpl::On(const LeaseFrame& frame) {
  if (!setup_.lease) return Ignore("LEASE, though SETUP did not ask for leases");
  held_.Grant(frame.requests, clock_.Monotonic() + std::chrono::milliseconds(frame.ttl_ms));
}

void SessionImpl::On(const KeepaliveFrame& frame) {
  if (resumable_) sent_.Acknowledge(frame.position);
  if (!frame.respond) return;
  if (frame.data.size() > options_.max_keepalive_bytes) {
    return End({ErrorFrameCode::kConnectionError,
                "KEEPALIVE with " + std::to_string(frame.data.size()) + " bytes of data; at most " +
                    std::to_string(options_.max_keepalive_bytes) + " are echoed",
                false},
               true);
  }
  if (!keepalive_limit_.Take(last_heard_)) {
    return End({ErrorFrameCode::kConnectionError,
                "too many KEEPALIVEs: at most " + std::to_string(options_.keepalives_per_second) +
                    " a second are answered",
                false},
               true);
  }
  SendControl(KeepaliveFrame{false, received_position_, frame.data});
  last_keepalive_ = last_heard_;
}

void SessionImpl::RefuseRequest(const RequestFrame& frame, ErrorFrameCode code,
                                std::string_view message) {
  // Nobody waits for the answer of a fire-and-forget.
  if (frame.type == FrameType::kRequestFnf) return Ignore(message);
  SendFrame(ErrorFrame{frame.stream, code, message});
}

bool SessionImpl::Admit(const RequestFrame& frame) {
  const bool fnf = frame.type == FrameType::kRequestFnf;
  const bool credited = InteractionOf(frame.type) != Interaction::kResponse;
  if (frame.stream == 0 || frame.stream % 2 != (client_ ? 0 : 1)) {
    End({ErrorFrameCode::kConnectionError,
         FrameTypeName(frame.type) + " on stream " + std::to_string(frame.stream) + "; a " +
             (client_ ? "server's requests have even ids" : "client's requests have odd ids"),
         false},
        true);
    return false;
  }
  if (Find(frame.stream) != nullptr || partial_requests_.contains(frame.stream)) {
    Ignore(FrameTypeName(frame.type) + " on a stream in use");
    return false;
  }
  if (setup_.lease && !granted_.Take(last_heard_)) {
    RefuseRequest(frame, ErrorFrameCode::kRejected, "the lease is used up");
    return false;
  }
  if (credited && frame.initial_n == 0) {
    RefuseRequest(frame, ErrorFrameCode::kInvalid, "the initial request-N must be more than 0");
    return false;
  }
  if (!fnf && peer_streams_ + partial_requests_.size() >= options_.max_streams) {
    RefuseRequest(frame, ErrorFrameCode::kRejected,
                  "there are " + std::to_string(options_.max_streams) +
                      " streams open, which is the most a connection may have");
    return false;
  }
  return true;
}

void SessionImpl::On(const RequestFrame& frame) {
  if (state_ != State::kOpen || !Admit(frame)) return;
  if (!frame.follows) {
    return Dispatch(frame.stream, frame.type, frame.initial_n, frame.complete, frame.payload);
  }
  if (partial_requests_.size() >= options_.max_streams) {
    return RefuseRequest(frame, ErrorFrameCode::kRejected, "too many requests are incomplete");
  }
  Reassembly partial;
  partial.type = frame.type;
  partial.initial_n = frame.initial_n;
  partial.complete = frame.complete;
  if (auto grown = Grow(partial, frame.payload); !grown) {
    return RefuseRequest(frame, grown.error().code, grown.error().message);
  }
  partial_requests_.emplace(frame.stream, std::move(partial));
}

void SessionImpl::Dispatch(uint32_t id, FrameType type, uint32_t initial_n, bool complete,
                           const PayloadView& payload) {
  if (type == FrameType::kRequestFnf) return handler_->OnFireAndForget(payload);
  const Interaction interaction = InteractionOf(type);
  auto made = std::make_unique<StreamImpl>(*this, id, interaction, false);
  StreamImpl& stream = *made;
  stream.out_open_ = true;
  stream.in_open_ = interaction == Interaction::kChannel && !complete;
  stream.out_credit_.Add(interaction == Interaction::kResponse ? 1 : initial_n);
  streams_.emplace(id, std::move(made));
  ++peer_streams_;
  StreamHandlerPtr handler = handler_->OnRequest(stream, interaction, payload);
  stream.handler_ = std::move(handler);
  if (Find(id) != &stream) return;  // it has ended already
  if (!stream.handler_) {
    stream.Fail(ErrorFrameCode::kApplicationError, "the request was not answered");
  } else if (stream.Room() > 0) {
    stream.handler_->OnRoom();
  }
}

std::expected<void, Refusal> SessionImpl::Grow(Reassembly& partial, const PayloadView& fragment) {
  const auto refuse = [&](ErrorFrameCode code, std::string why) {
    Release(partial);
    return std::unexpected(Refusal{code, std::move(why)});
  };
  if (fragment.size() > options_.max_reassembly_bytes - reassembly_.held()) {
    return refuse(ErrorFrameCode::kInvalid, "the connection's incomplete messages exceed " +
                                                std::to_string(options_.max_reassembly_bytes) +
                                                " bytes");
  }
  if (!reassembly_.Hold(reassembly_.held() + fragment.size())) {
    return refuse(ErrorFrameCode::kRejected, options_.incomplete->WhyNot());
  }
  const size_t before = partial.bytes();
  if (auto added = partial.Add(fragment, options_.max_payload_bytes); !added) {
    reassembly_.Hold(reassembly_.held() - (before + fragment.size() - partial.bytes()));
    return refuse(ErrorFrameCode::kInvalid, std::move(added).error());
  }
  return {};
}

void SessionImpl::AddRequestFragment(const PayloadFrame& frame) {
  const auto found = partial_requests_.find(frame.stream);
  auto grown = Grow(found->second, frame.payload);
  if (grown && frame.follows) return;
  const Reassembly request = std::move(found->second);
  partial_requests_.erase(found);
  if (!grown) {
    RequestFrame refused{.stream = frame.stream, .type = request.type};
    return RefuseRequest(refused, grown.error().code, grown.error().message);
  }
  Release(request);
  const bool complete = request.complete || frame.complete;
  Dispatch(frame.stream, request.type, request.initial_n, complete, request.view());
}

void SessionImpl::On(const PayloadFrame& frame) {
  if (partial_requests_.contains(frame.stream)) return AddRequestFragment(frame);
  StreamImpl* const stream = Find(frame.stream);
  if (stream == nullptr) return Ignore("PAYLOAD on a stream that is not open");
  if (!stream->in_open_) return Ignore("PAYLOAD on a stream whose peer has completed");
  if (stream->partial_ || frame.follows) return AddPayloadFragment(*stream, frame);
  if (!frame.next && !frame.complete) return Ignore("PAYLOAD with neither Next nor Complete");
  OnWholePayload(*stream, frame.payload, frame.next, frame.complete);
}

void SessionImpl::AddPayloadFragment(StreamImpl& stream, const PayloadFrame& frame) {
  if (!stream.partial_) stream.partial_ = std::make_unique<Reassembly>();
  auto grown = Grow(*stream.partial_, frame.payload);
  if (!grown) {
    stream.partial_.reset();
    return StreamFault(stream, grown.error().code, grown.error().message);
  }
  if (frame.follows) return;
  const auto whole = std::move(stream.partial_);
  Release(*whole);
  OnWholePayload(stream, whole->view(), true, frame.complete);
}

void SessionImpl::OnWholePayload(StreamImpl& stream, const PayloadView& payload, bool next,
                                 bool complete) {
  // "If a PAYLOAD for a REQUEST_RESPONSE is received that does not have a COMPLETE flag set, the
  // implementation MUST assume it is set."
  if (stream.interaction_ == Interaction::kResponse) complete = true;
  if (next && !stream.in_credit_.Take()) {
    return StreamFault(stream, ErrorFrameCode::kInvalid, "more payloads came than were asked for");
  }
  StreamHandler* const handler = stream.handler_.get();
  if (complete) {
    stream.in_open_ = false;
    EndIfDone(stream);
  }
  if (handler == nullptr) return;
  if (next) return handler->OnPayload(payload, complete);
  handler->OnComplete();
}

void SessionImpl::On(const RequestNFrame& frame) {
  StreamImpl* const stream = Find(frame.stream);
  if (stream == nullptr) return Ignore("REQUEST_N on a stream that is not open");
  if (!stream->out_open_) return Ignore("REQUEST_N on a stream that we have completed");
  if (frame.n == 0) {
    return StreamFault(*stream, ErrorFrameCode::kInvalid, "request-N must be more than 0");
  }
  if (stream->interaction_ == Interaction::kResponse) return;
  stream->out_credit_.Add(frame.n);
  if (stream->handler_ && stream->Room() > 0) stream->handler_->OnRoom();
}

void SessionImpl::On(const CancelFrame& frame) {
  if (const auto found = partial_requests_.find(frame.stream); found != partial_requests_.end()) {
    Release(found->second);
    partial_requests_.erase(found);
    return;
  }
  StreamImpl* const stream = Find(frame.stream);
  if (stream == nullptr) return Ignore("CANCEL on a stream that is not open");
  stream->out_open_ = false;
  // A responder's CANCEL of a channel stops our payloads; a requester's ends the stream.
  if (stream->requester_) {
    EndIfDone(*stream);
  } else {
    Erase(*stream);
  }
  if (stream->handler_) stream->handler_->OnCancel();
}

void SessionImpl::On(const ErrorFrame& frame) {
  if (frame.stream == 0) return OnConnectionError(frame);
  StreamImpl* const stream = Find(frame.stream);
  if (stream == nullptr) return Ignore("ERROR on a stream that is not open");
  Erase(*stream);
  if (stream->handler_) stream->handler_->OnError(frame.code, frame.message);
}

void SessionImpl::OnConnectionError(const ErrorFrame& frame) {
  const bool about_setup = frame.code == ErrorFrameCode::kInvalidSetup ||
                           frame.code == ErrorFrameCode::kUnsupportedSetup ||
                           frame.code == ErrorFrameCode::kRejectedSetup ||
                           frame.code == ErrorFrameCode::kRejectedResume;
  if (about_setup && !client_) return Ignore(ErrorFrameCodeName(frame.code) + " from a client");
  EndReason reason{frame.code, std::string(frame.message), true};
  if (frame.code != ErrorFrameCode::kConnectionClose) return End(std::move(reason), false);
  // It finishes what is open and then closes: so do we.
  peer_drains_ = true;
  end_ = std::move(reason);
}

void SessionImpl::On(const MetadataPushFrame& frame) {
  if (state_ == State::kOpen) handler_->OnMetadataPush(frame.metadata);
}

void SessionImpl::On(const ResumeFrame&) {
  End({ErrorFrameCode::kConnectionError, "RESUME on a connection that is set up", false}, true);
}

void SessionImpl::On(const ResumeOkFrame& frame) {
  if (state_ != State::kAwaitResumeOk) return Ignore("RESUME_OK without RESUME");
  OnResumeOk(frame);
}

void SessionImpl::On(const UnknownFrame& frame) {
  if (frame.ignore) return Ignore(FrameTypeName(frame.type));
  End({ErrorFrameCode::kConnectionError,
       FrameTypeName(frame.type) + " is not known here, and does not say that it may be ignored",
       false},
      true);
}

}  // namespace postroad::rsocket
