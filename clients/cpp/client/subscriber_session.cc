// The subscriber's own thread and its stream: joining, settling, giving credit, leaving.
#include <algorithm>
#include <utility>

#include "client/convert.h"
#include "client/status.h"
#include "client/subscriber_impl.h"
#include "client/wire.h"

namespace postroad {

using client::Settlements;
using client::Stream;
using client::WireField;
using client::WireReader;

namespace {

const std::string kMethod = "/postroad.v1.Postroad/Subscribe";

v1::CommitMode ToProto(CommitMode mode) {
  switch (mode) {
    case CommitMode::kMessage:
      return v1::COMMIT_MODE_MESSAGE;
    case CommitMode::kBatch:
      return v1::COMMIT_MODE_BATCH;
    case CommitMode::kAuto:
      return v1::COMMIT_MODE_AUTO;
  }
  return v1::COMMIT_MODE_MESSAGE;
}

}  // namespace

void Subscriber::Impl::Run() {
  Status status = life.Reconnect([this] { return Session(); },
                                 [this](const Error& error) {
                                   std::lock_guard lock(mutex);
                                   const bool was_up = std::exchange(joined, false);
                                   return was_up ? life.UseOf(began, error) : client::Use::kNone;
                                 },
                                 [this](const Error& error) { return IsFinal(error); });
  life.RequestStop();  // an error ends the workers, too
  {
    std::unique_lock lock(mutex);
    AwaitHandlers(lock);
    Halt(lock);
  }
  life.End(std::move(status));
}

// Waits for the handlers that run, and in kAuto, as long as there is time, for what is queued.
void Subscriber::Impl::AwaitHandlers(std::unique_lock<std::mutex>& lock) {
  if (Automatic() && !halted) {
    const auto deadline = std::chrono::steady_clock::now() + Duration(flush_nanos.load());
    if (!wake.wait_until(lock, deadline, [this] { return running == 0 && queue.empty(); })) {
      Halt(lock);
    }
  }
  wake.wait(lock, [this] { return running == 0; });
}

// Ends the workers.
void Subscriber::Impl::Halt(std::unique_lock<std::mutex>& lock) {
  halted = true;
  const size_t left = Automatic() ? QueuedLocked() : 0;
  queue.clear();
  stats.lost += left;
  arrived.notify_all();
  if (left == 0) return;
  lock.unlock();
  life.Log(Severity::kError, std::to_string(left) +
                                 " events that the server may count as settled were not handled "
                                 "in time");
  lock.lock();
}

size_t Subscriber::Impl::QueuedLocked() const {
  size_t queued = 0;
  for (const auto& source : queue) queued += source->size() - source->next;
  return queued;
}

bool Subscriber::Impl::IsFinal(const Error& error) const {
  if (client::WasReplaced(error)) {
    return options.on_replaced == SubscriberOptions::OnReplaced::kStop;
  }
  return !client::EndsStreamForNow(error.code);
}

grpc::ByteBuffer Subscriber::Impl::JoinRequest(size_t kept) const {
  v1::SubscribeRequest request;
  v1::Join* join = request.mutable_join();
  join->set_subscription(options.subscription);
  if (options.create) client::ToProto(*options.create, join->mutable_create());
  join->set_client_id(options.client_id);
  join->set_credit(options.max_unsettled - std::min<size_t>(kept, options.max_unsettled));
  join->set_commit_mode(ToProto(options.commit_mode));
  if (options.commit_mode == CommitMode::kAuto) {
    client::ToProto(options.auto_interval, join->mutable_auto_interval());
  }
  return client::ToByteBuffer(request.SerializeAsString());
}

Status Subscriber::Impl::Session() {
  const auto& timeout = life.connection().options.connect_timeout;
  POSTROAD_ASSIGN(auto channel, life.connection().Dial(timeout, life.token()));
  began = life.connection().environment->Monotonic();
  BeginSession();
  Status status = Serve(life.connection().Open(channel, kMethod, *this));
  EndSession();
  life.connection().Judge(channel, status);
  if (!status) return status;
  return Fail(ErrorCode::kUnavailable, "the server ended the stream");
}

void Subscriber::Impl::BeginSession() {
  std::lock_guard lock(mutex);
  ++session;
  joined = leaving = flushing = false;
  writing = true;  // the join
  end.reset();
  credit_due = 0;
}

// What was not handed to a worker, or not settled on the wire, comes again by another delivery. Not
// so in kAuto, where the server counts it as settled: it is kept, with its part of the credit.
void Subscriber::Impl::EndSession() {
  std::lock_guard lock(mutex);
  leaving = true;
  if (!Automatic()) queue.clear();
  stats.lost += pending.size();
  pending.Clear();
  timed = false;
  stream.reset();
}

Status Subscriber::Impl::Serve(std::shared_ptr<Stream> opened) {
  std::unique_lock lock(mutex);
  stream = opened;  // workers and gRPC's threads write, too, once the join is sent
  credit_due = 0;
  opened->Write(JoinRequest(Automatic() ? QueuedLocked() + running : 0));
  while (!end && !life.stopping()) {
    TellFailures(lock);
    PumpLocked();
    if (end || life.stopping() || !failures.empty()) continue;
    if (pending.empty() || writing) {
      wake.wait(lock);
    } else {
      wake.wait_until(lock, pending_since + options.settle_linger);
    }
  }
  if (!end) Finish(lock, *opened);
  TellFailures(lock);
  return *end;
}

// Lets handlers end, sends what they settled, and leaves; at the latest when the time for it is up.
void Subscriber::Impl::Finish(std::unique_lock<std::mutex>& lock, Stream& opened) {
  AwaitHandlers(lock);
  // Workers are gone, so a batch left in the middle (CommitMode::kBatch) settles what it has.
  if (!Automatic()) {
    for (const auto& source : queue) pending.Add(std::exchange(source->whole, {}));
    queue.clear();
  }
  flushing = true;
  const auto deadline = std::chrono::steady_clock::now() + Duration(flush_nanos.load());
  const auto sent = [this] { return end || (!PumpLocked() && !writing && pending.empty()); };
  if (joined && wake.wait_until(lock, deadline, sent) && !end) {
    leaving = true;
    lock.unlock();
    opened.HalfClose();
    lock.lock();
    // The server ends the stream once it has taken everything.
    wake.wait_until(lock, deadline, [this] { return end.has_value(); });
  }
  leaving = true;
  lock.unlock();
  opened.Cancel();
  lock.lock();
  wake.wait(lock, [this] { return end.has_value(); });
}

void Subscriber::Impl::TellFailures(std::unique_lock<std::mutex>& lock) {
  if (failures.empty()) return;
  const auto told = std::exchange(failures, {});
  lock.unlock();
  for (const auto& [id, error] : told) {
    life.Log(Severity::kWarning, "a settlement did nothing: " + error.ToString());
    if (options.on_settle_failure) options.on_settle_failure(id, error);
  }
  lock.lock();
}

Status Subscriber::Impl::Settle(uint64_t of, Settlements settlements, uint32_t settled) {
  std::lock_guard lock(mutex);
  if (of != session || !ConnectedLocked()) return LostLocked(settlements.size());
  stats.acked += settlements.acks();
  stats.nacked += settlements.nacks();
  pending.Add(std::move(settlements));
  SettledLocked(settled);
  return {};
}

Status Subscriber::Impl::Ack(uint64_t of, uint64_t id) {
  std::lock_guard lock(mutex);
  if (of != session || !ConnectedLocked()) return LostLocked(1);
  ++stats.acked;
  pending.Ack(id);
  SettledLocked(1);
  return {};
}

std::unexpected<Error> Subscriber::Impl::LostLocked(size_t settlements) {
  stats.lost += settlements;
  return Fail(ErrorCode::kAborted,
              "the connection of the delivery is gone; the server delivers it again", "",
              "CONNECTION_LOST");
}

// Sends what is due by count; what is due by time is the thread's.
void Subscriber::Impl::SettledLocked(uint32_t settled) {
  credit_due += settled;
  if (!pending.empty() && !timed) {
    timed = true;
    pending_since = std::chrono::steady_clock::now();
    wake.notify_one();
  } else if (life.stopping()) {
    wake.notify_one();
  }
  if (pending.size() >= options.settle_batch || CreditDueLocked()) PumpLocked();
}

bool Subscriber::Impl::SettleDueLocked() const {
  return !pending.empty() &&
         (flushing || pending.size() >= options.settle_batch ||
          std::chrono::steady_clock::now() >= pending_since + options.settle_linger);
}

bool Subscriber::Impl::CreditDueLocked() const {
  return !life.stopping() && credit_due >= std::max<uint32_t>(1, options.max_unsettled / 4);
}

// Sends one message, if one is due and may be sent.
bool Subscriber::Impl::PumpLocked() {
  if (writing || end || leaving || !stream) return false;
  std::string message;
  if (SettleDueLocked()) {
    message = pending.Encode();
    pending.Clear();
    timed = false;
  } else if (CreditDueLocked()) {
    message = client::EncodeCredit(std::exchange(credit_due, 0));
  } else {
    return false;
  }
  writing = true;
  stream->Write(client::ToByteBuffer(std::move(message)));
  return true;
}

void Subscriber::Impl::OnMessage(grpc::ByteBuffer message) {
  // Shared, not copied: a small slice holds its bytes itself, and a copy has others.
  const auto bytes = std::make_shared<const grpc::Slice>(client::ToSlice(message));
  WireReader reader(client::ViewOf(*bytes));
  WireField field;
  while (reader.Next(field)) {
    switch (field.number) {
      case 1:
        OnJoined();
        break;
      case 2:
        OnDeliveries(bytes, field.bytes);
        break;
      case 3:
        OnSettleFailures(field.bytes);
        break;
      default:
        break;
    }
  }
  // Reading goes on whatever the handlers do: credit bounds what can come.
  std::lock_guard lock(mutex);
  if (stream) stream->Read();
}

void Subscriber::Impl::OnJoined() {
  {
    std::lock_guard lock(mutex);
    joined = true;
    ++stats.connects;
  }
  life.Set(State::kConnected);
}

void Subscriber::Impl::OnDeliveries(std::shared_ptr<const grpc::Slice> message,
                                    std::string_view bytes) {
  auto source = std::make_shared<Delivery::Source>();
  source->subscriber = shared_from_this();
  if (Status parsed = source->Parse(std::move(message), bytes); !parsed) {
    life.Log(Severity::kError, parsed.error().ToString());
    std::lock_guard lock(mutex);
    if (stream) stream->Cancel();
    return;
  }
  if (source->size() == 0) return;
  std::lock_guard lock(mutex);
  stats.delivered += source->size();
  if (Automatic() ? halted : (life.stopping() || leaving)) return;
  source->session = session;
  const bool many = source->size() > 1;
  queue.push_back(std::move(source));
  if (many) {
    arrived.notify_all();
  } else {
    arrived.notify_one();
  }
}

void Subscriber::Impl::OnSettleFailures(std::string_view bytes) {
  std::lock_guard lock(mutex);
  WireReader reader(bytes);
  WireField failure;
  while (reader.Next(failure)) {
    if (failure.number != 1) continue;
    std::pair<uint64_t, Error> told;
    WireReader parts(failure.bytes);
    WireField field;
    while (parts.Next(field)) {
      if (field.number == 1) told.first = field.value;
      if (field.number == 2) told.second = client::ParseStatusDetail(field.bytes);
    }
    failures.push_back(std::move(told));
  }
  wake.notify_one();
}

void Subscriber::Impl::OnWritten() {
  std::lock_guard lock(mutex);
  writing = false;
  PumpLocked();
  // The thread times what still waits, or waits for the last write.
  if (!pending.empty() || flushing) wake.notify_one();
}

void Subscriber::Impl::OnEnd(Status status) {
  std::lock_guard lock(mutex);
  end = std::move(status);
  wake.notify_all();
}

}  // namespace postroad
