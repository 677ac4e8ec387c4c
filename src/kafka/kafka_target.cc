// See kafka_target.h. One thread sends and waits; a producer that fails is replaced, and the batch
// that failed with it is the relay's to send again.
#include "kafka/kafka_target.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "kafka/connection_log.h"
#include "kafka/format.h"
#include "kafka/producer.h"
#include "kafka/properties.h"
#include "kafka/topic_names.h"

namespace postroad::kafka {
namespace {

using outbox::BatchPtr;
using outbox::EventResult;
using outbox::Outcome;
using outbox::SendCompletion;
using Verdict = DeliveryReport::Verdict;

constexpr Duration kLook = std::chrono::seconds(1);
constexpr std::string_view kNotSent = "not sent";

class KafkaTarget final : public outbox::Target {
 public:
  KafkaTarget(const TargetOptions& options, Clock& clock) : options_(options), clock_(clock) {
    thread_ = std::thread([this] { Run(); });
  }
  ~KafkaTarget() override {
    Stop();
    {
      std::lock_guard lock(mutex_);
      end_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  std::string_view name() const override { return "kafka"; }

  void Send(BatchPtr batch, SendCompletion done) override {
    {
      std::lock_guard lock(mutex_);
      batch_ = std::move(batch);
      done_ = std::move(done);
    }
    changed_.notify_all();
  }

  void Stop() override {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
  }

 private:
  void Run() {
    while (true) {
      BatchPtr batch;
      SendCompletion done;
      {
        std::unique_lock lock(mutex_);
        // Polled now and then also while nothing is sent, to know of the connection.
        changed_.wait_for(lock, kLook, [&] { return end_ || batch_; });
        if (end_) break;
        batch = std::exchange(batch_, nullptr);
        done = std::move(done_);
      }
      if (batch) {
        done(SendBatch(*batch));
      } else if (producer_) {
        producer_->Poll(reports_);
        reports_.clear();
      }
    }
    producer_.reset();
  }

  std::vector<EventResult> SendBatch(const outbox::Batch& batch) {
    std::vector<EventResult> results = Try(batch, false);
    // A request may be too large as a whole: what failed by that goes again, one by one.
    if (std::exchange(too_large_, false) && !Stopped()) results = Try(batch, true, &results);
    return results;
  }

  // With `known`, only what it has not stored yet.
  std::vector<EventResult> Try(const outbox::Batch& batch, bool one_by_one,
                               const std::vector<EventResult>* known = nullptr) {
    results_.assign(batch.events.size(), EventResult{Outcome::kFailed, std::string(kNotSent)});
    if (known != nullptr) results_ = *known;
    if (const auto ready = Prepare(one_by_one); !ready) {
      for (EventResult& result : results_) {
        if (result.outcome == Outcome::kFailed) result.reason = ready.error().message;
      }
      return std::move(results_);
    }
    end_of_batch_ = clock_.Monotonic() + options_.send_timeout;
    open_.assign(batch.events.size(), false);
    waiting_ = 0;
    for (size_t i = 0; i < batch.events.size() && !Over(); ++i) {
      if (results_[i].outcome == Outcome::kFailed) SendOne(batch.events[i], i);
    }
    while (waiting_ > 0 && !Over()) WaitForReports();
    if (waiting_ > 0 || Over()) GiveUp();
    if (producer_ && (one_by_one || !producer_->failed().empty())) producer_.reset();
    return std::move(results_);
  }

  Status Prepare(bool one_by_one) {
    if (Stopped()) return Fail(ErrorCode::kUnavailable, "the relay is stopping");
    if (one_by_one) producer_.reset();
    if (producer_) return {};
    one_by_one_ = one_by_one;
    const ProducerOptions options{.brokers = options_.brokers,
                                  .properties = options_.properties,
                                  .one_by_one = one_by_one,
                                  .gapless = !one_by_one};
    POSTROAD_ASSIGN(producer_, Producer::Create(options, log_, [this] { Wake(); }));
    return {};
  }

  void SendOne(const EventView& event, size_t index) {
    EncodeMessage(options_.format, event, clock_.Now(), message_);
    const std::string topic = KafkaTopicFor(options_.to, event.topic);
    while (producer_->Send(topic, message_, index) == Producer::Sent::kFull) {
      WaitForReports();
      if (Over()) return;
    }
    open_[index] = true;
    ++waiting_;
  }

  // Whether the batch is given up: it failed, took too long, or the relay stops.
  bool Over() {
    return Stopped() || clock_.Monotonic() >= end_of_batch_ || !producer_->failed().empty();
  }
  bool Stopped() const {
    std::lock_guard lock(mutex_);
    return stop_;
  }

  void Wake() {
    {
      std::lock_guard lock(mutex_);
      woken_ = true;
    }
    changed_.notify_all();
  }

  void WaitForReports() {
    {
      std::unique_lock lock(mutex_);
      const Duration left = end_of_batch_ - clock_.Monotonic();
      changed_.wait_for(lock, std::clamp(left, Duration{}, kLook),
                        [&] { return woken_ || stop_ || end_; });
      woken_ = false;
    }
    producer_->Poll(reports_);
    TakeReports();
  }

  // What has no report yet gets one: it is not known whether Kafka has it.
  void GiveUp() {
    const std::string why = WhyGivenUp();
    const std::vector<bool> unknown = open_;
    producer_->Finish(Stopped() && log_.connected() ? kLook : Duration{}, reports_);
    TakeReports();
    for (size_t i = 0; i < results_.size(); ++i) {
      const bool unsent = results_[i].reason == kNotSent;
      if (results_[i].outcome == Outcome::kFailed && (unknown[i] || unsent)) {
        results_[i].reason = why;
      }
    }
    producer_.reset();
    (void)Prepare(false);  // to be connected when the batch comes again
  }

  std::string WhyGivenUp() const {
    if (Stopped()) return "the relay is stopping";
    if (std::string failed = producer_->failed(); !failed.empty()) return failed;
    if (log_.connected()) return "Kafka has not confirmed it in time";
    return "Kafka is out of reach: " + log_.last_error();
  }

  void TakeReports() {
    for (DeliveryReport& report : reports_) {
      if (report.token >= open_.size() || !open_[report.token]) continue;
      open_[report.token] = false;
      --waiting_;
      results_[report.token] = ResultOf(report);
    }
    reports_.clear();
  }

  EventResult ResultOf(DeliveryReport& report) {
    switch (report.verdict) {
      case Verdict::kConfirmed:
        return {Outcome::kStored, {}};
      case Verdict::kRejected:
        return {Outcome::kPoison, std::move(report.reason)};
      case Verdict::kTooLarge:
        if (one_by_one_) return {Outcome::kPoison, std::move(report.reason)};
        too_large_ = true;
        return {Outcome::kFailed, std::move(report.reason)};
      case Verdict::kFailed:
        break;
    }
    return {Outcome::kFailed, std::move(report.reason)};
  }

  const TargetOptions options_;
  Clock& clock_;
  ConnectionLog log_{options_.name};

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false, end_ = false, woken_ = false;
  BatchPtr batch_;
  SendCompletion done_;

  // The thread's own.
  std::unique_ptr<Producer> producer_;
  std::vector<DeliveryReport> reports_;
  std::vector<EventResult> results_;  // of the batch under way
  std::vector<bool> open_;            // sent, and without a report yet
  size_t waiting_ = 0;                // how many are open
  bool one_by_one_ = false;           // how the producer sends
  bool too_large_ = false;            // a request was
  MonotonicTime end_of_batch_{};
  Message message_;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<outbox::Target>> NewKafkaTarget(const TargetOptions& options, Clock& clock) {
  POSTROAD_TRY(CheckOptions(options));
  return std::make_unique<KafkaTarget>(options, clock);
}

}  // namespace postroad::kafka
