// The session's insides, shared by its .cc files.
#ifndef POSTROAD_RSOCKET_SESSION_SESSION_IMPL_H_
#define POSTROAD_RSOCKET_SESSION_SESSION_IMPL_H_

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "rsocket/session/budget.h"
#include "rsocket/session/credit.h"
#include "rsocket/session/rate_limit.h"
#include "rsocket/session/reassembly.h"
#include "rsocket/session/send_queue.h"
#include "rsocket/session/session.h"

namespace postroad::rsocket {

class SessionImpl;

class StreamImpl final : public Stream {
 public:
  StreamImpl(SessionImpl& session, uint32_t id, Interaction interaction, bool requester)
      : session_(session), id_(id), interaction_(interaction), requester_(requester) {}

  uint32_t id() const override { return id_; }
  uint64_t Room() override;
  Status Send(EncodedPayload payload, bool complete) override;
  void Complete() override;
  void Fail(ErrorFrameCode code, std::string_view message) override;
  void Cancel() override;
  void Request(uint32_t n) override;

 private:
  friend class SessionImpl;

  SessionImpl& session_;
  const uint32_t id_;
  const Interaction interaction_;
  const bool requester_;
  bool out_open_ = false;  // we may send payloads (once there is credit)
  bool in_open_ = false;   // the peer may
  bool blocked_ = false;   // saw no room for want of room in the queue
  Credit out_credit_, in_credit_;
  StreamHandlerPtr handler_;
  std::unique_ptr<Reassembly> partial_;  // of a payload whose fragments are coming
};

// A lease as its holder counts it down.
class Lease {
 public:
  void Grant(uint32_t requests, MonotonicTime expires) {
    left_ = requests;
    expires_ = expires;
  }
  bool Take(MonotonicTime now) {
    if (left_ == 0 || now >= expires_) return false;
    --left_;
    return true;
  }
  MonotonicTime expires() const { return expires_; }

 private:
  uint32_t left_ = 0;
  MonotonicTime expires_{};
};

class SessionImpl final : public Session {
 public:
  SessionImpl(SessionOptions options, Clock& clock, SessionTransport& transport,
              std::unique_ptr<SessionHandler> handler, bool client);
  ~SessionImpl() override;
  void Begin(SetupInfo setup);  // the connecting side

  void Receive(std::string_view frame) override;
  void ReceivedBytes() override { last_heard_ = clock_.Monotonic(); }
  void TakeOutput(size_t max_bytes, std::vector<OutFrame>& out) override;
  bool HasOutput() const override {
    return state_ != State::kSuspended && (!control_.empty() || DataMayGo());
  }
  bool Congested() const override { return queued_bytes() >= options_.max_queued_bytes / 2; }
  void Tick() override;
  std::optional<MonotonicTime> NextTick() const override;
  bool Disconnected(std::string reason) override;
  std::string Claim() const override { return handler_->Claim(); }
  std::expected<void, Refusal> MayResume(const std::string& claim) override {
    return handler_->MayResume(claim);
  }
  bool Resume(const ResumeFrame& resume, SessionTransport& transport) override;
  void Reconnect(SessionTransport& transport) override;
  bool ended() const override { return state_ == State::kEnded; }
  bool suspended() const override { return state_ == State::kSuspended; }
  SessionTransport* transport() const override {
    return state_ == State::kEnded ? nullptr : transport_;
  }
  const EndReason& end_reason() const override { return end_; }
  const SetupInfo& setup() const override { return setup_; }
  bool established() const override { return established_; }
  Result<Stream*> Request(Interaction interaction, const EncodedPayload& payload,
                          uint32_t initial_n, StreamHandlerPtr handler, bool complete) override;
  Status FireAndForget(const EncodedPayload& payload) override;
  Status MetadataPush(std::string_view metadata) override;
  void Close(ErrorFrameCode code, std::string_view message) override;
  size_t open_streams() const override { return streams_.size(); }
  size_t waiting_for_room() const { return blocked_.size(); }

 private:
  friend class StreamImpl;
  enum class State : uint8_t {
    kAwaitSetup,  // accepting side: nothing came yet
    kOpen,
    kAwaitResumeOk,  // connecting side: RESUME was sent
    kSuspended,      // connection lost, waits to be resumed
    kEnded,
  };

  // Around every call from outside: what ended during it is destroyed, and the transport told.
  class Scope {
   public:
    explicit Scope(SessionImpl& session) : session_(session) { ++session_.depth_; }
    ~Scope() { session_.Leave(); }
    Scope(const Scope&) = delete;

   private:
    SessionImpl& session_;
  };
  void Leave();

  // --- session_setup.cc ---
  void AwaitSetup(std::string_view bytes);
  void Accept(const SetupFrame& setup);
  std::optional<Refusal> WrongWith(const SetupFrame& setup) const;
  void OnResumeOk(const ResumeOkFrame& frame);
  void SendAgainFrom(uint64_t position);
  void SendResume();

  // --- session_receive.cc ---
  void On(const SetupFrame& frame);
  void On(const LeaseFrame& frame);
  void On(const KeepaliveFrame& frame);
  void On(const RequestFrame& frame);
  void On(const RequestNFrame& frame);
  void On(const CancelFrame& frame);
  void On(const PayloadFrame& frame);
  void On(const ErrorFrame& frame);
  void On(const MetadataPushFrame& frame);
  void On(const ResumeFrame& frame);
  void On(const ResumeOkFrame& frame);
  void On(const UnknownFrame& frame);
  void OnConnectionError(const ErrorFrame& frame);
  // Whether the request may be taken; it was answered if not.
  bool Admit(const RequestFrame& frame);
  void RefuseRequest(const RequestFrame& frame, ErrorFrameCode code, std::string_view message);
  void Dispatch(uint32_t stream, FrameType type, uint32_t initial_n, bool complete,
                const PayloadView& payload);
  void OnWholePayload(StreamImpl& stream, const PayloadView& payload, bool next, bool complete);
  void AddRequestFragment(const PayloadFrame& frame);
  void AddPayloadFragment(StreamImpl& stream, const PayloadFrame& frame);
  // A message from fragments is done with: what it counted for is free again.
  void Release(const Reassembly& partial) {
    reassembly_.Hold(reassembly_.held() - partial.bytes());
  }
  std::expected<void, Refusal> Grow(Reassembly& partial, const PayloadView& fragment);

  // --- session_send.cc ---
  void SendControl(const Frame& frame);
  void SendFrame(const Frame& frame);  // of a stream
  void SendMessage(const MessageHead& head, const EncodedPayload& payload);
  Status CheckRequest();
  uint32_t NextStreamId();
  size_t queued_bytes() const { return control_.bytes() + data_.bytes(); }
  bool QueueTakes();
  // Until RESUME_OK came, nothing but RESUME goes.
  bool DataMayGo() const { return !data_.empty() && state_ != State::kAwaitResumeOk; }
  void MoveOutput(size_t max_bytes, size_t& bytes, std::vector<OutFrame>& out);
  void GiveRoom();
  void Block(uint32_t stream);
  void OutputReady();

  // --- session_clock.cc ---
  MonotonicTime KeepaliveDue() const;
  MonotonicTime SilentUntil() const;
  void Silent(Duration silence);
  void SendKeepalive();
  void GrantLease();

  // --- streams ---
  StreamImpl* Find(uint32_t id);
  // Takes the stream out if both directions are done.
  void EndIfDone(StreamImpl& stream);
  void Erase(StreamImpl& stream);
  void StreamFault(StreamImpl& stream, ErrorFrameCode code, std::string_view message);
  void Ignore(std::string_view what) { handler_->OnIgnored(what); }
  // Ends the session; ERROR is sent before if `tell`.
  void End(EndReason reason, bool tell);
  void ResetConnection();

  const SessionOptions options_;
  Clock& clock_;
  SessionTransport* transport_;
  const bool client_;
  bool established_ = false;
  bool peer_drains_ = false;  // it sent CONNECTION_CLOSE
  bool told_ready_ = false;
  bool resumable_ = false;
  State state_;
  int depth_ = 0;
  SetupInfo setup_;
  EndReason end_;

  std::unordered_map<uint32_t, std::unique_ptr<StreamImpl>> streams_;
  std::vector<std::unique_ptr<StreamImpl>> ended_streams_;  // destroyed when the call is over
  std::vector<uint32_t> blocked_;                           // streams that wait for room
  // Requests whose fragments are coming, by stream.
  std::unordered_map<uint32_t, Reassembly> partial_requests_;
  Budget::Share reassembly_;  // their bytes, and those of payloads whose fragments are coming
  uint32_t peer_streams_ = 0;
  uint32_t next_stream_;

  FrameQueue control_;  // frames of the connection, which go first
  FrameQueue data_;
  ResumeBuffer sent_;
  uint64_t received_position_ = 0;

  MonotonicTime opened_{}, last_heard_{}, last_keepalive_{}, suspended_at_{};
  RateLimit keepalive_limit_;
  Lease granted_, held_;  // by us to the peer, and by the peer to us

  // Last, so that it goes first and streams before it.
  std::unique_ptr<SessionHandler> handler_;
};

}  // namespace postroad::rsocket

#endif  // POSTROAD_RSOCKET_SESSION_SESSION_IMPL_H_
