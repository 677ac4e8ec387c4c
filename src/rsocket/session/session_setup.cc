// How a session begins, and how it is resumed (RSocket 1.0, Connection Establishment and Resuming
// Operation).
#include <utility>

#include "core/free_memory.h"
#include "rsocket/session/session_impl.h"

namespace postroad::rsocket {
namespace {

Refusal Invalid(std::string message) { return {ErrorFrameCode::kInvalidSetup, std::move(message)}; }

SetupInfo ToInfo(const SetupFrame& frame) {
  SetupInfo info;
  info.keepalive_ms = frame.keepalive_ms;
  info.lifetime_ms = frame.lifetime_ms;
  info.metadata_mime = frame.metadata_mime;
  info.data_mime = frame.data_mime;
  if (frame.payload.metadata) info.metadata = *frame.payload.metadata;
  info.data = frame.payload.data;
  if (frame.resume_token) info.resume_token = *frame.resume_token;
  info.lease = frame.lease;
  return info;
}

SetupFrame ToFrame(const SetupInfo& info) {
  SetupFrame frame{.keepalive_ms = info.keepalive_ms,
                   .lifetime_ms = info.lifetime_ms,
                   .lease = info.lease,
                   .metadata_mime = info.metadata_mime,
                   .data_mime = info.data_mime,
                   .payload = info.payload()};
  if (info.resume_token) frame.resume_token = *info.resume_token;
  return frame;
}

}  // namespace

void SessionImpl::Begin(SetupInfo setup) {
  const Scope scope(*this);
  setup_ = std::move(setup);
  resumable_ = setup_.resume_token && options_.resume_window > Duration{};
  if (!resumable_) setup_.resume_token.reset();
  sent_ = ResumeBuffer(resumable_ ? options_.resume_bytes : 0);
  SendControl(ToFrame(setup_));
  established_ = true;
  if (setup_.lease) GrantLease();
}

// The first frame of an accepted connection.
void SessionImpl::AwaitSetup(std::string_view bytes) {
  const auto frame = DecodeFrame(bytes);
  if (!frame) return End({ErrorFrameCode::kInvalidSetup, frame.error().message, false}, true);
  if (const auto* setup = std::get_if<SetupFrame>(&*frame)) return Accept(*setup);
  if (std::holds_alternative<ResumeFrame>(*frame)) {
    return End({ErrorFrameCode::kRejectedResume,
                "there is no session with this token: it has ended, or was another server's; "
                "connect anew",
                false},
               true);
  }
  const auto type = static_cast<FrameType>(static_cast<uint8_t>(bytes[4]) >> 2);
  End({ErrorFrameCode::kInvalidSetup,
       "the first frame is " + FrameTypeName(type) + "; it must be SETUP or RESUME", false},
      true);
}

std::optional<Refusal> SessionImpl::WrongWith(const SetupFrame& setup) const {
  if (setup.version.major != 1) {
    return Refusal{ErrorFrameCode::kUnsupportedSetup,
                   "RSocket " + std::to_string(setup.version.major) + "." +
                       std::to_string(setup.version.minor) + " is not spoken here; 1.0 is"};
  }
  if (setup.keepalive_ms == 0) return Invalid("the keepalive interval must be more than 0");
  if (setup.lifetime_ms == 0) return Invalid("the lifetime must be more than 0");
  if (setup.resume_token && (setup.resume_token->size() < options_.min_resume_token_bytes ||
                             setup.resume_token->size() > kMaxResumeTokenBytes)) {
    return Invalid("the resume token has " + std::to_string(setup.resume_token->size()) +
                   " bytes; it is what a session is known by, and needs " +
                   std::to_string(options_.min_resume_token_bytes) + " to " +
                   std::to_string(kMaxResumeTokenBytes) + " bytes that nobody can guess");
  }
  if (setup.resume_token && options_.resume_window == Duration{}) {
    return Refusal{ErrorFrameCode::kUnsupportedSetup,
                   "sessions are not resumed here; connect without a resume token"};
  }
  return std::nullopt;
}

void SessionImpl::Accept(const SetupFrame& setup) {
  if (auto refusal = WrongWith(setup)) {
    return End({refusal->code, std::move(refusal->message), false}, true);
  }
  setup_ = ToInfo(setup);
  resumable_ = setup_.resume_token.has_value();
  sent_ = ResumeBuffer(resumable_ ? options_.resume_bytes : 0);
  state_ = State::kOpen;
  auto accepted = handler_->OnSetup(*this, setup_);
  if (state_ != State::kOpen) return;
  if (!accepted) return End({accepted.error().code, accepted.error().message, false}, true);
  established_ = true;
  FreeMemory(setup_.data);  // it was the handler's to keep
  setup_.metadata.reset();
  if (setup_.lease) GrantLease();
}

void SessionImpl::ResetConnection() {
  control_.Clear();
  granted_ = held_ = {};
  last_heard_ = last_keepalive_ = clock_.Monotonic();
}

bool SessionImpl::Disconnected(std::string reason) {
  const Scope scope(*this);
  if (state_ == State::kEnded) return false;
  if (!established_ || !resumable_ || peer_drains_) {
    if (peer_drains_) reason = end_.message;
    End({ErrorFrameCode::kConnectionClose, std::move(reason), true}, false);
    return false;
  }
  transport_ = nullptr;
  if (state_ == State::kSuspended) return true;
  const bool news = state_ == State::kOpen;
  state_ = State::kSuspended;
  ResetConnection();
  suspended_at_ = clock_.Monotonic();
  if (news) handler_->OnSuspended();
  return state_ == State::kSuspended;
}

bool SessionImpl::Resume(const ResumeFrame& resume, SessionTransport& transport) {
  const Scope scope(*this);
  if (state_ == State::kEnded) return false;
  const bool news = state_ == State::kSuspended;
  std::string fault;
  if (!sent_.CanResumeFrom(resume.last_received_server)) {
    fault = "what was sent from position " + std::to_string(resume.last_received_server) +
            " on is not kept any more";
  } else if (resume.first_available_client > received_position_) {
    fault = "the client keeps frames from position " +
            std::to_string(resume.first_available_client) + " only, and those from " +
            std::to_string(received_position_) + " on have not come";
  }
  if (!fault.empty()) {
    transport_ = nullptr;
    End({ErrorFrameCode::kRejectedResume, std::move(fault), false}, false);
    return false;
  }
  if (!news) handler_->OnSuspended();
  transport_ = &transport;
  told_ready_ = false;
  state_ = State::kOpen;
  ResetConnection();
  SendControl(ResumeOkFrame{received_position_});
  SendAgainFrom(resume.last_received_server);
  if (setup_.lease) GrantLease();
  handler_->OnResumed();
  return true;
}

void SessionImpl::SendAgainFrom(uint64_t position) { data_.PushFront(sent_.Rewind(position)); }

void SessionImpl::Reconnect(SessionTransport& transport) {
  const Scope scope(*this);
  if (state_ != State::kSuspended) return;
  transport_ = &transport;
  told_ready_ = false;
  state_ = State::kAwaitResumeOk;
  ResetConnection();
  SendControl(ResumeFrame{.token = *setup_.resume_token,
                          .last_received_server = received_position_,
                          .first_available_client = sent_.begin()});
}

void SessionImpl::OnResumeOk(const ResumeOkFrame& frame) {
  if (!sent_.CanResumeFrom(frame.last_received_client)) {
    return End({ErrorFrameCode::kConnectionError,
                "what was sent from position " + std::to_string(frame.last_received_client) +
                    " on is not kept any more",
                false},
               true);
  }
  state_ = State::kOpen;
  SendAgainFrom(frame.last_received_client);
  if (setup_.lease) GrantLease();
  handler_->OnResumed();
}

}  // namespace postroad::rsocket
