// A socket, its wire and its session. Include it only in .cc files (Asio).
#ifndef POSTROAD_RSOCKET_TRANSPORT_CONNECTION_H_
#define POSTROAD_RSOCKET_TRANSPORT_CONNECTION_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rsocket/session/budget.h"
#include "rsocket/session/session.h"
#include "rsocket/transport/wire.h"
#include "runtime/asio_socket.h"
#include "runtime/clock.h"
#include "runtime/executor.h"

namespace postroad::rsocket {

struct ConnectionOptions {
  Duration write_timeout = std::chrono::seconds(30);  // with nothing taken by the peer
  Duration linger = std::chrono::seconds(2);          // for the peer to read the last words
  std::shared_ptr<Budget> incomplete = nullptr;  // for frames that are not whole; null: no limit
};

// Lives on one executor; its callers hold a shared_ptr while it works, and it holds itself while an
// operation is under way. Reading never takes more memory than one frame that is not whole; writing
// gathers all that waits into one buffer of the executor's, and keeps only what the socket did not
// take.
class Connection final : public SessionTransport, public std::enable_shared_from_this<Connection> {
 public:
  // Called once, on the executor, when all is over; the session, if there is one, was told.
  using Gone = std::function<void()>;
  // Sees the first frame instead of the session, if set. False: the connection moves elsewhere, and
  // Moved is called once the socket is free.
  using FirstFrame = std::function<bool(std::string_view)>;
  // The socket; what was to be written; what came behind the first frame.
  using Moved = std::function<void(Socket, std::string, std::string)>;
  // The connection is lost and the session waits to be resumed: it is the callee's now.
  using Suspended = std::function<void(std::shared_ptr<Session>)>;

  Connection(ConnectionOptions options, Executor& executor, Clock& clock, Socket socket,
             std::unique_ptr<Wire> wire, Gone gone);
  ~Connection() override;

  // Before Start.
  void SetGone(Gone gone) { gone_ = std::move(gone); }
  void SetSuspended(Suspended suspended) { suspended_ = std::move(suspended); }
  void SetMoved(Moved moved) { moved_ = std::move(moved); }
  // Whose frames these are. Before Start, or from FirstFrame.
  void SetSession(std::shared_ptr<Session> session);
  void SetFirstFrame(FirstFrame first) { first_frame_ = std::move(first); }
  const std::shared_ptr<Session>& session() const { return session_; }
  // Begins to read; `received` came before. Writes `greeting` first.
  void Start(std::string greeting, std::string received);
  // Ends the session (ERROR), writes what waits, closes.
  void Close(ErrorFrameCode code, std::string_view message);
  // Closes the socket now, and forgets the session without telling it.
  void Drop();
  bool websocket() const { return wire_->websocket(); }
  bool deflates() const { return wire_->deflates(); }

  void OutputReady() override;

 private:
  void WaitReadable();
  void ReadPlain();
  bool MustWriteFirst() const;
  void ReadTls();
  void GotBytes(char* bytes, size_t size);
  size_t Consume(char* bytes, size_t size);
  void KeepUnread();
  bool GotFrame(std::string_view frame);
  void Move(std::string rest);
  void Suspend(std::shared_ptr<Session> session);
  void WireEnded(std::string reason, bool fault);
  void Lost(std::string reason);
  void Flush();
  void WriteEarly();
  bool Fill();
  void WritePlain(std::string_view bytes);
  void WriteTls();
  void Finish();
  void LastWords();
  void Drain();
  void CloseSocket();
  void ArmTimer();
  void OnTimer();

  const ConnectionOptions options_;
  Executor& executor_;
  Clock& clock_;
  Socket socket_;
  const std::unique_ptr<Wire> wire_;
  Gone gone_;
  FirstFrame first_frame_;
  Moved moved_;
  Suspended suspended_;
  std::shared_ptr<Session> session_;
  std::string answers_;  // the wire's own, to be sent first
  std::string unread_;   // the beginning of a frame
  Budget::Share incomplete_;
  std::string unsent_;  // what the socket has not taken yet
  std::unique_ptr<char[]> tls_buffer_;
  int frames_since_write_ = 0;
  bool reading_ = false, writing_ = false, flush_posted_ = false;
  bool stopped_reading_ = false;  // for good: the peer has closed, or we do
  bool said_last_ = false;        // the wire's Close is in the output
  bool moving_ = false;
  bool closed_ = false;
  std::string last_reason_;
  bool last_fault_ = false;
  MonotonicTime writing_since_{}, closing_since_{};
  Executor::Timer timer_;
  std::optional<MonotonicTime> timer_at_;
};

}  // namespace postroad::rsocket

#endif  // POSTROAD_RSOCKET_TRANSPORT_CONNECTION_H_
