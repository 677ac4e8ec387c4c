// From topics to Kafka. The position is a durable subscription, "kafka/<name>", of which this is
// the only member: events come in the order of the log, an ack is an event that Kafka has
// confirmed, and what Kafka will never take is a dead letter of the subscription.
//
// A session is one producer and one membership. When a producer fails, the session ends: the
// subscription takes back what is not confirmed, and gives it again in order to the next session.
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "core/event.h"
#include "kafka/bridge/backoff.h"
#include "kafka/bridge/connector.h"
#include "kafka/bridge/metrics.h"
#include "kafka/bridge/out_window.h"
#include "kafka/connection_log.h"
#include "kafka/format.h"
#include "kafka/producer.h"
#include "kafka/properties.h"
#include "kafka/topic_names.h"
#include "runtime/log.h"

namespace postroad::kafka {
namespace {

using delivery::Delivery;
using delivery::SettleKind;
using delivery::Settlement;
using Verdict = DeliveryReport::Verdict;

// Kafka may be away for longer than any deadline: they are put off as long as it takes.
constexpr Duration kAckDeadline = std::chrono::hours(24);
constexpr Duration kExtendEvery = std::chrono::hours(6);
// What a stop waits for Kafka's last confirmations, where Kafka is there.
constexpr Duration kLastWords = std::chrono::seconds(3);
// Wakes the thread to see that the connection is as it was.
constexpr Duration kLook = std::chrono::seconds(1);

class OutConnector final : public Connector, private delivery::MemberSink {
 public:
  OutConnector(const OutOptions& options, ConnectorContext context)
      : options_(options), context_(context), metrics_(context.metrics, options.name) {}
  ~OutConnector() override { Stop(); }

  postroad::Status Start() {
    POSTROAD_TRY(EnsureSubscription());
    thread_ = std::thread([this] { Run(); });
    return {};
  }

  ConnectorStatus Status() const override {
    std::lock_guard lock(mutex_);
    std::string error = error_.empty() ? log_.last_error() : error_;
    return {options_.name, "out", log_.connected(), std::move(error)};
  }

  void Stop() override {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

 private:
  // --- The sink: on executor_. ---
  void OnDeliveries(std::vector<Delivery> deliveries) override {
    {
      std::lock_guard lock(mutex_);
      std::ranges::move(deliveries, std::back_inserter(arrived_));
    }
    changed_.notify_all();
  }
  // Settled twice, or after the subscription was moved: nothing is lost by it.
  void OnSettleFailures(std::vector<delivery::SettleFailure>) override {}
  void OnClosed(Error reason) override {
    {
      std::lock_guard lock(mutex_);
      closed_ = std::move(reason);
    }
    changed_.notify_all();
  }

  // --- All below: the connector's thread. ---
  std::string Subscription() const { return "kafka/" + options_.name; }

  postroad::Status EnsureSubscription() {
    delivery::SubscriptionSettings settings;
    POSTROAD_ASSIGN(settings.topics, TopicSelector::Parse(options_.topics, "topics"));
    settings.start = options_.start == OutStart::kBeginning ? delivery::Start::kBeginning
                                                            : delivery::Start::kEnd;
    settings.max_in_flight = options_.max_in_flight;
    settings.ack_deadline = kAckDeadline;
    auto made = context_.broker.CreateSubscription(caller_, Subscription(), settings);
    if (!made && made.error().code == ErrorCode::kAlreadyExists) {
      made = context_.broker.UpdateSubscription(caller_, Subscription(), settings);
    }
    if (!made) return Fail(made.error());
    return {};
  }

  void Run() {
    while (!Stopping()) {
      const auto ended = RunSession();
      if (Stopping()) return;
      if (ended) continue;  // on purpose: begin the next at once
      metrics_.restarts.Add();
      const Duration wait = backoff_.Next();
      LogError(
          "kafka out begins again",
          {{"connector", options_.name}, {"error", ended.error()}, {"wait", FormatDuration(wait)}});
      had_error_ = true;
      std::unique_lock lock(mutex_);
      error_ = ended.error().message;
      changed_.wait_for(lock, wait, [&] { return stop_; });
    }
  }

  bool Stopping() const {
    std::lock_guard lock(mutex_);
    return stop_;
  }

  // Success: it ended for the next one to begin, or because of Stop.
  postroad::Status RunSession() {
    POSTROAD_TRY(EnsureSubscription());
    const bool stop_at_rejected = options_.on_rejected == OnRejected::kStop;
    ProducerOptions producer{.brokers = options_.brokers,
                             .properties = options_.properties,
                             .one_by_one = one_by_one_,
                             .gapless = stop_at_rejected || !one_by_one_};
    POSTROAD_ASSIGN(producer_, Producer::Create(producer, log_, [this] { Wake(); }));
    POSTROAD_TRY(Join());
    session_events_ = 0;
    session_one_by_one_ = one_by_one_;
    extend_at_ = context_.clock.Monotonic() + kExtendEvery;
    auto ended = Pump();
    const bool halted = !ended && ended.error().code == ErrorCode::kFailedPrecondition;
    producer_->Finish(log_.connected() && !halted ? kLastWords : Duration{}, reports_);
    (void)HandleReports();  // what is not known to be confirmed comes again
    Leave();
    producer_.reset();
    return ended;
  }

  postroad::Status Join() {
    broker::JoinRequest request{
        .subscription = Subscription(), .create = std::nullopt, .options = {.client_id = "kafka"}};
    {
      std::lock_guard lock(mutex_);
      closed_.reset();
      arrived_.clear();
    }
    executor_ = &context_.cores.Next();
    window_.Clear();
    POSTROAD_ASSIGN(member_, context_.broker.Join(caller_, request, *executor_, *this));
    Grant();
    return {};
  }

  // The subscription takes back what is not settled, attempts uncounted.
  void Leave() {
    std::promise<void> left;
    executor_->Post([&] {
      member_.reset();
      left.set_value();
    });
    left.get_future().wait();
    window_.Clear();
    metrics_.in_flight.Set(0);
    std::lock_guard lock(mutex_);
    arrived_.clear();
  }

  postroad::Status Pump() {
    bool full = false;  // librdkafka's queue
    while (true) {
      POSTROAD_ASSIGN(const bool go_on, WaitForWork(full));
      if (!go_on) return {};
      full = !SendBacklog();
      producer_->Poll(reports_);
      if (!reports_.empty()) full = false;
      POSTROAD_TRY(HandleReports());
      if (std::string failed = producer_->failed(); !failed.empty()) {
        return Fail(ErrorCode::kUnavailable, std::move(failed));
      }
      if (session_one_by_one_ && session_events_ >= options_.max_in_flight) {
        one_by_one_ = false;
        return {};
      }
      Grant();
      Extend();
      metrics_.in_flight.Set(static_cast<double>(window_.in_flight()));
      metrics_.connected.Set(log_.connected() ? 1 : 0);
    }
  }

  // False: stop. Takes what has arrived.
  Result<bool> WaitForWork(bool full) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kLook, [&] {
      return stop_ || closed_ || woken_ || !arrived_.empty() || (!full && window_.has_backlog());
    });
    woken_ = false;
    if (stop_) return false;
    if (closed_) return Fail(*closed_);
    window_.Arrive(std::exchange(arrived_, {}));
    return true;
  }

  void Wake() {
    {
      std::lock_guard lock(mutex_);
      woken_ = true;
    }
    changed_.notify_all();
  }

  // False once librdkafka takes no more.
  bool SendBacklog() {
    const MonotonicTime now = context_.clock.Monotonic();
    const Timestamp wall = context_.clock.Now();
    while (window_.has_backlog()) {
      if (!Send(window_.next(), wall)) return false;
      window_.Sent(now);
    }
    return true;
  }

  bool Send(const Delivery& delivery, Timestamp now) {
    event_.Clear();
    if (const auto parsed = ParseRecord(delivery.record, event_); !parsed) {
      reports_.push_back({delivery.id.value(), Verdict::kRejected, parsed.error().message});
      return true;
    }
    event_.topic = *delivery.topic;
    EncodeMessage(options_.format, event_, now, message_);
    return producer_->Send(KafkaTopicFor(options_.to, event_.topic), message_,
                           delivery.id.value()) == Producer::Sent::kQueued;
  }

  // Settles what is known; an error where the session has to end.
  postroad::Status HandleReports() {
    postroad::Status status;
    std::vector<Settlement> settlements;
    const MonotonicTime now = context_.clock.Monotonic();
    for (DeliveryReport& report : reports_) {
      const auto sent = window_.SentAt(report.token);
      if (!sent) continue;
      const auto known = Judge(report, settlements);
      if (!known) {
        if (status) status = known;
        continue;
      }
      if (report.verdict == Verdict::kConfirmed) {
        metrics_.confirm_seconds.Observe(std::chrono::duration<double>(now - *sent).count());
      }
      window_.Settled(report.token);
      ++session_events_;
    }
    reports_.clear();
    if (!settlements.empty()) member_->Settle(std::move(settlements));
    return status;
  }

  // The settlement of one report, or why the session has to end.
  postroad::Status Judge(DeliveryReport& report, std::vector<Settlement>& settlements) {
    const delivery::DeliveryId id(report.token);
    if (report.verdict == Verdict::kConfirmed) {
      settlements.push_back({.kind = SettleKind::kAck, .id = id});
      metrics_.events.Add();
      NoteWell();
      return {};
    }
    if (report.verdict == Verdict::kTooLarge && !session_one_by_one_) {
      // Maybe only its request is too large: all of it is sent again, one by one.
      one_by_one_ = true;
      return Fail(ErrorCode::kAborted, report.reason);
    }
    if (report.verdict == Verdict::kFailed) {
      return Fail(ErrorCode::kUnavailable, report.reason);
    }
    if (options_.on_rejected == OnRejected::kStop) {
      return Fail(ErrorCode::kFailedPrecondition,
                  "Kafka refuses an event, and nothing goes on behind it: " + report.reason);
    }
    LogWarn("kafka refuses an event: dead letter", {{"connector", options_.name},
                                                    {"subscription", Subscription()},
                                                    {"reason", report.reason}});
    metrics_.rejected.Add();
    settlements.push_back(
        {.kind = SettleKind::kTerminate, .id = id, .reason = std::move(report.reason)});
    return {};
  }

  void NoteWell() {
    backoff_.Reset();
    if (!had_error_) return;
    had_error_ = false;
    std::lock_guard lock(mutex_);
    error_.clear();
  }

  // Asks for as many events as there is room for.
  void Grant() {
    if (const uint64_t more = window_.Grant(); more > 0) member_->AddCredit(more);
  }

  void Extend() {
    const MonotonicTime now = context_.clock.Monotonic();
    if (now < extend_at_) return;
    extend_at_ = now + kExtendEvery;
    std::vector<Settlement> settlements;
    window_.ForEach([&](delivery::DeliveryId id) {
      settlements.push_back({.kind = SettleKind::kExtend, .id = id, .delay = kAckDeadline});
    });
    if (!settlements.empty()) member_->Settle(std::move(settlements));
  }

  const OutOptions options_;
  const ConnectorContext context_;
  const auth::Principal caller_ = auth::Principal::Anyone();
  OutMetrics metrics_;
  ConnectionLog log_{options_.name};

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false, woken_ = false;
  std::vector<Delivery> arrived_;
  std::optional<Error> closed_;  // the membership has ended
  std::string error_;

  // The thread's own.
  std::unique_ptr<Producer> producer_;
  Executor* executor_ = nullptr;  // of the membership
  std::unique_ptr<delivery::Member> member_;
  OutWindow window_{options_};
  std::vector<DeliveryReport> reports_;
  bool one_by_one_ = false;          // the next session's
  bool session_one_by_one_ = false;  // this session's
  bool had_error_ = false;
  uint64_t session_events_ = 0;  // settled
  MonotonicTime extend_at_{};
  Backoff backoff_{std::chrono::milliseconds(100), std::chrono::seconds(5)};
  EventView event_;
  Message message_;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Connector>> StartOut(const OutOptions& options, ConnectorContext context) {
  POSTROAD_TRY(CheckOptions(options));
  auto connector = std::make_unique<OutConnector>(options, context);
  POSTROAD_TRY(connector->Start());
  return connector;
}

}  // namespace postroad::kafka
