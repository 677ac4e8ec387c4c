// The subscriber: gRPC's threads bring deliveries, workers run handlers, one thread connects, sends
// settlements and credits, and closes.
#ifndef POSTROAD_CLIENTS_CPP_CLIENT_SUBSCRIBER_IMPL_H_
#define POSTROAD_CLIENTS_CPP_CLIENT_SUBSCRIBER_IMPL_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "client/lifecycle.h"
#include "client/settlements.h"
#include "client/stream.h"
#include "postroad/subscriber.h"

namespace postroad {

// A DeliveryBatch as it came; keeps the bytes that its deliveries view.
struct Delivery::Source {
  // INTERNAL if malformed.
  Status Parse(std::shared_ptr<const grpc::Slice> message, std::string_view batch);
  // The delivery of the i-th event.
  static Result<Delivery> Make(const std::shared_ptr<Source>& source, size_t i);
  size_t size() const { return ids.size(); }

  std::shared_ptr<Subscriber::Impl> subscriber;
  uint64_t session = 0;  // the connection it came over
  std::shared_ptr<const grpc::Slice> bytes;
  std::string_view topic;
  std::vector<uint64_t> ids;
  std::vector<uint64_t> offsets;
  std::vector<uint64_t> attempts;  // empty: all 1
  std::vector<std::string_view> records;
  Timestamp stored_at{};                  // of the earliest
  std::vector<uint64_t> stored_after_ns;  // of each, after that; empty: all 0

  size_t next = 0;            // the first not yet handed to a worker
  client::Settlements whole;  // CommitMode::kBatch: gathered for the end; the one worker's own
};

struct Subscriber::Impl final : public client::StreamListener,
                                public std::enable_shared_from_this<Subscriber::Impl> {
  Impl(std::shared_ptr<Client::Impl> connection, SubscriberOptions o);

  // The thread's.
  void Run();
  Status Session();
  Status Serve(std::shared_ptr<client::Stream> opened);
  void Finish(std::unique_lock<std::mutex>& lock, client::Stream& stream);
  void TellFailures(std::unique_lock<std::mutex>& lock);
  void BeginSession();
  void EndSession();
  bool IsFinal(const Error& error) const;
  void AwaitHandlers(std::unique_lock<std::mutex>& lock);
  void Halt(std::unique_lock<std::mutex>& lock);
  bool Automatic() const { return options.commit_mode == CommitMode::kAuto; }
  grpc::ByteBuffer JoinRequest(size_t kept) const;

  // The workers'.
  void Work();
  void Handle(const std::shared_ptr<Delivery::Source>& source, size_t index);
  Status CallHandler(Delivery& delivery) const;
  void Conclude(Delivery& delivery, const Status& status);
  void ConcludeBatch(const std::shared_ptr<Delivery::Source>& source, size_t index,
                     Delivery& delivery, const Status& status);
  client::Settlements Outcome(const Delivery& delivery, const Status& status) const;

  // Any thread's. `settled`: deliveries that are now done with, for which there is room again.
  // ABORTED if the session is gone.
  Status Settle(uint64_t session, client::Settlements settlements, uint32_t settled);
  // The same, of one ack.
  Status Ack(uint64_t session, uint64_t id);

  // With the mutex held.
  bool ConnectedLocked() const { return joined && !end && !leaving; }
  bool SettleDueLocked() const;
  bool CreditDueLocked() const;
  bool PumpLocked();
  void SettledLocked(uint32_t settled);
  size_t QueuedLocked() const;
  std::unexpected<Error> LostLocked(size_t settlements);

  // StreamListener.
  void OnOpen() override {}  // only an accepted join counts
  void OnMessage(grpc::ByteBuffer message) override;
  void OnWritten() override;
  void OnEnd(Status status) override;
  void OnJoined();
  void OnDeliveries(std::shared_ptr<const grpc::Slice> message, std::string_view bytes);
  void OnSettleFailures(std::string_view bytes);

  const SubscriberOptions options;
  client::Lifecycle life;
  std::thread thread;
  std::vector<std::thread> workers;
  std::atomic<Duration::rep> flush_nanos;

  mutable std::mutex mutex;         // for all that follows
  std::condition_variable wake;     // the thread
  std::condition_variable arrived;  // the workers
  std::deque<std::shared_ptr<Delivery::Source>> queue;
  uint32_t running = 0;   // handlers
  bool halted = false;    // nothing is handled any more
  MonotonicTime began{};  // the session; the thread's own

  uint64_t session = 0;
  std::shared_ptr<client::Stream> stream;
  bool joined = false;
  bool writing = false;
  bool leaving = false;   // nothing more is taken for this session
  bool flushing = false;  // what is there goes out at once
  std::optional<Status> end;
  client::Settlements pending;
  bool timed = false;  // pending_since is that of the first of `pending`
  std::chrono::steady_clock::time_point pending_since;
  uint32_t credit_due = 0;
  std::vector<std::pair<uint64_t, Error>> failures;
  SubscriberStats stats;
  std::optional<std::stop_callback<std::function<void()>>> on_stop;
};

}  // namespace postroad

#endif  // POSTROAD_CLIENTS_CPP_CLIENT_SUBSCRIBER_IMPL_H_
