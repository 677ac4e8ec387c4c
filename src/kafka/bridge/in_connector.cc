// From Kafka to topics. Messages become events and wait in a bounded queue; one batch at a time
// goes to the log, so that their order stays; offsets are committed once it is durable. What is
// read twice, after a crash or a rebalance, has the same id and is stored once.
#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "kafka/bridge/backoff.h"
#include "kafka/bridge/connector.h"
#include "kafka/bridge/in_item.h"
#include "kafka/bridge/in_queue.h"
#include "kafka/bridge/metrics.h"
#include "kafka/connection_log.h"
#include "kafka/consumer.h"
#include "kafka/properties.h"
#include "outbox/log/log_target.h"
#include "runtime/log.h"

namespace postroad::kafka {
namespace {

// A batch is as large as the log takes at once.
constexpr size_t kMaxBatchBytes = 4 << 20;
// What Poll takes between two looks at everything else.
constexpr size_t kPollMessages = 1'000;
// Reading that has stood still so long is paused, so that the rest of a member's duties goes on.
constexpr Duration kPauseAfter = std::chrono::seconds(1);
// What a rebalance, or a stop, waits for the batch under way.
constexpr Duration kLastWords = std::chrono::seconds(10);

class InConnector final : public Connector, private ConsumerOwner {
 public:
  InConnector(const InOptions& options, ConnectorContext context)
      : options_(options),
        context_(context),
        target_(outbox::NewLogTarget(context.broker, context.cores.Next())),
        metrics_(context.metrics, options.name) {}
  ~InConnector() override { Stop(); }

  void Start() {
    thread_ = std::thread([this] { Run(); });
  }

  ConnectorStatus Status() const override {
    std::lock_guard lock(mutex_);
    std::string error = error_.empty() ? log_.last_error() : error_;
    if (error.empty()) error = lost_;
    return {options_.name, "in", log_.connected(), std::move(error)};
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
  bool Stopping() const {
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

  void Run() {
    while (!Stopping()) {
      const auto ended = RunSession();
      if (Stopping()) return;
      metrics_.restarts.Add();
      const Duration wait = backoff_.Next();
      LogError(
          "kafka in begins again",
          {{"connector", options_.name}, {"error", ended.error()}, {"wait", FormatDuration(wait)}});
      std::unique_lock lock(mutex_);
      error_ = ended.error().message;
      changed_.wait_for(lock, wait, [&] { return stop_; });
    }
  }

  postroad::Status RunSession() {
    ConsumerOptions options{options_.brokers, GroupOf(options_),    options_.topics,
                            options_.start,   options_.commit_mode, options_.properties};
    POSTROAD_ASSIGN(consumer_, Consumer::Create(options, log_, *this, [this] { Wake(); }));
    auto ended = Pump();
    FinishBatch();
    GiveUpBatch();
    waiting_.Clear();
    consumer_->Close();
    consumer_.reset();
    paused_ = false;
    full_since_.reset();
    return ended;
  }

  static std::string GroupOf(const InOptions& options) {
    return options.group.empty() ? "postroad-" + options.name : options.group;
  }

  // Success: stopped.
  postroad::Status Pump() {
    more_ = true;
    while (Wait()) {
      TakeResults();
      SendBatch();
      Read();
      if (overrun_) {
        overrun_ = false;
        return Fail(ErrorCode::kResourceExhausted,
                    "Kafka gives messages faster than they can be stored (backpressure = error)");
      }
      if (std::string failed = consumer_->failed(); !failed.empty()) {
        return Fail(ErrorCode::kUnavailable, std::move(failed));
      }
      SendBatch();
      metrics_.waiting.Set(static_cast<double>(waiting_.size()));
      metrics_.connected.Set(log_.connected() ? 1 : 0);
    }
    return {};
  }

  // False: stop.
  bool Wait() {
    std::unique_lock lock(mutex_);
    const Duration most = retry_at_ ? *retry_at_ - context_.clock.Monotonic() : kPauseAfter;
    const bool can_read = more_ && !full_since_;
    const bool asked = changed_.wait_for(lock, std::clamp(most, Duration{}, kPauseAfter),
                                         [&] { return stop_ || woken_ || results_ || can_read; });
    if (std::exchange(woken_, false) || !asked) more_ = true;
    return !stop_;
  }

  // --- Reading. ---
  void Read() {
    const MonotonicTime now = context_.clock.Monotonic();
    if (!waiting_.Full(sending_ != nullptr)) {
      if (full_since_) more_ = true;
      full_since_.reset();
      if (std::exchange(paused_, false)) consumer_->Pause(false);
      if (more_) more_ = consumer_->Poll(waiting_.Room());
      return;
    }
    if (!full_since_) full_since_ = now;
    if (now - *full_since_ < kPauseAfter) return;
    if (!std::exchange(paused_, true)) consumer_->Pause(true);
    consumer_->Poll(kPollMessages);
  }
  void OnMessage(const MessageView& message) override {
    const Partition partition{std::string(message.topic), message.partition};
    const auto answer = waiting_.Offer(partition, message.offset, sending_ != nullptr);
    metrics_.dropped.Add(static_cast<double>(answer.dropped));
    overrun_ |= answer.verdict == InQueue::Verdict::kOverrun;
    if (answer.verdict == InQueue::Verdict::kTake) waiting_.Push(maker_.Make(message));
  }

  // --- Storing. ---
  void SendBatch() {
    if (sending_) {
      if (retry_at_ && context_.clock.Monotonic() >= *retry_at_) Send();
      return;
    }
    if (waiting_.empty()) return;
    const size_t most =
        options_.commit_mode == CommitMode::kMessageCommit ? 1 : options_.batch_events;
    auto items = std::make_shared<Items>(waiting_.Take(most, kMaxBatchBytes));
    for (const Item& item : *items) committable_[item.partition] = item.offset + 1;
    sending_ = std::move(items);
    Send();
  }

  void Send() {
    retry_at_.reset();
    sent_at_ = context_.clock.Monotonic();
    auto batch = std::make_shared<outbox::Batch>();
    batch->events.reserve(sending_->size());
    for (const Item& item : *sending_) batch->events.push_back(ViewOf(item.event));
    batch->storage = sending_;
    target_->Send(std::move(batch), [this](std::vector<outbox::EventResult> results) {
      // Notified under the lock: a waiter that stops destroys what is notified.
      std::lock_guard lock(mutex_);
      results_ = std::move(results);
      changed_.notify_all();
    });
  }

  // What became of the batch under way, if that is known.
  void TakeResults() {
    std::optional<std::vector<outbox::EventResult>> results;
    {
      std::lock_guard lock(mutex_);
      results.swap(results_);
    }
    if (!results) return;
    auto again = std::make_shared<Items>();
    const std::string failed = Sort(*results, *again);
    if (again->empty()) return BatchStored();
    sending_ = std::move(again);
    if (failed.empty()) return Send();
    if (std::exchange(stands_still_, false)) StandStill(failed);
    const Duration wait = store_backoff_.Next();
    retry_at_ = context_.clock.Monotonic() + wait;
    LogWarn("kafka in cannot store now",
            {{"connector", options_.name}, {"error", failed}, {"wait", FormatDuration(wait)}});
  }

  // Moves what has to be stored still into `again`; why the first of them failed, if it did.
  std::string Sort(const std::vector<outbox::EventResult>& results, Items& again) {
    std::string failed;
    for (size_t i = 0; i < results.size(); ++i) {
      Item& item = (*sending_)[i];
      switch (results[i].outcome) {
        case outbox::Outcome::kStored:
          if (!item.dead) metrics_.events.Add();
          break;
        case outbox::Outcome::kDuplicate:
          metrics_.duplicates.Add();
          break;
        case outbox::Outcome::kLeft:
        case outbox::Outcome::kFailed:
          if (failed.empty()) failed = results[i].reason;
          again.push_back(std::move(item));
          break;
        case outbox::Outcome::kPoison:
          SetAside(item, results[i].reason, again, failed);
          break;
      }
    }
    return failed;
  }

  // Nothing is committed that is kept nowhere: a dead letter that is refused is tried again, and
  // what is behind it waits.
  void SetAside(Item& item, const std::string& reason, Items& again, std::string& failed) {
    if (!item.dead) {
      maker_.SetAside(item, reason);
    } else if (failed.empty()) {
      failed = "the dead letter of " + item.partition.topic + "/" +
               std::to_string(item.partition.number) + " offset " + std::to_string(item.offset) +
               " is refused: " + reason;
      stands_still_ = true;
    }
    again.push_back(std::move(item));
  }

  // What is before the items that wait is done, however long they will.
  void StandStill(const std::string& why) {
    Offsets done = committable_;
    for (const Item& item : *sending_) {
      const auto found = done.find(item.partition);
      if (found != done.end()) found->second = std::min(found->second, item.offset);
    }
    consumer_->Commit(done, commit_waits_);
    std::lock_guard lock(mutex_);
    if (error_ == why) return;
    error_ = why;
    LogError("kafka in stands still", {{"connector", options_.name}, {"error", why}});
  }

  void BatchStored() {
    metrics_.store_seconds.Observe(
        std::chrono::duration<double>(context_.clock.Monotonic() - sent_at_).count());
    sending_.reset();
    store_backoff_.Reset();
    backoff_.Reset();
    for (const auto& [partition, offset] : waiting_.TakeSkipped()) {
      int64_t& committable = committable_[partition];
      committable = std::max(committable, offset);
    }
    CommitNow();
    std::lock_guard lock(mutex_);
    error_.clear();
  }

  void CommitNow() {
    if (committable_.empty()) return;
    metrics_.commits.Add();
    consumer_->Commit(committable_, commit_waits_);
    committable_.clear();
  }
  void OnCommitted(bool good) override {
    if (!good) metrics_.commit_errors.Add();
  }

  void OnLost(const Partition& partition, int64_t committed, int64_t earliest) override {
    LogError("kafka has deleted messages before they were read", {{"connector", options_.name},
                                                                  {"topic", partition.topic},
                                                                  {"partition", partition.number},
                                                                  {"committed", committed},
                                                                  {"earliest", earliest}});
    metrics_.resets.Add();
    metrics_.lost.Add(static_cast<double>(std::max<int64_t>(earliest - committed, 0)));
    std::lock_guard lock(mutex_);
    lost_ = partition.topic + "/" + std::to_string(partition.number) + ": offset " +
            std::to_string(committed) + " is not in Kafka any more; read on from " +
            std::to_string(earliest);
  }

  // As far as it goes in time, so that little comes twice; with its offsets, before they are
  // another member's.
  void FinishBatch() {
    const MonotonicTime end = context_.clock.Monotonic() + kLastWords;
    commit_waits_ = true;
    while (sending_ && !retry_at_ && context_.clock.Monotonic() < end) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, end - context_.clock.Monotonic(),
                          [&] { return results_.has_value(); });
      }
      TakeResults();
    }
    commit_waits_ = false;
  }

  // What could not be stored comes again to whoever reads on.
  void GiveUpBatch() {
    if (sending_ && !retry_at_) WaitForTarget();
    sending_.reset();
    retry_at_.reset();
    committable_.clear();
  }
  // The target calls back into this object: that must have happened before anything goes on.
  void WaitForTarget() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return results_.has_value(); });
    results_.reset();
  }

  // --- The group. ---
  void OnRevoked(const std::vector<Partition>& partitions, bool lost) override {
    if (!lost) FinishBatch();
    const std::set<Partition> gone(partitions.begin(), partitions.end());
    for (const Partition& partition : gone) committable_.erase(partition);
    waiting_.Forget(gone);
    // Of a batch that waits to be sent again, too: it may never be stored here.
    if (!retry_at_) return;
    std::erase_if(*sending_, [&](const Item& item) { return gone.contains(item.partition); });
    if (!sending_->empty()) return;
    sending_.reset();
    retry_at_.reset();
  }

  const InOptions options_;
  const ConnectorContext context_;
  const std::unique_ptr<outbox::Target> target_;
  InMetrics metrics_;
  ConnectionLog log_{options_.name};

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false, woken_ = false;
  std::optional<std::vector<outbox::EventResult>> results_;  // of the batch under way
  std::string error_;
  std::string lost_;  // what Kafka had deleted before it was read; stays to be seen

  // The thread's own.
  std::unique_ptr<Consumer> consumer_;
  ItemMaker maker_{options_, metrics_, [this] { return consumer_->ClusterId(); }};
  InQueue waiting_{options_};
  std::shared_ptr<Items> sending_;  // the batch under way
  MonotonicTime sent_at_{};
  std::optional<MonotonicTime> retry_at_;  // when it is sent again; nothing while it is sent
  Offsets committable_;                    // once the batch under way is stored
  bool more_ = false;                      // Kafka may have messages for us
  bool paused_ = false;
  bool overrun_ = false;
  bool commit_waits_ = false;
  bool stands_still_ = false;  // a dead letter is refused
  std::optional<MonotonicTime> full_since_;
  Backoff backoff_{std::chrono::milliseconds(200), std::chrono::seconds(5)};
  Backoff store_backoff_{std::chrono::milliseconds(20), std::chrono::seconds(1)};
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Connector>> StartIn(const InOptions& options, ConnectorContext context) {
  POSTROAD_TRY(CheckOptions(options));
  auto connector = std::make_unique<InConnector>(options, context);
  connector->Start();
  return connector;
}

}  // namespace postroad::kafka
