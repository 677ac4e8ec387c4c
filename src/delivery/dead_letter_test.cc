// Dead letters: how events die, and how they are sent again.
#include <atomic>
#include <functional>
#include <future>
#include <thread>

#include "delivery/testing.h"
#include "store/testing.h"

namespace postroad::delivery {
namespace {

using std::chrono::seconds;
using Strings = std::vector<std::string>;

struct DeadLetterTest : DeliveryTest {
  // "a", "b", … each terminated with the reason "bad <payload>".
  void Kill(const std::vector<std::string>& payloads) {
    Create("s", Settings({"t"}));
    PostAll("t", payloads);
    RecordingSink sink;
    const auto member = Join("s", sink);
    ASSERT_TRUE(Until([&] { return sink.deliveries.size() == payloads.size(); }));
    for (size_t i = 0; i < payloads.size(); ++i) {
      SettleOne(*member, Terminate(sink.deliveries[i].id, "bad " + payloads[i]));
    }
    ASSERT_TRUE(Until([&] { return Info("s").dead_letters == payloads.size(); }));
  }
  std::vector<DeadLetter> List() {
    auto letters = engine->ListDeadLetters("s", 0, 100);
    EXPECT_TRUE(letters);
    return letters ? *letters : std::vector<DeadLetter>();
  }
  static std::string Record(const std::string& payload) {
    return EncodeRecord(ViewOf(Event{.id = "edited", .payload = payload}));
  }
};

TEST_F(DeadLetterTest, AreListedInTheOrderTheyDiedAndCopied) {
  Kill({"a", "b"});
  const auto letters = List();
  ASSERT_EQ(letters.size(), 2u);
  EXPECT_LT(letters[0].id, letters[1].id);
  EXPECT_EQ(letters[0].reason, "bad a");
  EXPECT_EQ(letters[1].offset, Offset(1));
  EXPECT_EQ(letters[1].topic, "t");
  EXPECT_EQ(letters[1].attempts.size(), 1u);
  EXPECT_EQ(house.Ids("_dead/s"), (Strings{"a", "b"}));
  const auto info = house.journal->FindTopic("_dead/s");
  const auto read = house.journal->ReadTopic(info->id, Offset(0), 1 << 20);
  BodyReader reader(read->runs[0]->body);
  EventView event;
  ASSERT_TRUE(ParseRecord(*reader.Next(), event));
  EXPECT_EQ(event.Header("postroad-dead-topic"), "t");
  EXPECT_EQ(event.Header("postroad-dead-offset"), "0");
  EXPECT_EQ(event.Header("postroad-dead-reason"), "bad a");
  EXPECT_EQ(event.Header("postroad-dead-attempts"), "1");
  EXPECT_EQ(Info("s").floor, 2u);
}

TEST_F(DeadLetterTest, EditedAndSentAgainInOrderThenAckedAreGone) {
  Kill({"a", "b", "c"});
  const auto letters = List();
  ASSERT_TRUE(engine->EditDeadLetter("s", letters[1].id, Record("mended")));
  EXPECT_EQ(engine->ResendDeadLetters("s", std::nullopt), 3u);
  EXPECT_EQ(engine->EditDeadLetter("s", letters[1].id, Record("no")).error().code,
            ErrorCode::kFailedPrecondition);
  RecordingSink sink;
  const auto member = Join("s", sink);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 3; }));
  EXPECT_EQ(sink.Payloads(), (Strings{"a", "mended", "c"}));
  for (const Delivery& delivery : sink.deliveries) {
    EXPECT_NE(delivery.id.value() >> 63, 0u);
    EXPECT_EQ(delivery.attempt, 1u);
    SettleOne(*member, Ack(delivery.id));
  }
  EXPECT_EQ(Info("s").dead_letters, 0u);
  Restart();
  EXPECT_TRUE(List().empty());
}

TEST_F(DeadLetterTest, BeingSentAgainSurvivesARestart) {
  Kill({"a", "b"});
  EXPECT_EQ(engine->ResendDeadLetters("s", List()[1].id), 1u);
  Restart();
  EXPECT_EQ(Info("s").dead_letters, 2u);
  RecordingSink sink;
  const auto member = Join("s", sink);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 1; }));
  EXPECT_EQ(sink.Payloads(), (Strings{"b"}));
}

TEST_F(DeadLetterTest, FailingAgainAppendsToTheReasons) {
  Kill({"a"});
  EXPECT_EQ(engine->ResendDeadLetters("s", List()[0].id), 1u);
  RecordingSink sink;
  const auto member = Join("s", sink);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 1; }));
  SettleOne(*member, Nack(sink.deliveries[0].id, "still", seconds(0)));
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 2; }));
  SettleOne(*member, Terminate(sink.deliveries[1].id, "hopeless"));
  ASSERT_TRUE(Until([&] { return !List()[0].resending; }));
  const auto letters = List();
  ASSERT_EQ(letters.size(), 1u);
  ASSERT_EQ(letters[0].attempts.size(), 3u);
  EXPECT_EQ(letters[0].attempts[0].reason, "bad a");
  EXPECT_EQ(letters[0].attempts[1].reason, "still");
  EXPECT_EQ(letters[0].attempts[2].reason, "hopeless");
  EXPECT_EQ(letters[0].attempts[2].number, 3u);
  EXPECT_EQ(letters[0].reason, "hopeless");
  EXPECT_EQ(Info("s").dead_letters, 1u);
  EXPECT_EQ(house.Ids("_dead/s").size(), 2u);
}

TEST_F(DeadLetterTest, DroppedAreGoneEvenOnTheirWay) {
  Kill({"a", "b"});
  const auto letters = List();
  EXPECT_EQ(engine->ResendDeadLetters("s", letters[0].id), 1u);
  RecordingSink sink;
  const auto member = Join("s", sink);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 1; }));
  EXPECT_EQ(engine->DropDeadLetters("s", std::nullopt), 2u);
  EXPECT_TRUE(List().empty());
  EXPECT_EQ(Info("s").in_flight, 0u);
  EXPECT_EQ(engine->DropDeadLetters("s", letters[0].id).error().code, ErrorCode::kNotFound);
}

TEST_F(DeadLetterTest, OnceAckedThereIsNothingLeftToDrop) {
  Kill({"a", "b", "c"});
  const uint64_t id = List()[0].id;
  EXPECT_EQ(engine->ResendDeadLetters("s", id), 1u);
  RecordingSink sink;
  const auto member = Join("s", sink);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 1; }));
  SettleOne(*member, Ack(sink.deliveries[0].id));
  EXPECT_EQ(engine->DropDeadLetters("s", id).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(Info("s").dead_letters, 2u);
  EXPECT_EQ(List().size(), 2u);
  EXPECT_EQ(engine->DropDeadLetters("s", std::nullopt), 2u);
  EXPECT_EQ(Info("s").dead_letters, 0u);
}

TEST_F(DeadLetterTest, AnEventOfOtherDeadLettersIdsIsNeverReused) {
  Kill({"a"});
  const uint64_t id = List()[0].id;
  ASSERT_TRUE(engine->DropDeadLetters("s", id));
  Restart();
  PostAll("t", {"b"});
  RecordingSink sink;
  const auto member = Join("s", sink);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 1; }));
  SettleOne(*member, Terminate(sink.deliveries[0].id, "bad"));
  ASSERT_TRUE(Until([&] { return Info("s").dead_letters == 1; }));
  EXPECT_GT(List()[0].id, id);
}

TEST_F(DeadLetterTest, LargeOnesAreReadAFewAtATime) {
  std::vector<std::string> payloads;
  for (int i = 0; i < 80; ++i) payloads.emplace_back(300'000, static_cast<char>('0' + i));
  Create("s", Settings({"t"}));
  for (const std::string& payload : payloads) PostAll("t", {payload});
  RecordingSink sink;
  const auto member = Join("s", sink);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == payloads.size(); }));
  for (const Delivery& each : sink.deliveries) SettleOne(*member, Terminate(each.id, "bad"));
  ASSERT_TRUE(Until([&] { return Info("s").dead_letters == payloads.size(); }));
  EXPECT_LT(engine->ListDeadLetters("s", 0, 1000)->size(), payloads.size());
  size_t listed = 0;
  for (uint64_t after = 0;;) {
    const auto some = engine->ListDeadLetters("s", after, 1000);
    ASSERT_TRUE(some);
    if (some->empty()) break;
    listed += some->size();
    after = some->back().id;
  }
  EXPECT_EQ(listed, payloads.size());
  Restart();
  EXPECT_EQ(Info("s").dead_letters, payloads.size());
  EXPECT_EQ(engine->DropDeadLetters("s", std::nullopt), payloads.size());
  EXPECT_EQ(Info("s").dead_letters, 0u);
}

TEST_F(DeadLetterTest, OfTheNumberOfAnEventThatRetentionTookCanBeDropped) {
  Kill({"a"});
  const uint64_t id = List()[0].id;
  ASSERT_EQ(id, 1u) << "the offset of the next event";
  EXPECT_EQ(engine->ResendDeadLetters("s", id), 1u);
  RecordingSink sink;
  const auto member = Join("s", sink, 1);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 1; }));
  PostAll("t", {"b"});
  RecordingSink other;
  auto second = Join("s", other, 1);
  ASSERT_TRUE(Until([&] { return other.deliveries.size() == 1; }));
  house.clock.Advance(std::chrono::hours(24 * 8));
  PostAll("t", {"c"});
  ASSERT_TRUE(house.journal->ApplyRetention());
  second.reset();  // gives "b" back, which is gone
  RecordingSink after;
  second = Join("s", after, 1);
  ASSERT_TRUE(Until([&] { return after.deliveries.size() == 1; }));
  EXPECT_EQ(after.Payloads(), (Strings{"c"}));
  EXPECT_EQ(engine->DropDeadLetters("s", id), 1u);
  EXPECT_TRUE(List().empty());
}

// Calls out where dead letters are read and where the journal stores, once each.
class HookedStore final : public store::ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;

  Result<std::optional<std::string>> Get(store::Table table, std::string_view key) override {
    auto value = ForwardingStore::Get(table, key);
    if (table == store::Table::kDeadLetters && after_read) std::exchange(after_read, nullptr)();
    return value;
  }
  Result<std::vector<store::Placement>> Append(const store::AppendGroup& group) override {
    if (hook_append.exchange(false)) before_append();
    return ForwardingStore::Append(group);
  }

  std::function<void()> after_read;  // on the test's thread
  std::function<void()> before_append;
  std::atomic<bool> hook_append = false;
};

struct BurialTest : DeadLetterTest {
  BurialTest() {
    CloseEngine();
    house.journal.reset();
    house.journal = *journal::Journal::Open(hooked, house.options, house.clock, house.pool.at(0),
                                            house.metrics);
    engine = *DeliveryEngine::Open(*house.journal, hooked, cores, house.clock, metrics);
  }
  ~BurialTest() override {
    member.reset();
    CloseEngine();
    house.journal.reset();
  }

  // A dead letter, sent again and with `member`.
  void KillAndSendAgain() {
    Kill({"a"});
    id = List()[0].id;
    EXPECT_EQ(engine->ResendDeadLetters("s", id), 1u);
    member = Join("s", sink);
    ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 1; }));
  }
  // Rejects it, and does `meanwhile` on a thread of its own before the journal stores that, if it
  // is so quick. The time limit decides only how sure a failure is noticed.
  void RejectAnd(std::function<void()> meanwhile) {
    std::future<void> done;
    hooked.before_append = [&] {
      done = std::async(std::launch::async, meanwhile);
      done.wait_for(std::chrono::milliseconds(100));
    };
    hooked.hook_append = true;
    SettleOne(*member, Terminate(sink.deliveries.back().id, "bad again"));
    executor.RunUntilIdle();
    PostAll("other", {"z"});  // is stored after it
    done.get();
  }

  HookedStore hooked{*house.store};
  uint64_t id = 0;
  RecordingSink sink;
  std::unique_ptr<Member> member;
};

TEST_F(BurialTest, DroppedAfterTheBurialHasReadItIsGone) {
  KillAndSendAgain();
  hooked.after_read = [&] { EXPECT_EQ(engine->DropDeadLetters("s", id), 1u); };
  SettleOne(*member, Terminate(sink.deliveries[0].id, "bad again"));
  ASSERT_TRUE(Until([&] { return !hooked.after_read; }));
  PostAll("other", {"z"});  // whatever was to be buried is stored now
  Settle();
  EXPECT_TRUE(List().empty());
  EXPECT_EQ(Info("s").dead_letters, 0u);
  EXPECT_EQ(house.Ids("_dead/s").size(), 1u);
}

TEST_F(BurialTest, DroppedWhileTheBurialIsStoredIsGone) {
  KillAndSendAgain();
  RejectAnd([&] { EXPECT_EQ(engine->DropDeadLetters("s", id), 1u); });
  EXPECT_TRUE(List().empty());
  EXPECT_EQ(Info("s").dead_letters, 0u);
}

TEST_F(BurialTest, SentAgainWhileTheBurialIsStoredComesOnceMore) {
  KillAndSendAgain();
  RejectAnd([&] { EXPECT_EQ(engine->ResendDeadLetters("s", id), 1u); });
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 2; }));
  SettleOne(*member, Ack(sink.deliveries[1].id));
  EXPECT_TRUE(List().empty());
}

TEST_F(BurialTest, OfADeletedSubscriptionIsNotFoundByOneOfItsName) {
  Create("s", Settings({"t"}));
  PostAll("t", {"a"});
  member = Join("s", sink);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 1; }));
  RejectAnd([&] { EXPECT_TRUE(engine->Delete("s")); });
  Create("s", Settings({"t"}));
  EXPECT_TRUE(List().empty());
}

TEST_F(BurialTest, WhatDiedAgainDuringASeekStaysDead) {
  KillAndSendAgain();
  RejectAnd([&] { EXPECT_TRUE(engine->Seek("s", Start::kEnd, {}, Offset())); });
  Settle();
  ASSERT_EQ(List().size(), 1u);
  EXPECT_FALSE(List()[0].resending);
  EXPECT_EQ(Info("s").dead_letters, 1u);
  EXPECT_EQ(Info("s").in_flight, 0u);
  EXPECT_EQ(engine->DropDeadLetters("s", std::nullopt), 1u);
}

}  // namespace
}  // namespace postroad::delivery
