// See kafka_stream.h. One thread reads and commits, the pump's calls the handler; offsets are
// committed only of what the handler is through with, whatever the mode.
#include "event_bus/kafka_stream.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "event_bus/offset_ledger.h"
#include "event_bus/stream_pump.h"
#include "kafka/connection_log.h"
#include "kafka/consumer.h"
#include "kafka/format.h"
#include "kafka/topic_names.h"
#include "runtime/clock.h"
#include "runtime/log.h"

namespace postroad::event_bus {
namespace {

using kafka::Backpressure;
using kafka::CommitMode;
using std::chrono::seconds;

// Reading that has stood still so long is paused, so that the rest of a member's duties goes on.
constexpr Duration kPauseAfter = seconds(1);
// What a rebalance waits for the handler that runs.
constexpr Duration kLastWords = seconds(10);
constexpr Duration kShortestWait = std::chrono::milliseconds(200), kLongestWait = seconds(5);

size_t QueueSize(const ConsumerSettings& settings) {
  const bool unbuffered = settings.strategy == Backpressure::kPause;
  return unbuffered ? settings.batch_events : settings.buffer_events;
}

class KafkaStream final : public StreamBase, private PumpOwner, private kafka::ConsumerOwner {
 public:
  KafkaStream(const ConsumerSettings& settings, const std::string& topic, const std::string& group,
              StreamHandlers handlers, std::shared_ptr<BusMetrics> metrics)
      : StreamBase(topic, group, std::move(metrics)),
        settings_(settings),
        log_("event bus " + group),
        pump_(settings.strategy, QueueSize(settings), std::move(handlers), meters_, *this) {}
  ~KafkaStream() override { KafkaStream::Stop(); }

  void Start() {
    pump_.Start();
    thread_ = std::thread([this] { Run(); });
  }

  void Stop() override {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
      changed_.notify_all();
    }
    pump_.Close();
    if (pump_.OnOwnThread() || reader_ == std::this_thread::get_id()) return;
    std::lock_guard lock(join_mutex_);
    if (thread_.joinable()) thread_.join();
    pump_.Stop();
  }

  StreamStats stats() const override {
    return {.received = received_,
            .handled = handled_,
            .dropped = dropped_,
            .bad = bad_,
            .waiting = pump_.waiting(),
            .connected = log_.connected(),
            .paused = paused_};
  }

 private:
  // --- The reading thread. ---
  void Run() {
    reader_ = std::this_thread::get_id();
    Duration wait = kShortestWait;
    Status ended;
    while (true) {
      const uint64_t before = handled_;
      ended = Session();
      if (Over()) break;
      // Only Kafka's client failed; another may fare better.
      if (handled_ > before) wait = kShortestWait;
      meters_.errors.Add();
      LogError("event bus reads anew", {{"topic", topic()},
                                        {"group", group()},
                                        {"error", ended.error()},
                                        {"wait", FormatDuration(wait)}});
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, wait, [&] { return stop_ || failure_; });
      wait = std::min(2 * wait, kLongestWait);
    }
    pump_.Close();
    std::unique_lock lock(mutex_);
    Status how;
    if (failure_) how = Fail(*failure_);
    lock.unlock();
    End(std::move(how), pump_.handlers().on_error);
  }

  // Success: over.
  Status Session() {
    const kafka::ConsumerOptions options{.brokers = settings_.brokers,
                                         .group = group(),
                                         .topics = {kafka::KafkaTopicFor("{topic}", topic())},
                                         .start = settings_.start,
                                         .commit_mode = settings_.mode,
                                         .properties = settings_.kafka};
    POSTROAD_ASSIGN(consumer_, kafka::Consumer::Create(options, log_, *this, [this] { Wake(); }));
    Status ended;
    while (ended && !Over()) ended = Step();
    LeaveGroup();
    return ended;
  }

  Status Step() {
    const bool room = pump_.HasRoom() && Due();
    if (room) {
      full_since_.reset();
      if (paused_.exchange(false)) consumer_->Pause(false);
      more_ = consumer_->Poll(settings_.batch_events);
    } else {
      StandStill();
    }
    meters_.errors.Add(static_cast<double>(log_.errors() - std::exchange(errors_, log_.errors())));
    CommitIfDue();
    if (std::string failed = consumer_->failed(); !failed.empty()) {
      return Fail(ErrorCode::kUnavailable, std::move(failed));
    }
    Rest();
    return {};
  }

  // EndOfBatchCommit takes the next batch once this one is done, unless a strategy says that
  // reading does not wait.
  bool Due() const {
    if (settings_.mode != CommitMode::kEndOfBatchCommit ||
        settings_.strategy != Backpressure::kPause) {
      return true;
    }
    std::lock_guard lock(mutex_);
    return ledger_.open() == 0;
  }

  // Takes no messages, and after a while says so to Kafka, so that the membership stays.
  void StandStill() {
    const MonotonicTime now = SystemClock().Monotonic();
    if (!full_since_) full_since_ = now;
    more_ = false;
    if (now - *full_since_ < kPauseAfter) return;
    if (!paused_.exchange(true)) consumer_->Pause(true);
    consumer_->Poll(1);
  }

  // Until there is something to do; a handler that is through with an event wakes it.
  void Rest() {
    const bool ready = more_ && pump_.HasRoom() && Due();
    const Duration most = full_since_ ? std::min<Duration>(settings_.sync_interval, kPauseAfter)
                                      : settings_.sync_interval;
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, most,
                      [&] { return ready || stop_ || failure_ || woken_ || commit_wanted_; });
    woken_ = false;
  }

  bool Over() const {
    std::lock_guard lock(mutex_);
    return stop_ || failure_;
  }

  void Wake() {
    std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_all();
  }

  // --- Commits. ---
  void CommitIfDue() {
    bool due = true, wait = false;
    {
      std::lock_guard lock(mutex_);
      switch (settings_.mode) {
        case CommitMode::kAutoCommit:
          break;
        case CommitMode::kEndOfBatchCommit:
          due = ledger_.open() == 0 || since_commit_ >= settings_.batch_events;
          break;
        case CommitMode::kMessageCommit:
          wait = true;
          break;
      }
    }
    if (due) Commit(wait);
  }

  void Commit(bool wait) {
    kafka::Offsets offsets;
    {
      std::lock_guard lock(mutex_);
      offsets = ledger_.TakeCommittable();
      since_commit_ = 0;
    }
    consumer_->Commit(offsets, wait);
    std::lock_guard lock(mutex_);
    commit_wanted_ = false;
    changed_.notify_all();
  }

  void OnCommitted(bool good) override {
    if (good) return;
    std::lock_guard lock(mutex_);
    ledger_.Uncommit();
  }

  void OnLost(const kafka::Partition& partition, int64_t committed, int64_t earliest) override {
    LogError("kafka has deleted messages before they were read", {{"topic", partition.topic},
                                                                  {"partition", partition.number},
                                                                  {"committed", committed},
                                                                  {"earliest", earliest}});
  }

  void LeaveGroup() {
    consumer_->Close();  // OnRevoked commits
    consumer_.reset();
    pump_.RemoveIf([](uint64_t) { return true; });
    std::lock_guard lock(mutex_);
    ledger_.Clear();
    paused_ = false;
    full_since_.reset();
  }

  // --- Messages. ---
  void OnMessage(const kafka::MessageView& message) override {
    const kafka::Partition partition{std::string(message.topic), message.partition};
    const uint64_t token = [&] {
      std::lock_guard lock(mutex_);
      return ledger_.Read(partition, message.offset);
    }();
    ++received_;
    auto event = kafka::DecodeMessage(kafka::Format::kEnvelope, message, "");
    if (!event) return SkipBad(message, event.error(), token);
    if (Over()) return;  // stays uncommitted
    std::vector<uint64_t> dropped;
    const auto offered = pump_.Offer({ToOutput(*std::move(event)), token}, dropped);
    if (offered == StreamQueue::Offered::kOverrun) return Overrun();
    if (dropped.empty()) return;
    dropped_ += dropped.size();
    meters_.dropped.Add(static_cast<double>(dropped.size()));
    std::lock_guard lock(mutex_);
    for (const uint64_t gone : dropped) ledger_.Done(gone);
  }

  void SkipBad(const kafka::MessageView& message, const Error& error, uint64_t token) {
    ++bad_;
    meters_.bad.Add();
    LogError("kafka message is no event and is skipped", {{"topic", message.topic},
                                                          {"partition", message.partition},
                                                          {"offset", message.offset},
                                                          {"group", group()},
                                                          {"error", error}});
    std::lock_guard lock(mutex_);
    ledger_.Done(token);
  }

  void Overrun() {
    pump_.Close();
    std::lock_guard lock(mutex_);
    if (failure_) return;
    failure_ = Error{ErrorCode::kResourceExhausted,
                     "Kafka gives events faster than they are handled "
                     "(consumer.backpressureStrategy ERROR)",
                     {},
                     "BACKPRESSURE"};
  }

  // --- The pump's thread. ---
  void OnHandled(uint64_t token) override {
    ++handled_;
    std::unique_lock lock(mutex_);
    ledger_.Done(token);
    ++since_commit_;
    woken_ = true;
    commit_wanted_ = settings_.mode == CommitMode::kMessageCommit;
    changed_.notify_all();
    // Message by message: the next one only once this one is committed.
    changed_.wait(lock, [&] { return !commit_wanted_ || stop_ || failure_; });
  }

  void OnHandlerFailed(uint64_t, Error error) override {
    std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::move(error);
    changed_.notify_all();
  }

  // --- The group. ---
  void OnRevoked(const std::vector<kafka::Partition>& partitions, bool lost) override {
    const auto gone = [&](uint64_t token) {
      std::lock_guard lock(mutex_);
      const auto partition = ledger_.PartitionOf(token);
      return partition && std::ranges::find(partitions, *partition) != partitions.end();
    };
    pump_.RemoveIf(gone);
    if (!lost) {
      AwaitHandler(gone);
      Commit(/*wait=*/true);
    }
    std::lock_guard lock(mutex_);
    for (const kafka::Partition& partition : partitions) ledger_.Forget(partition);
  }

  // A handler that is through may wait for a commit, which only this thread makes.
  void AwaitHandler(const std::function<bool(uint64_t)>& gone) {
    const MonotonicTime end = SystemClock().Monotonic() + kLastWords;
    while (!pump_.AwaitHandler(gone, std::chrono::milliseconds(20))) {
      if (SystemClock().Monotonic() >= end) return;
      std::unique_lock lock(mutex_);
      if (!commit_wanted_) continue;
      lock.unlock();
      Commit(/*wait=*/true);
    }
  }

  const ConsumerSettings settings_;
  kafka::ConnectionLog log_;
  std::atomic<uint64_t> received_ = 0, handled_ = 0, dropped_ = 0, bad_ = 0;
  std::atomic<bool> paused_ = false;  // set by the reading thread

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false, woken_ = false, commit_wanted_ = false;
  std::optional<Error> failure_;  // what ends the stream
  OffsetLedger ledger_;
  uint64_t since_commit_ = 0;  // events handled

  // The reading thread's own.
  std::unique_ptr<kafka::Consumer> consumer_;
  uint64_t errors_ = 0;  // of log_, counted so far
  bool more_ = false;    // Kafka may have messages for us
  std::optional<MonotonicTime> full_since_;

  StreamPump pump_;
  std::mutex join_mutex_;
  std::atomic<std::thread::id> reader_;
  std::thread thread_;
};

}  // namespace

std::shared_ptr<StreamBase> StartKafkaStream(const ConsumerSettings& settings,
                                             const std::string& topic, const std::string& group,
                                             StreamHandlers handlers,
                                             std::shared_ptr<BusMetrics> metrics) {
  auto stream = std::make_shared<KafkaStream>(settings, topic, group, std::move(handlers),
                                              std::move(metrics));
  stream->Start();
  return stream;
}

}  // namespace postroad::event_bus
