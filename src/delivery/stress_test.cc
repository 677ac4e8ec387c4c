// Everything at once on real threads: members that ack, refuse, reject and leave, posts and
// questions meanwhile. No event is lost.
#include <future>
#include <mutex>
#include <set>
#include <thread>

#include "delivery/testing.h"

namespace postroad::delivery {
namespace {

constexpr uint64_t kEvents = 20'000;

// What became of each event; shared by all members.
struct Book {
  std::mutex mutex;
  std::set<uint64_t> acked, terminated;

  size_t Settled() {
    std::lock_guard lock(mutex);
    return acked.size() + terminated.size();
  }
};

// Acks most, refuses one in 50, rejects one in 500; leaves after `stays` deliveries, if that is
// set.
class BusySink final : public MemberSink {
 public:
  BusySink(Book& book, uint64_t stays) : book_(book), stays_(stays) {}

  void OnDeliveries(std::vector<Delivery> deliveries) override {
    std::vector<Settlement> settlements;
    for (const Delivery& delivery : deliveries) {
      const uint64_t choice = (delivery.id.value() * 31 + delivery.attempt * 17 + ++seen_) % 500;
      if (choice == 0) {
        settlements.push_back(Terminate(delivery.id, "rejected"));
      } else if (choice < 10) {
        settlements.push_back(Nack(delivery.id, "refused", Duration(0)));
      } else {
        settlements.push_back(Ack(delivery.id));
      }
    }
    Note(settlements);
    member->AddCredit(deliveries.size());
    member->Settle(std::move(settlements));
    if (stays_ != 0 && seen_ >= stays_) member.reset();
  }
  void OnSettleFailures(std::vector<SettleFailure> failures) override {
    ADD_FAILURE() << failures[0].error.ToString();
  }
  void OnClosed(Error) override {}

  std::unique_ptr<Member> member;

 private:
  void Note(const std::vector<Settlement>& settlements) {
    std::lock_guard lock(book_.mutex);
    for (const Settlement& each : settlements) {
      if (each.kind == SettleKind::kAck) book_.acked.insert(each.id.value());
      if (each.kind == SettleKind::kTerminate) book_.terminated.insert(each.id.value());
    }
  }

  Book& book_;
  const uint64_t stays_;
  uint64_t seen_ = 0;
};

struct StressTest : testing::TestWithParam<Ordering> {
  StressTest() { Open(); }
  ~StressTest() override {
    engine->Stop();
    engine.reset();
  }
  void Open() {
    auto opened = DeliveryEngine::Open(*house.journal, *house.store, cores, house.clock, metrics);
    ASSERT_TRUE(opened);
    engine = *std::move(opened);
  }
  template <typename F>
  static void RunOn(Executor& executor, F work) {
    std::promise<void> done;
    executor.Post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  journal::JournalHouse house;
  CorePool cores{2};
  Metrics metrics;
  std::unique_ptr<DeliveryEngine> engine;
};

TEST_P(StressTest, NoEventIsLost) {
  SubscriptionSettings settings = DeliveryTest::Settings({"t"});
  settings.retry_schedule = {Duration(0)};
  settings.max_attempts = 1000;
  settings.max_in_flight = 500;
  settings.ordering = GetParam();
  ASSERT_TRUE(engine->Create("s", settings));
  Book book;
  std::vector<std::unique_ptr<BusySink>> sinks;
  for (size_t i = 0; i < 8; ++i) {
    BusySink& sink = *sinks.emplace_back(std::make_unique<BusySink>(book, i < 4 ? 0 : 300 * i));
    Executor& executor = cores.at(i % 2);
    RunOn(executor, [&] {
      sink.member = engine->Join("s", {}, executor, sink).value();
      sink.member->AddCredit(100);
    });
  }
  std::thread poster([&] {
    for (uint64_t i = 0; i < kEvents; i += 100) {
      journal::Chunk chunk{.topic = "t", .fingerprints = std::vector<uint64_t>(100)};
      for (uint64_t n = 0; n < 100; ++n, ++chunk.count) {
        AppendToBody(ViewOf(Event{.key = std::to_string(n % 37), .payload = "p"}), chunk.body);
      }
      journal::Batch batch;
      batch.chunks.push_back(std::move(chunk));
      ASSERT_TRUE(journal::PostAndWait(*house.journal, std::move(batch)));
    }
  });
  EXPECT_TRUE(journal::Eventually([&] {
    const auto info = engine->Get("s");
    EXPECT_TRUE(info);
    (void)engine->ListDeadLetters("s", 0, 5);
    (void)engine->GetReceipt("t", {}, Offset(info->floor));
    return info->floor == kEvents;
  }));
  poster.join();
  EXPECT_EQ(book.Settled(), kEvents);
  const auto info = engine->Get("s");
  EXPECT_EQ(info->dead_letters, book.terminated.size());
  EXPECT_EQ(info->in_flight + info->retrying, 0u);
  for (size_t i = 0; i < sinks.size(); ++i) {
    RunOn(cores.at(i % 2), [&] { sinks[i]->member.reset(); });
  }
}

INSTANTIATE_TEST_SUITE_P(Orderings, StressTest, testing::Values(Ordering::kNone, Ordering::kKey));

}  // namespace
}  // namespace postroad::delivery
