// The server is killed with SIGKILL under load, fifty times in a row (under a sanitizer ten), while
// publishers, a reader and a subscriber go on through it all. After every kill: nothing
// acknowledged is lost, nothing that was shown is gone or different, offsets are contiguous, the
// order of every publisher is kept, and every event is there exactly once.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "postroad/postroad.h"
#include "support/server_process.h"

namespace postroad::testing {
namespace {

constexpr int kPublishers = 2;
constexpr int kTopics = 3;
constexpr int kBatch = 5;

std::string TopicName(uint64_t number) { return "kill/" + std::to_string(number % kTopics); }

// What somebody was told: which event is at which offset of which topic.
class Ledger {
 public:
  explicit Ledger(std::string name) : name_(std::move(name)) {}

  void Note(const std::string& topic, uint64_t offset, std::string_view id) {
    const std::lock_guard lock(mutex_);
    const auto [at, added] = events_[topic].try_emplace(offset, id);
    if (!added) EXPECT_EQ(at->second, id) << name_ << " twice: " << topic << "@" << offset;
    count_ += added ? 1 : 0;
  }
  uint64_t count() const {
    const std::lock_guard lock(mutex_);
    return count_;
  }
  std::map<std::string, std::map<uint64_t, std::string>> Copy() const {
    const std::lock_guard lock(mutex_);
    return events_;
  }

 private:
  const std::string name_;
  mutable std::mutex mutex_;
  std::map<std::string, std::map<uint64_t, std::string>> events_;
  uint64_t count_ = 0;
};

// Posts batches until told to stop; ids say who posted and in which order.
class Load {
 public:
  Load(const Client& client, int number, Ledger& acked) : number_(number), acked_(acked) {
    auto publisher = Publisher::Create(
        client, {.max_batch_events = 50, .max_buffered_bytes = 64 << 10, .timeout = kPatience});
    EXPECT_TRUE(publisher) << publisher.error().ToString();
    publisher_ = *std::move(publisher);
    thread_ = std::thread([this] { Post(); });
  }
  // Returns once all that was posted is answered.
  uint64_t Finish() {
    stop_ = true;
    thread_.join();
    EXPECT_TRUE(publisher_->Close());
    return posted_;
  }

 private:
  void Post() {
    for (uint64_t batch = 0; !stop_; ++batch) {
      std::vector<Event> events(kBatch);
      for (Event& event : events) {
        event.topic = TopicName(batch);
        event.id = std::to_string(number_) + "-" + std::to_string(posted_++);
        event.payload = "payload of " + event.id;
      }
      const Status taken = publisher_->PostAsync(events, [this, batch](const auto& answer) {
        ASSERT_TRUE(answer) << answer.error().ToString();
        for (const PostResult& result : *answer) {
          acked_.Note(TopicName(batch), result.offset.value(), result.id);
        }
      });
      ASSERT_TRUE(taken) << taken.error().ToString();
    }
  }

  const int number_;
  Ledger& acked_;
  uint64_t posted_ = 0;
  std::atomic<bool> stop_ = false;
  std::unique_ptr<Publisher> publisher_;
  std::thread thread_;
};

// What the log holds: read anew, by a client that knows nothing of what was before.
class Log {
 public:
  // Reads from `from` on, checking that offsets are contiguous and events are as they were posted.
  void Read(const Client& client, const std::string& topic, uint64_t from) {
    auto& events = events_[topic];
    uint64_t next = from;
    const auto on_event = [&](const ReadEvent& event) -> Status {
      EXPECT_EQ(event.offset().value(), next++) << "a hole in " << topic;
      EXPECT_EQ(event.event().payload, "payload of " + std::string(event.event().id));
      events[event.offset().value()] = event.event().id;
      return {};
    };
    auto reader =
        Reader::Start(client, {.topics = {topic},
                               .from = FromOffset{Offset(from)},
                               .stop_at_end = true,
                               .on_event = on_event,
                               .on_notice = [](const ReadNotice& notice) {
                                 EXPECT_TRUE(std::holds_alternative<CaughtUpNotice>(notice));
                               }});
    ASSERT_TRUE(reader) << reader.error().ToString();
    const Status ended = (*reader)->Wait();
    ASSERT_TRUE(ended) << ended.error().ToString();
  }
  // All of the ledger from `from` on is in the log, at the same place.
  void ExpectHolds(const std::string& who, const std::string& topic,
                   const std::map<uint64_t, std::string>& told, uint64_t from) const {
    const auto& events = events_.at(topic);
    for (auto at = told.lower_bound(from); at != told.end(); ++at) {
      const auto found = events.find(at->first);
      ASSERT_TRUE(found != events.end())
          << "lost: " << topic << "@" << at->first << " " << at->second << ", " << who;
      ASSERT_EQ(found->second, at->second) << topic << "@" << at->first << ", " << who;
    }
  }
  // Each publisher's events once, in the order it posted them, and all of them.
  void ExpectOnceAndInOrder(const std::vector<uint64_t>& posted) const {
    std::map<std::string, std::set<uint64_t>> seen;
    for (const auto& [topic, events] : events_) {
      std::map<std::string, uint64_t> last;
      for (const auto& [offset, id] : events) {
        const std::string who = id.substr(0, id.find('-'));
        const uint64_t number = std::stoull(id.substr(who.size() + 1));
        EXPECT_TRUE(seen[who].insert(number).second) << id << " is there twice";
        const auto [at, first] = last.try_emplace(who, number);
        if (!first) EXPECT_LT(at->second, number) << topic << "@" << offset << " of " << who;
        at->second = number;
      }
    }
    for (size_t i = 0; i < posted.size(); ++i) EXPECT_EQ(seen[std::to_string(i)].size(), posted[i]);
  }
  const auto& events() const { return events_; }

 private:
  std::map<std::string, std::map<uint64_t, std::string>> events_;
};

class Kill9Test : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(server_.ready()); }

  Client Connect() const {
    auto client = Client::Create({.addresses = {address_},
                                  .backoff = {.base = std::chrono::milliseconds(20),
                                              .max = std::chrono::milliseconds(200)}});
    EXPECT_TRUE(client) << client.error().ToString();
    return *std::move(client);
  }
  void Kill() {
    server_.process().Signal(SIGKILL);
    ASSERT_EQ(server_.process().Wait().code, -SIGKILL);
    server_.Start();
    ASSERT_TRUE(server_.ready()) << server_.process().Output();
  }
  std::unique_ptr<Reader> StartReader(const Client& client) {
    ReaderOptions options{.topics = {"kill/*"}, .from = FromBeginning{}};
    options.on_event = [this](const ReadEvent& event) -> Status {
      shown_.Note(std::string(event.event().topic), event.offset().value(), event.event().id);
      return {};
    };
    auto reader = Reader::Start(client, std::move(options));
    EXPECT_TRUE(reader) << reader.error().ToString();
    return *std::move(reader);
  }
  // Reads what is new since the round before, and checks what was told up to the kill.
  void Verify(uint64_t& checked) {
    const auto acked = acked_.Copy(), shown = shown_.Copy();
    const Client client = Connect();
    for (int i = 0; i < kTopics; ++i) {
      const std::string topic = TopicName(static_cast<uint64_t>(i));
      const uint64_t from = log_.events().contains(topic) && !log_.events().at(topic).empty()
                                ? log_.events().at(topic).rbegin()->first + 1
                                : 0;
      log_.Read(client, topic, from);
      if (acked.contains(topic)) log_.ExpectHolds("acknowledged", topic, acked.at(topic), 0);
      if (shown.contains(topic)) log_.ExpectHolds("shown", topic, shown.at(topic), 0);
    }
    checked = acked_.count();
  }

  const std::string address_ = "127.0.0.1:" + std::to_string(FreePort());
  TempFolder folder_;
  ServerProcess server_{{.data = folder_ / "data", .flags = {"--listen.grpc", address_}}};
  Ledger acked_{"acknowledged"}, shown_{"shown"};
  Log log_;
};

TEST_F(Kill9Test, NothingAcknowledgedIsLostAndNothingShownWasNotDurable) {
  std::random_device seed;
  const auto seeded = seed();
  std::mt19937 random(seeded);
  SCOPED_TRACE("seed " + std::to_string(seeded));
  const Client client = Connect();
  const auto reader = StartReader(client);
  std::vector<std::unique_ptr<Load>> loads;
  for (int i = 0; i < kPublishers; ++i) loads.push_back(std::make_unique<Load>(client, i, acked_));
  uint64_t checked = 0;
  const int rounds = Scaled(50);
  for (int round = 0; round < rounds && !HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const uint64_t enough =
        acked_.count() + std::uniform_int_distribution<uint64_t>(1, 2000)(random);
    ASSERT_TRUE(Eventually([&] { return acked_.count() >= enough; }))
        << "posting does not go on after a kill";
    Kill();
    Verify(checked);
  }
  std::vector<uint64_t> posted;
  for (auto& load : loads) posted.push_back(load->Finish());
  Verify(checked);
  log_.ExpectOnceAndInOrder(posted);
  // The reader lived through all of it and missed nothing.
  uint64_t all = 0;
  for (const uint64_t each : posted) all += each;
  EXPECT_TRUE(Eventually([&] { return shown_.count() == all; })) << shown_.count() << " of " << all;
  reader->Stop();
  Verify(checked);
}

TEST_F(Kill9Test, ASubscriptionMissesNothing) {
  std::mt19937 random(7);
  const Client client = Connect();
  std::mutex mutex;
  std::set<std::string> delivered;
  SubscriberOptions options;
  options.subscription = "killed";
  options.create.emplace();
  options.create->topics = {"kill/*"};
  options.create->start = SubscriptionStart::kBeginning;
  options.handler = [&](Delivery& delivery) -> Status {
    const std::lock_guard lock(mutex);
    delivered.insert(std::string(delivery.event().id));
    return {};
  };
  auto subscriber = Subscriber::Start(client, std::move(options));
  ASSERT_TRUE(subscriber) << subscriber.error().ToString();
  Load load(client, 0, acked_);
  const auto count = [&] {
    const std::lock_guard lock(mutex);
    return delivered.size();
  };
  const int rounds = Scaled(10);
  for (int round = 0; round < rounds && !HasFailure(); ++round) {
    const size_t enough = count() + std::uniform_int_distribution<size_t>(1, 1000)(random);
    ASSERT_TRUE(Eventually([&] { return count() >= enough; }))
        << "delivery does not go on after a kill";
    Kill();
  }
  const uint64_t posted = load.Finish();
  EXPECT_TRUE(Eventually([&] { return count() == posted; })) << count() << " of " << posted;
  // Once all acks are through, nothing is left to be delivered.
  Admin admin(client);
  EXPECT_TRUE(Eventually([&] {
    const auto info = admin.GetSubscription("killed");
    return info && info->floor == info->end && info->in_flight == 0;
  }));
  (*subscriber)->Stop();
}

}  // namespace
}  // namespace postroad::testing
