// Reading: one stream over history, one that follows, one subscription.
#include <atomic>
#include <condition_variable>
#include <mutex>

#include "cli/bench/bare.h"
#include "cli/bench/rows.h"

namespace postroad::cli::bench {
namespace {

// Counts events and notes when the first and the last came.
class Counter {
 public:
  explicit Counter(uint64_t expected) : expected_(expected) {}

  void Count() {
    if (++seen_ == 1) first_ = std::chrono::steady_clock::now();
    if (seen_ < expected_) return;
    const std::lock_guard lock(mutex_);
    last_ = std::chrono::steady_clock::now();
    done_ = true;
    changed_.notify_all();
  }
  // Events/s between the first and the last.
  Result<double> Wait() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::minutes(5), [&] { return done_; })) {
      return Fail(ErrorCode::kDeadlineExceeded, "not all events arrived within 5 minutes");
    }
    const std::chrono::duration<double> took = last_ - first_;
    return static_cast<double>(expected_) / took.count();
  }

 private:
  const uint64_t expected_;
  uint64_t seen_ = 0;  // of the handler's thread
  MonotonicTime first_;
  std::mutex mutex_;
  std::condition_variable changed_;
  MonotonicTime last_;
  bool done_ = false;
};

Result<double> ReadAll(const Client& client, const std::string& topic, uint64_t events) {
  Counter counter(events);
  POSTROAD_ASSIGN(const auto reader,
                  Reader::Start(client, {.topics = {topic},
                                         .from = FromBeginning{},
                                         .on_event = [&](const ReadEvent&) -> Status {
                                           counter.Count();
                                           return {};
                                         }}));
  const Result<double> rate = counter.Wait();
  reader->Stop();
  return rate;
}

Result<double> ConsumeAll(const Client& client, const std::string& name, const std::string& topic,
                          uint64_t events) {
  Counter counter(events);
  SubscriberOptions options;
  options.subscription = name;
  options.create.emplace();
  options.create->topics = {topic};
  options.create->start = SubscriptionStart::kBeginning;
  options.max_unsettled = 10'000;
  options.handler = [&](Delivery&) -> Status {
    counter.Count();
    return {};
  };
  POSTROAD_ASSIGN(const auto subscriber, Subscriber::Start(client, std::move(options)));
  const Result<double> rate = counter.Wait();
  subscriber->Stop();
  return rate;
}

// Returns once the reader is at the topic's end.
Status WaitUntil(const std::atomic<bool>& flag) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!flag) {
    if (std::chrono::steady_clock::now() > deadline) {
      return Fail(ErrorCode::kDeadlineExceeded, "the stream did not catch up");
    }
    flag.wait(false);
  }
  return {};
}

Result<double> FollowWhilePosting(const Client& client, const std::string& topic, uint64_t events) {
  Counter counter(events);
  std::atomic<bool> caught_up = false;
  POSTROAD_ASSIGN(const auto reader,
                  Reader::Start(client, {.topics = {topic},
                                         .from = FromEnd{},
                                         .on_event = [&](const ReadEvent&) -> Status {
                                           counter.Count();
                                           return {};
                                         },
                                         .on_notice =
                                             [&](const ReadNotice& notice) {
                                               if (!std::holds_alternative<CaughtUpNotice>(notice))
                                                 return;
                                               caught_up = true;
                                               caught_up.notify_all();
                                             }}));
  POSTROAD_TRY(WaitUntil(caught_up));
  POSTROAD_ASSIGN(const double posted, PostEvents(client, topic, events));
  (void)posted;
  const Result<double> rate = counter.Wait();
  reader->Stop();
  return rate;
}

}  // namespace

Result<Measured> ReadHistory(Bench& bench) {
  POSTROAD_ASSIGN(const Client client, bench.Connect());
  const uint64_t events = bench.sizes().events;
  const std::string topic = bench.Unique("history"), folder = bench.Folder("scan");
  POSTROAD_ASSIGN(const double posted, PostEvents(client, topic, events));
  POSTROAD_ASSIGN(const double appended, BareAppend(folder, events, 1000));
  (void)posted;
  (void)appended;
  std::vector<double> ours, bare;
  for (int round = 0; round < bench.sizes().rounds; ++round) {
    POSTROAD_ASSIGN(const double scanned, BareScan(folder));
    bare.push_back(scanned);
    POSTROAD_ASSIGN(const double read, ReadAll(client, topic, events));
    ours.push_back(read);
  }
  const double mine = Median(ours), store = Median(bare);
  return Measured{Rate(mine), "store scan, parsed " + Rate(store), Ratio(mine, store),
                  "1,000,000/s", mine >= 1e6};
}

Result<Measured> ReadLive(Bench& bench) {
  POSTROAD_ASSIGN(const Client client, bench.Connect());
  std::vector<double> ours, bare;
  for (int round = 0; round < bench.sizes().rounds; ++round) {
    POSTROAD_ASSIGN(const double posted,
                    PostEvents(client, bench.Unique("alone"), bench.sizes().events));
    bare.push_back(posted);
    POSTROAD_ASSIGN(const double read,
                    FollowWhilePosting(client, bench.Unique("live"), bench.sizes().events));
    ours.push_back(read);
  }
  const double mine = Median(ours), alone = Median(bare);
  return Measured{Rate(mine), "the same posts, unread " + Rate(alone), Ratio(mine, alone),
                  "400,000/s", mine >= 4e5};
}

Result<Measured> SubscribeAndAck(Bench& bench) {
  POSTROAD_ASSIGN(const Client client, bench.Connect());
  const uint64_t events = bench.sizes().events;
  const std::string topic = bench.Unique("subscribed");
  POSTROAD_ASSIGN(const double posted, PostEvents(client, topic, events));
  (void)posted;
  std::vector<double> ours, bare;
  Admin admin(client);
  for (int round = 0; round < bench.sizes().rounds; ++round) {
    POSTROAD_ASSIGN(const double read, ReadAll(client, topic, events));
    bare.push_back(read);
    const std::string name = bench.Unique("subscription");
    POSTROAD_ASSIGN(const double consumed, ConsumeAll(client, name, topic, events));
    ours.push_back(consumed);
    POSTROAD_TRY(admin.DeleteSubscription(name));
  }
  const double mine = Median(ours), stream = Median(bare);
  return Measured{Rate(mine), "stream of the same " + Rate(stream), Ratio(mine, stream),
                  "200,000/s", mine >= 2e5};
}

}  // namespace postroad::cli::bench
