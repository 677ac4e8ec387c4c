// The owner's side and the workers: options, starting and stopping, running handlers.
#include "postroad/subscriber.h"

#include <exception>
#include <utility>

#include "client/check.h"
#include "client/subscriber_impl.h"
#include "core/utf8.h"

namespace postroad {

using client::Settlements;

namespace {

constexpr Duration kDefaultFlush = std::chrono::seconds(5);

Status CheckCreate(const SubscriptionSettings& settings) {
  POSTROAD_TRY(client::CheckTopics(settings.topics, "create.topics"));
  POSTROAD_TRY(CheckFilter(settings.filter, "create.filter"));
  for (const Duration wait : settings.retry_schedule) {
    if (wait < Duration{}) return Invalid("create.retry_schedule", "must not be negative");
  }
  if (settings.ack_deadline < Duration{}) {
    return Invalid("create.ack_deadline", "must not be negative");
  }
  return {};
}

Status CheckOptions(const SubscriberOptions& options) {
  using client::CheckRange;
  POSTROAD_TRY(CheckName(options.subscription, "subscription"));
  if (options.create) POSTROAD_TRY(CheckCreate(*options.create));
  POSTROAD_TRY(client::CheckOptionalName(options.client_id, "client_id"));
  POSTROAD_TRY(CheckRange<uint32_t>("max_unsettled", options.max_unsettled, 1, 1'000'000));
  POSTROAD_TRY(CheckRange<uint32_t>("concurrency", options.concurrency, 1, 1024));
  POSTROAD_TRY(CheckRange<size_t>("settle_batch", options.settle_batch, 1, 100'000));
  if (options.settle_linger < Duration{}) {
    return Invalid("settle_linger", "must not be negative");
  }
  if (!options.handler) return Invalid("handler", "a handler is needed");
  if (options.commit_mode == CommitMode::kBatch && options.concurrency != 1) {
    return Invalid("concurrency", "batches are settled whole by one handler: must be 1");
  }
  if (options.commit_mode == CommitMode::kAuto &&
      (options.auto_interval < std::chrono::milliseconds(10) ||
       options.auto_interval > std::chrono::hours(1))) {
    return Invalid("auto_interval", "must be from 10 ms to 1 h");
  }
  if (options.nack_delay && *options.nack_delay < Duration{}) {
    return Invalid("nack_delay", "must not be negative");
  }
  return {};
}

// An error as a nack's reason.
std::string ReasonOf(const Error& error) {
  std::string reason =
      error.message.empty() ? std::string(ErrorCodeName(error.code)) : error.message;
  return IsValidUtf8(reason) ? reason : "the handler's error message is not UTF-8";
}

}  // namespace

Subscriber::Impl::Impl(std::shared_ptr<Client::Impl> connection, SubscriberOptions o)
    : options(std::move(o)),
      life(std::move(connection), "subscriber " + options.subscription, options.client_id),
      flush_nanos(kDefaultFlush.count()) {
  on_stop.emplace(life.token(), [this] {
    std::lock_guard lock(mutex);
    wake.notify_all();
    arrived.notify_all();
  });
}

void Subscriber::Impl::Work() {
  std::unique_lock lock(mutex);
  while (true) {
    // In kAuto what has come is handled to its end: the server counts it as settled.
    arrived.wait(lock,
                 [this] { return halted || (life.stopping() && !Automatic()) || !queue.empty(); });
    if (halted || (life.stopping() && !Automatic())) return;
    std::shared_ptr<Delivery::Source> source = queue.front();
    const size_t index = source->next++;
    if (source->next == source->size()) queue.pop_front();
    ++running;
    lock.unlock();
    Handle(source, index);
    source.reset();
    lock.lock();
    --running;
    ++stats.handled;
    if (running == 0 && life.stopping()) wake.notify_one();
  }
}

void Subscriber::Impl::Handle(const std::shared_ptr<Delivery::Source>& source, size_t index) {
  auto delivery = Delivery::Source::Make(source, index);
  if (!delivery) {
    life.Log(Severity::kError, delivery.error().ToString());
    Settlements nack;
    nack.Nack(source->ids[index], "the client could not parse the event", options.nack_delay);
    (void)Settle(source->session, std::move(nack), 1);
    return;
  }
  const Status status = CallHandler(*delivery);
  if (options.commit_mode == CommitMode::kBatch) {
    ConcludeBatch(source, index, *delivery, status);
  } else {
    Conclude(*delivery, status);
  }
}

Status Subscriber::Impl::CallHandler(Delivery& delivery) const {
  try {
    return options.handler(delivery);
  } catch (const std::exception& e) {
    return Fail(ErrorCode::kInternal, std::string("the handler threw: ") + e.what());
  } catch (...) {
    return Fail(ErrorCode::kInternal, "the handler threw");
  }
}

Settlements Subscriber::Impl::Outcome(const Delivery& delivery, const Status& status) const {
  Settlements outcome;
  if (status) {
    outcome.Ack(delivery.id_);
  } else {
    outcome.Nack(delivery.id_, ReasonOf(status.error()), options.nack_delay);
  }
  return outcome;
}

void Subscriber::Impl::Conclude(Delivery& delivery, const Status& status) {
  if (!std::exchange(delivery.open_, false)) return;
  const uint64_t of = delivery.source_->session;
  if (options.commit_mode == CommitMode::kAuto) {
    if (!status) life.Log(Severity::kError, "a handler failed: " + status.error().ToString());
    std::lock_guard lock(mutex);
    if (stream) SettledLocked(1);  // whichever it came over; else the next join counts what is kept
    return;
  }
  // A lost connection is no failure here: the server delivers the event again.
  if (status) {
    (void)Ack(of, delivery.id_);
  } else {
    (void)Settle(of, Outcome(delivery, status), 1);
  }
}

void Subscriber::Impl::ConcludeBatch(const std::shared_ptr<Delivery::Source>& source, size_t index,
                                     Delivery& delivery, const Status& status) {
  if (std::exchange(delivery.open_, false)) source->whole.Add(Outcome(delivery, status));
  if (index + 1 < source->size() || source->whole.empty()) return;
  const auto settled = static_cast<uint32_t>(source->whole.size());
  (void)Settle(source->session, std::move(source->whole), settled);
}

Subscriber::Subscriber(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Subscriber>> Subscriber::Start(const Client& client,
                                                      SubscriberOptions options) {
  POSTROAD_TRY(CheckOptions(options));
  auto impl = std::make_shared<Impl>(client.impl(), std::move(options));
  POSTROAD_TRY(impl->life.Register());
  std::unique_ptr<Subscriber> subscriber(new Subscriber(impl));
  impl->thread = std::thread([raw = impl.get()] { raw->Run(); });
  for (uint32_t i = 0; i < impl->options.concurrency; ++i) {
    impl->workers.emplace_back([raw = impl.get()] { raw->Work(); });
  }
  return subscriber;
}

Subscriber::~Subscriber() {
  Stop();
  impl_->thread.join();
  for (auto& worker : impl_->workers) worker.join();
}

State Subscriber::state() const { return impl_->life.state(); }

SubscriberStats Subscriber::stats() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->stats;
}

Status Subscriber::Wait() { return impl_->life.Wait(); }
Status Subscriber::WaitFor(Duration timeout) { return impl_->life.WaitFor(timeout); }

void Subscriber::Stop(Duration flush_timeout) {
  impl_->flush_nanos = flush_timeout.count();
  impl_->life.RequestStop();
  for (const auto& worker : impl_->workers) {
    if (worker.get_id() == std::this_thread::get_id()) return;  // a handler cannot wait for itself
  }
  (void)impl_->life.Wait();
}

}  // namespace postroad
