// One RSocket session: frames in, frames out, no sockets. Both sides can ask and both can answer;
// the same class serves a connection that was accepted and one that was made.
//
// A session belongs to one thread. What it is told (a frame, a disconnect, the time) and what the
// application does (Send, Request, …) may call the handlers, and handlers may call all of it again.
#ifndef POSTROAD_RSOCKET_SESSION_SESSION_H_
#define POSTROAD_RSOCKET_SESSION_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/time.h"
#include "rsocket/framing/frame.h"
#include "rsocket/session/payload.h"
#include "runtime/clock.h"

namespace postroad::rsocket {

class Session;
class Budget;

inline constexpr size_t kMaxResumeTokenBytes = 256;

// How much a peer may make us hold and do; beyond it is an error that says so.
struct SessionOptions {
  size_t max_frame_bytes = kMaxFrameBytes;  // of a frame that comes in
  size_t max_payload_bytes = 16 << 20;      // of a message put together from fragments
  size_t max_reassembly_bytes = 32 << 20;   // of all messages that are not whole yet
  std::shared_ptr<Budget> incomplete;       // those of all connections share it; null: no limit
  size_t fragment_bytes = kMaxFrameBytes;   // longer messages go out in frames of this
  uint32_t max_streams = 1'000;             // open at once, that the peer began
  size_t pause_queued_bytes = 256 << 10;    // with this much to be sent there is no Room
  size_t max_queued_bytes = 2 << 20;        // with this much the peer does not read: the end
  size_t max_keepalive_bytes = 1 << 10;     // of data to be echoed
  uint32_t keepalives_per_second = 20;      // echoed in the long run
  uint32_t keepalive_burst = 60;
  Duration setup_timeout = std::chrono::seconds(10);
  // However long a lifetime the client asks for, it is taken for gone after this much silence.
  Duration max_lifetime = std::chrono::minutes(5);
  // How long a session whose connection is lost waits to be resumed; 0: none is.
  Duration resume_window{};
  size_t resume_bytes = 256 << 10;  // sent frames kept in case they have to be sent again
  // Whoever shows a token is taken for its session's client: where clients show credentials it
  // should be too long to be guessed.
  size_t min_resume_token_bytes = 1;
  // What a client that asks for leases is granted, again and again.
  uint32_t lease_requests = kMaxRequestN;
  Duration lease_ttl = std::chrono::hours(24);
};

// How a connection begins.
struct SetupInfo {
  uint32_t keepalive_ms = 60'000;
  uint32_t lifetime_ms = 180'000;
  std::string metadata_mime{"message/x.rsocket.composite-metadata.v0"};
  std::string data_mime{"application/octet-stream"};
  std::optional<std::string> metadata;
  std::string data;
  std::optional<std::string> resume_token;
  bool lease = false;

  PayloadView payload() const {
    return {metadata ? std::optional<std::string_view>(*metadata) : std::nullopt, data};
  }
};

// Why a session ended, or refuses.
struct EndReason {
  ErrorFrameCode code = ErrorFrameCode::kConnectionClose;
  std::string message;
  bool by_peer = false;  // an ERROR of the peer's, or a connection lost
};

enum class Interaction : uint8_t { kResponse, kStream, kChannel };

// The library's side of one stream, as its handler sees it. Lives exactly as long as the handler.
class Stream {
 public:
  virtual ~Stream() = default;
  virtual uint32_t id() const = 0;
  // How many payloads may be sent now: what the peer has asked for, 0 while too much waits to be
  // sent. After 0 the handler's OnRoom is called when that changes.
  virtual uint64_t Room() = 0;
  // Sends a payload, and with `complete` nothing after it. Takes one of what the peer has asked
  // for; FAILED_PRECONDITION if there is nothing left of that, or our side has ended. The answer to
  // a request-response is always the last.
  virtual Status Send(EncodedPayload payload, bool complete = false) = 0;
  Status Send(const PayloadView& payload, bool complete = false) {
    return Send(EncodedPayload(payload), complete);
  }
  virtual void Complete() = 0;
  // Ends the stream with an error, in both directions.
  virtual void Fail(ErrorFrameCode code, std::string_view message) = 0;
  // Wants nothing more from the peer. A requester's stream ends by it.
  virtual void Cancel() = 0;
  // Asks the peer for `n` more payloads. 0 does nothing.
  virtual void Request(uint32_t n) = 0;
};

// The application's side of one stream. Once both directions are done, by whomever, it is destroyed
// (after the call that it is in); of its stream only id() may be used then. Not told what it did
// itself.
class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  // A payload may be sent (see Stream::Room). Called first right after the request was taken.
  virtual void OnRoom() {}
  // A payload came. If `complete`, it is the last, and OnComplete is not called.
  virtual void OnPayload(const PayloadView& payload, bool complete) {}
  virtual void OnComplete() {}
  // The peer wants nothing more from us.
  virtual void OnCancel() {}
  // The stream failed by an ERROR of the peer's, or with its session.
  virtual void OnError(ErrorFrameCode code, std::string_view message) {}
};
using StreamHandlerPtr = std::unique_ptr<StreamHandler>;

struct Refusal {
  ErrorFrameCode code = ErrorFrameCode::kRejectedSetup;
  std::string message;
};

// The application's side of a session. Views are valid during the call.
class SessionHandler {
 public:
  virtual ~SessionHandler() = default;
  // A client connected. `session` lives as long as this handler; it can send requests once this
  // has returned.
  virtual std::expected<void, Refusal> OnSetup(Session& session, const SetupInfo& setup) {
    return {};
  }
  // A request whose stream `stream` is. Without a handler (null) it must have been failed.
  virtual StreamHandlerPtr OnRequest(Stream& stream, Interaction interaction,
                                     const PayloadView& payload);
  virtual void OnFireAndForget(const PayloadView& payload) {}
  virtual void OnMetadataPush(std::string_view metadata) {}
  // Something of the peer's was left out: a frame that makes no sense, a fire-and-forget beyond a
  // limit. For counting and debugging.
  virtual void OnIgnored(std::string_view what) {}
  // What the connection showed of who it is before its first frame; where it comes with RESUME, the
  // session that it names is asked by MayResume whether it is this one's.
  virtual std::string Claim() const { return {}; }
  virtual std::expected<void, Refusal> MayResume(const std::string& claim) { return {}; }
  // The connection is lost and the session waits to be resumed; and it was.
  virtual void OnSuspended() {}
  virtual void OnResumed() {}
  // The last call. Streams have been told before.
  virtual void OnClosed(const EndReason& reason) {}
};

// The transport's side, as the session sees it.
class SessionTransport {
 public:
  virtual ~SessionTransport() = default;
  // There is something to be taken by TakeOutput, or the session has ended, or gives this transport
  // up (suspended). Told once until TakeOutput is called. To be remembered, not acted on within the
  // call.
  virtual void OutputReady() = 0;
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  // The accepting side, which waits for SETUP.
  static std::shared_ptr<Session> Accept(SessionOptions options, Clock& clock,
                                         SessionTransport& transport,
                                         std::unique_ptr<SessionHandler> handler);
  // The connecting side, which sends SETUP.
  static std::shared_ptr<Session> Connect(SessionOptions options, SetupInfo setup, Clock& clock,
                                          SessionTransport& transport,
                                          std::unique_ptr<SessionHandler> handler);
  virtual ~Session() = default;

  // --- The transport's calls ---
  // Bytes came, perhaps many frames, perhaps none whole: the peer lives. Called before Receive,
  // once for what was read at once.
  virtual void ReceivedBytes() = 0;
  // One frame came.
  virtual void Receive(std::string_view frame) = 0;
  // Moves frames to be sent into `out`, in order, until they have `max_bytes` or more or there are
  // no more. What waited for room is sent meanwhile.
  virtual void TakeOutput(size_t max_bytes, std::vector<OutFrame>& out) = 0;
  virtual bool HasOutput() const = 0;
  // Whether so much waits to be sent that no more should be read from the peer.
  virtual bool Congested() const = 0;
  // What is due by now is done: keepalives, timeouts, leases.
  virtual void Tick() = 0;
  // When Tick is to be called next.
  virtual std::optional<MonotonicTime> NextTick() const = 0;
  // The transport is gone, for a reason. True: the session waits to be resumed, with Tick to be
  // called still. False: it has ended.
  virtual bool Disconnected(std::string reason) = 0;
  // The handler's, of this connection and for another.
  virtual std::string Claim() const = 0;
  virtual std::expected<void, Refusal> MayResume(const std::string& claim) = 0;
  // Accepting side: a connection came with RESUME for this session's token. The transport before,
  // if there is one, is to be closed by the caller. False: it cannot be resumed from there and
  // has ended; the caller sends ERROR[REJECTED_RESUME] with end_reason's message.
  virtual bool Resume(const ResumeFrame& resume, SessionTransport& transport) = 0;
  // Connecting side: sends RESUME by a new transport. Of a session that waits to be resumed.
  virtual void Reconnect(SessionTransport& transport) = 0;
  // Ended: nothing more comes once the output is taken.
  virtual bool ended() const = 0;
  // Waits to be resumed, without a transport.
  virtual bool suspended() const = 0;
  // The connection that it has now; null while suspended, and once it has ended.
  virtual SessionTransport* transport() const = 0;
  virtual const EndReason& end_reason() const = 0;
  // Once SETUP was taken or sent.
  virtual const SetupInfo& setup() const = 0;
  virtual bool established() const = 0;

  // --- The application's calls ---
  // Begins a stream. `handler` is told what comes. UNAVAILABLE if the session has ended,
  // RESOURCE_EXHAUSTED reason NO_LEASE if the peer's lease is used up or has not come, or if too
  // much waits to be sent. `initial_n` must not be 0 but for kResponse; `complete` (channel only)
  // says that there is no more than this payload.
  virtual Result<Stream*> Request(Interaction interaction, const EncodedPayload& payload,
                                  uint32_t initial_n, StreamHandlerPtr handler,
                                  bool complete = false) = 0;
  virtual Status FireAndForget(const EncodedPayload& payload) = 0;
  virtual Status MetadataPush(std::string_view metadata) = 0;
  // Ends the session: every stream is told, and ERROR with `message` is the last frame, at once
  // for CONNECTION_ERROR, behind what waits to be sent for CONNECTION_CLOSE.
  virtual void Close(ErrorFrameCode code, std::string_view message) = 0;
  virtual size_t open_streams() const = 0;
};

}  // namespace postroad::rsocket

#endif  // POSTROAD_RSOCKET_SESSION_SESSION_H_
