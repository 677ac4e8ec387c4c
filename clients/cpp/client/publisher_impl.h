// The publisher: callers append to batches, one thread connects, times and answers, gRPC's threads
// write.
#ifndef POSTROAD_CLIENTS_CPP_CLIENT_PUBLISHER_IMPL_H_
#define POSTROAD_CLIENTS_CPP_CLIENT_PUBLISHER_IMPL_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "client/call_window.h"
#include "client/lifecycle.h"
#include "client/post_codec.h"
#include "client/stream.h"
#include "postroad/publisher.h"

namespace postroad {

namespace client {

// One Post call's part of a batch.
struct PostCall {
  uint64_t number = 0;  // of the call, rising
  uint32_t events = 0;
  std::string_view bytes;        // its part of the body; set once the batch is sealed
  size_t size = 0;               // of `bytes`
  std::vector<std::string> ids;  // kept only if there is a callback
  PostCallback done;
};

// What goes out as one PostRequest.
struct PostBatch {
  std::shared_ptr<std::string> body = std::make_shared<std::string>();
  uint32_t events = 0;
  std::vector<PostCall> calls;  // never empty
  MonotonicTime begun{};
  MonotonicTime deadline{};
  uint32_t attempts = 0;
};
using PostBatches = std::deque<std::unique_ptr<PostBatch>>;

}  // namespace client

struct Publisher::Impl final : public client::StreamListener {
  Impl(std::shared_ptr<Client::Impl> connection, PublisherOptions o);

  // Takes over an encoded call.
  Status Take(client::PostCall call, std::string_view bytes);
  Status Flush(Duration timeout);
  void Run();
  bool OnThread() const { return std::this_thread::get_id() == thread_id; }

  // What the thread does.
  // Waits until there is something to post; false once stopped.
  bool WaitForWork(client::Backoff& backoff);
  Status Session();
  void Serve(std::shared_ptr<client::Stream> opened);
  void AnswerReplies(std::unique_lock<std::mutex>& lock);
  void Answer(std::unique_ptr<client::PostBatch> batch, const grpc::ByteBuffer& reply);
  void Refused(std::unique_ptr<client::PostBatch> batch, const Error& error);
  void WaitOutOverload(std::unique_lock<std::mutex>& lock);
  void Complete(std::unique_ptr<client::PostBatch> batch, Result<client::PostReply> reply);
  void Lost(const Error& error);
  void FailLargest(const Error& error);
  void FailAll(const Error& error);
  void Sleep(Duration wait);
  // Fails what is past its deadline; may let the lock go.
  void Expire(std::unique_lock<std::mutex>& lock);
  void RecordConnection();
  // Sends the next batch, if one may go; lets the lock go meanwhile.
  void Pump(std::unique_lock<std::mutex>& lock);

  // With the mutex held.
  Status WaitForRoom(std::unique_lock<std::mutex>& lock, size_t bytes);
  bool HasRoomLocked(size_t bytes) const;
  bool RoomyLocked() const;
  void AppendLocked(client::PostCall call, std::string_view bytes);
  void SealLocked();
  bool DueLocked() const;
  bool MaySendLocked();
  bool IdleLocked() const { return !open && sealed.empty() && in_flight.empty() && again.empty(); }
  MonotonicTime NextDeadlineLocked() const;
  MonotonicTime NextTimerLocked() const;
  client::PostBatches TakeAllLocked();

  // StreamListener.
  void OnOpen() override;
  void OnMessage(grpc::ByteBuffer message) override;
  void OnWritten() override;
  void OnEnd(Status status) override;

  MonotonicTime Now() const { return environment.Monotonic(); }

  const PublisherOptions options;
  client::Lifecycle life;
  Environment& environment;
  std::thread thread;
  std::atomic<std::thread::id> thread_id;
  Error last_loss{.message = {}};  // why the last stream ended; the thread's own

  mutable std::mutex mutex;         // for all that follows
  std::condition_variable wake;     // the thread
  std::condition_variable roomy;    // who waits for room
  std::condition_variable settled;  // who waits for a flush
  // Where a batch is: being filled; full; sent, in the order of the replies; refused for now.
  std::unique_ptr<client::PostBatch> open;
  client::PostBatches sealed;
  client::PostBatches in_flight;
  client::PostBatches again;
  size_t answering = 0;  // batches answered but not looked at yet; they count as in flight
  client::CallWindow calls;
  size_t buffered_bytes = 0;
  size_t waiting_for_room = 0;       // callers
  std::multiset<uint64_t> flushing;  // the calls before which all is to be answered
  size_t usual_body = 0;

  std::shared_ptr<client::Stream> stream;
  bool idled = false;  // there was nothing to send, while there was no stream
  bool established = false;
  bool writing = false;
  bool paused = false;  // the server is overloaded
  bool broken = false;  // cancelled by us: what still comes is not for us
  std::deque<grpc::ByteBuffer> replies;
  std::optional<Status> end;
  PublisherStats stats;
  std::optional<std::stop_callback<std::function<void()>>> on_stop;
};

}  // namespace postroad

#endif  // POSTROAD_CLIENTS_CPP_CLIENT_PUBLISHER_IMPL_H_
