// Receipts: what became of an event, asked for and awaited.
#include "delivery/testing.h"

namespace postroad::delivery {
namespace {

using std::chrono::seconds;

struct ReceiptTest : DeliveryTest {
  SubscriptionReceipt Of(Offset offset, size_t index = 0) {
    const auto receipt = engine->GetReceipt("t", {}, offset);
    EXPECT_TRUE(receipt);
    EXPECT_GT(receipt->subscriptions.size(), index);
    return receipt->subscriptions.size() > index ? receipt->subscriptions[index]
                                                 : SubscriptionReceipt();
  }
  struct Answer {
    std::optional<Receipt> receipt;
    bool timed_out = false;
  };
  std::unique_ptr<journal::Wait> Await(Offset offset, Answer& answer,
                                       Duration timeout = std::chrono::hours(1)) {
    return engine->AwaitReceipt(
        "t", "id", offset, house.clock.Monotonic() + timeout, executor,
        [&answer](Receipt receipt, bool timed_out) { answer = {std::move(receipt), timed_out}; });
  }
};

TEST_F(ReceiptTest, FollowsTheEvent) {
  Create("s", Settings({"t"}));
  const Offset offset = Post("t", {.id = "e", .payload = "p"});
  EXPECT_EQ(Of(offset).state, ReceiptState::kStored);
  RecordingSink sink;
  const auto member = Join("s", sink);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 1; }));
  EXPECT_EQ(Of(offset).state, ReceiptState::kSent);
  SettleOne(*member, Nack(DeliveryId(0), "later", seconds(10)));
  EXPECT_EQ(Of(offset).state, ReceiptState::kRetrying);
  EXPECT_EQ(Of(offset).reason, "later");
  Advance(seconds(10));
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 2; }));
  SettleOne(*member, Ack(DeliveryId(0)));
  EXPECT_EQ(Of(offset).state, ReceiptState::kAcked);
  EXPECT_EQ(Of(offset).attempts, 2u);
  Restart();
  EXPECT_EQ(Of(offset).attempts, 2u);
  EXPECT_TRUE(Of(offset).settled_at.has_value());
  EXPECT_EQ(engine->GetReceipt("t", "e", std::nullopt)->offset, offset);
  EXPECT_EQ(engine->GetReceipt("t", {}, Offset(7)).error().code, ErrorCode::kNotFound);
}

TEST_F(ReceiptTest, OfDeadAndFilteredEventsAndThoseNotCovered) {
  const Offset before = Post("t", {.payload = "before"});
  auto settings = Settings({"t"});
  settings.start = Start::kEnd;
  settings.filter.types = {"x"};
  Create("s", settings);
  const Offset filtered = Post("t", {.type = "y"});
  const Offset dead = Post("t", {.type = "x"});
  EXPECT_TRUE(engine->GetReceipt("t", {}, before)->subscriptions.empty());
  EXPECT_EQ(Of(filtered).state, ReceiptState::kFiltered);
  RecordingSink sink;
  const auto member = Join("s", sink);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 1; }));
  SettleOne(*member, Terminate(sink.deliveries[0].id, "why"));
  ASSERT_TRUE(Until([&] { return Info("s").dead_letters == 1; }));
  EXPECT_EQ(Of(filtered).state, ReceiptState::kFiltered);
  EXPECT_EQ(Of(dead).state, ReceiptState::kDead);
  EXPECT_EQ(Of(dead).reason, "why");
}

TEST_F(ReceiptTest, AwaitedBeforeTheAckOfEverySubscription) {
  Create("a", Settings({"t"}));
  Create("b", Settings({"*"}));
  const Offset offset = Post("t", {.id = "id", .payload = "p"});
  Answer answer;
  const auto wait = Await(offset, answer);
  RecordingSink one, two;
  const auto a = Join("a", one), b = Join("b", two);
  ASSERT_TRUE(Until([&] { return one.deliveries.size() == 1 && two.deliveries.size() == 1; }));
  SettleOne(*a, {.kind = SettleKind::kAck, .id = one.deliveries[0].id, .reply = "done"});
  Settle();
  EXPECT_FALSE(answer.receipt.has_value());
  SettleOne(*b, Ack(two.deliveries[0].id));
  ASSERT_TRUE(Until([&] { return answer.receipt.has_value(); }));
  EXPECT_FALSE(answer.timed_out);
  ASSERT_EQ(answer.receipt->subscriptions.size(), 2u);
  EXPECT_EQ(answer.receipt->subscriptions[0].reply, "done");
  EXPECT_TRUE(answer.receipt->Settled());
}

TEST_F(ReceiptTest, AwaitedAfterTheAckStillHasTheReply) {
  Create("s", Settings({"t"}));
  const Offset offset = Post("t", {.id = "id", .payload = "p"});
  RecordingSink sink;
  const auto member = Join("s", sink);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 1; }));
  SettleOne(*member, {.kind = SettleKind::kAck, .id = DeliveryId(0), .reply = "early"});
  Answer answer;
  const auto wait = Await(offset, answer);
  ASSERT_TRUE(Until([&] { return answer.receipt.has_value(); }));
  EXPECT_EQ(answer.receipt->subscriptions[0].reply, "early");
}

TEST_F(ReceiptTest, AWaitEndsAtItsDeadlineWithWhatIsKnown) {
  Create("s", Settings({"t"}));
  const Offset offset = Post("t", {.id = "id", .payload = "p"});
  Answer answer;
  const auto wait = Await(offset, answer, seconds(5));
  Advance(seconds(4));
  EXPECT_FALSE(answer.receipt.has_value());
  Advance(seconds(1));
  ASSERT_TRUE(answer.receipt.has_value());
  EXPECT_TRUE(answer.timed_out);
  EXPECT_EQ(answer.receipt->subscriptions[0].state, ReceiptState::kStored);
}

TEST_F(ReceiptTest, AWaitEndsAtOnceWhereNobodyIsToAck) {
  const Offset offset = Post("t", {.id = "id", .payload = "p"});
  auto settings = Settings({"t"});
  settings.start = Start::kEnd;  // behind the event
  Create("behind", settings);
  Create("other", Settings({"u"}));
  Answer answer;
  const auto wait = Await(offset, answer);
  ASSERT_TRUE(Until([&] { return answer.receipt.has_value(); }));
  EXPECT_FALSE(answer.timed_out);
  EXPECT_TRUE(answer.receipt->subscriptions.empty());
  EXPECT_FALSE(answer.receipt->Settled());
  EXPECT_EQ(answer.receipt->offset, offset);
}

TEST_F(ReceiptTest, AWaitEndsWhenTheLastSubscriptionIsDeleted) {
  Create("s", Settings({"t"}));
  const Offset offset = Post("t", {.id = "id", .payload = "p"});
  Answer answer;
  const auto wait = Await(offset, answer);
  Settle();
  EXPECT_FALSE(answer.receipt.has_value());
  ASSERT_TRUE(engine->Delete("s"));
  ASSERT_TRUE(Until([&] { return answer.receipt.has_value(); }));
  EXPECT_FALSE(answer.timed_out);
  EXPECT_TRUE(answer.receipt->subscriptions.empty());
}

TEST_F(ReceiptTest, ADestroyedWaitIsNotAnswered) {
  Create("s", Settings({"t"}));
  const Offset offset = Post("t", {.id = "id", .payload = "p"});
  Answer answer;
  auto wait = Await(offset, answer, seconds(5));
  Settle();
  wait.reset();
  Advance(seconds(10));
  EXPECT_FALSE(answer.receipt.has_value());
}

TEST_F(ReceiptTest, StoppingAnswersThoseWhoWait) {
  Create("s", Settings({"t"}));
  const Offset offset = Post("t", {.id = "id", .payload = "p"});
  Answer answer;
  const auto wait = Await(offset, answer);
  Settle();
  CloseEngine();
  ASSERT_TRUE(answer.receipt.has_value());
  EXPECT_TRUE(answer.timed_out);
}

TEST_F(ReceiptTest, ADeadLetterAckedLaterCountsAsAcked) {
  Create("s", Settings({"t"}));
  const Offset offset = Post("t", {.id = "id", .payload = "p"});
  RecordingSink sink;
  const auto member = Join("s", sink);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 1; }));
  SettleOne(*member, Terminate(DeliveryId(0), "bad"));
  ASSERT_TRUE(Until([&] { return Info("s").dead_letters == 1; }));
  ASSERT_EQ(engine->ResendDeadLetters("s", std::nullopt), 1u);
  ASSERT_TRUE(Until([&] { return sink.deliveries.size() == 2; }));
  SettleOne(*member, Ack(sink.deliveries[1].id));
  engine->Drain(Duration(0));  // writes it
  EXPECT_EQ(Of(offset).state, ReceiptState::kAcked);
}

}  // namespace
}  // namespace postroad::delivery
