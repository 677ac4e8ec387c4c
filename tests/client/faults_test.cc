// Bad days: the server dies, the network breaks. The scenarios of scenarios.md, F1 to F10.
#include <atomic>
#include <functional>
#include <thread>

#include "client/fixture.h"

namespace postroad::testing {
namespace {

constexpr size_t kEvents = 3000;

// Posts, reads and consumes at once while something goes wrong again and again; then nothing may be
// lost, the stream must have everything once and in order, the subscription everything at least
// once.
class FaultTest : public ClientTest {
 protected:
  void Survive(const std::function<void()>& fault, size_t faults, ClientOptions options = {}) {
    const Client client = Connect(std::move(options));
    Seen read, consumed;
    auto reader = Start(client, ReadInto("orders", read));
    auto subscriber = Start(client, ConsumeInto("billing", "orders", consumed));
    std::atomic<size_t> posted = 0;
    std::thread poster([&] { posted = Post(client); });
    for (size_t i = 0; i < faults; ++i) {
      // Each fault comes while events are under way.
      const size_t reached = kEvents * (i + 1) / (faults + 1);
      EXPECT_TRUE(Eventually([&] { return read.size() >= reached || consumed.size() >= reached; }));
      fault();
    }
    poster.join();
    EXPECT_EQ(posted, kEvents);

    EXPECT_TRUE(Eventually([&] { return read.size() >= kEvents; })) << read.size();
    EXPECT_TRUE(Eventually([&] { return consumed.distinct() >= kEvents; })) << consumed.distinct();
    EXPECT_TRUE(AllSettled(client, "billing"));
    reader->Stop();
    subscriber->Stop();
    EXPECT_EQ(read.order(), Numbers(kEvents));
    EXPECT_EQ(consumed.distinct(), kEvents);
    std::vector<uint64_t> offsets;
    EXPECT_EQ(ReadAll("orders", &offsets), Numbers(kEvents));
    for (size_t i = 0; i < offsets.size(); ++i) ASSERT_EQ(offsets[i], i);
  }

  // Leaves nothing for another Survive.
  void StartAnew() {
    const Client client = Connect();
    ASSERT_TRUE(Admin(client).DeleteSubscription("billing"));
    ASSERT_TRUE(Admin(client).DeleteTopic("orders"));
  }

 private:
  // How many were acknowledged, in order. Batches stay small so that many are under way.
  size_t Post(const Client& client) {
    auto publisher = NewPublisher(client, {.max_batch_events = 10, .max_in_flight = 4});
    std::atomic<size_t> acked = 0;
    for (const std::string& number : Numbers(kEvents)) {
      const Status taken = publisher->PostAsync(
          Event{.topic = "orders", .payload = number}, [&](const auto& results) {
            EXPECT_TRUE(results) << results.error().ToString();
            if (results) ++acked;
          });
      EXPECT_TRUE(taken) << taken.error().ToString();
      // Not all at once: the faults shall come in between.
      if (publisher->stats().posted % 100 == 0) (void)publisher->Flush();
    }
    const Status flushed = publisher->Flush();
    EXPECT_TRUE(flushed) << flushed.error().ToString();
    return acked;
  }
};

TEST_F(FaultTest, F1KilledAndStartedAgain) {
  Survive([this] { KillAndRestartServer(); }, 4);
}

TEST_F(FaultTest, F2ConnectionsAreReset) {
  Survive([this] { proxy_.Reset(); }, 10);
}

TEST_F(FaultTest, F3ConnectionsAreClosed) {
  Survive([this] { proxy_.Finish(); }, 10);
}

TEST_F(FaultTest, F4ABlackHoleIsFoundByKeepalive) {
  Survive([this] { proxy_.BlackHole(); }, 1,
          {.keepalive = {.time = seconds(1), .timeout = seconds(1)}});
  EXPECT_GE(proxy_.accepted(), 2);
}

TEST_F(FaultTest, F5ConnectionsAreRecycledAgainAndAgain) {
  Survive([this] { proxy_.Reset(); }, 60);
}

TEST_F(FaultTest, F6ADrainedServerComesBack) {
  Survive(
      [this] {
        server_.Stop();
        server_.Start();
        proxy_.Retarget(server_.grpc());
      },
      2);
}

TEST_F(FaultTest, F9EveryConnectionIsEndedAtAnAge) {
  for (const bool reset : {true, false}) {
    SCOPED_TRACE(reset ? "reset" : "closed");
    proxy_.Recycle(milliseconds(200), reset);
    const int before = proxy_.accepted();
    // One fault that waits until a few connections have come to their end.
    Survive([&] { EXPECT_TRUE(Eventually([&] { return proxy_.accepted() >= before + 5; })); }, 1);
    StartAnew();
  }
}

TEST_F(FaultTest, F10ASlowLinkIsNotABrokenOne) {
  proxy_.Slow(milliseconds(20), 256 << 10);
  Survive([] {}, 0, {.keepalive = {.time = seconds(1), .timeout = seconds(1)}});
  // The one that posts, reads and consumes, and ReadAll's.
  EXPECT_EQ(proxy_.accepted(), 2);
}

TEST_F(ClientTest, F7DrainingIsAReasonThatClientsSee) {
  std::mutex mutex;
  std::vector<Error> reasons;
  const Client client = Connect({.on_state = [&](const StateChange& change) {
    std::lock_guard lock(mutex);
    if (change.state == State::kDisconnected) reasons.push_back(change.error);
  }});
  Seen seen;
  auto reader = Start(client, ReadInto("orders", seen));
  ASSERT_TRUE(Eventually([&] { return reader->state() == State::kConnected; }));
  server_.Stop();
  ASSERT_TRUE(Eventually([&] { return reader->state() == State::kDisconnected; }));
  std::lock_guard lock(mutex);
  ASSERT_FALSE(reasons.empty());
  EXPECT_EQ(reasons[0].code, ErrorCode::kUnavailable) << reasons[0].ToString();
  EXPECT_EQ(reasons[0].reason, "DRAINING") << reasons[0].ToString();
}

TEST_F(ClientTest, F8StopWhileTheServerIsGoneIsQuickAndClean) {
  const Client client = Connect({.backoff = {.base = seconds(3600), .max = seconds(3600)}});
  Seen seen;
  auto reader = Start(client, ReadInto("orders", seen));
  auto subscriber = Start(client, ConsumeInto("billing", "orders", seen));
  auto publisher = NewPublisher(client);
  ASSERT_TRUE(Eventually([&] {
    return reader->state() == State::kConnected && subscriber->state() == State::kConnected;
  }));
  server_.process().Signal(SIGKILL);
  ASSERT_TRUE(Eventually([&] {
    return reader->state() == State::kDisconnected && subscriber->state() == State::kDisconnected;
  }));
  Error failed{.message = {}};
  ASSERT_TRUE(publisher->PostAsync(Event{.topic = "orders"},
                                   [&](const auto& results) { failed = results.error(); }));
  reader->Stop();
  subscriber->Stop();
  publisher->Stop();
  subscriber->Stop();
  EXPECT_EQ(failed.code, ErrorCode::kCancelled);
  EXPECT_EQ(subscriber->state(), State::kClosed);
}

}  // namespace
}  // namespace postroad::testing
