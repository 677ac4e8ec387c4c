// Dead letters: how events die, and how they are sent again.
#include "delivery/testing.h"

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

}  // namespace
}  // namespace postroad::delivery
