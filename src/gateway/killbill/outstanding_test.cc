#include "gateway/killbill/outstanding.h"

#include <gtest/gtest.h>

namespace postroad::killbill {
namespace {

using namespace std::chrono_literals;

using delivery::DeliveryId;

constexpr MonotonicTime At(Duration t) { return MonotonicTime(t); }

class OutstandingTest : public ::testing::Test {
 protected:
  // The book knows streams by their address alone.
  std::shared_ptr<Stream> NewStream(const ClientKey& client) {
    auto bytes = std::make_shared<int>();
    std::shared_ptr<Stream> stream(bytes, reinterpret_cast<Stream*>(bytes.get()));
    book_.AddStream(stream, client);
    return stream;
  }
  void Note(const std::shared_ptr<Stream>& stream, const std::string& token, uint64_t id,
            Duration now = 0s, int64_t search_key2 = 1) {
    book_.Note(stream, "me", search_key2, token, DeliveryId(id), At(now), At(now + 30s));
  }
  // The delivery that an ack settles.
  std::optional<uint64_t> Ack(const std::string& token, Duration now = 1s) {
    const auto taken = book_.Take("me", token, At(now));
    if (!taken) return std::nullopt;
    return taken->id.value();
  }

  OutstandingBook book_;
};

TEST_F(OutstandingTest, AnAckTakesTheDeliveryOnce) {
  const auto stream = NewStream({"me", "a"});
  Note(stream, "t1", 1);
  Note(stream, "t2", 2);
  EXPECT_EQ(book_.Take("me", "t1", At(1s))->stream, stream);
  EXPECT_EQ(Ack("t1"), std::nullopt);
  EXPECT_EQ(Ack("t2"), 2u);
  EXPECT_EQ(Ack("t3"), std::nullopt);
  EXPECT_EQ(book_.size(), 0u);
}

TEST_F(OutstandingTest, AnotherCallerCannotAck) {
  const auto stream = NewStream({"me", "a"});
  Note(stream, "t1", 1);
  EXPECT_FALSE(book_.Take("other", "t1", At(1s)));
  EXPECT_EQ(Ack("t1"), 1u);
}

TEST_F(OutstandingTest, ExpiredDeliveriesAreForgotten) {
  const auto stream = NewStream({"me", "a"});
  for (uint64_t i = 0; i < 1'000; ++i) Note(stream, "t" + std::to_string(i), i);
  EXPECT_EQ(Ack("t5", 31s), std::nullopt);
  EXPECT_EQ(book_.size(), 999u);
  Note(stream, "late", 5'000, 31s);
  EXPECT_EQ(book_.size(), 1u);
}

TEST_F(OutstandingTest, ADeliveryGivenToAnotherMovesThere) {
  const auto first = NewStream({"me", "a"});
  const auto second = NewStream({"me", "b"});
  Note(first, "t", 1);
  Note(second, "t", 1);
  EXPECT_EQ(book_.size(), 1u);
  EXPECT_EQ(book_.Take("me", "t", At(1s))->stream, second);
}

TEST_F(OutstandingTest, OneTokenInTwoSubscriptionsIsAckedTwice) {
  const auto first = NewStream({"me", "a"});
  const auto second = NewStream({"me", "b"});
  Note(first, "t", 1, 0s, 1);
  Note(second, "t", 1, 0s, 2);
  EXPECT_EQ(book_.Take("me", "t", At(1s))->stream, first);
  EXPECT_EQ(book_.Take("me", "t", At(1s))->stream, second);
  EXPECT_FALSE(book_.Take("me", "t", At(1s)));
}

TEST_F(OutstandingTest, AStreamsEndForgetsItsDeliveriesOnly) {
  const auto first = NewStream({"me", "a"});
  const auto second = NewStream({"me", "a"});
  Note(first, "t1", 1);
  Note(second, "t2", 2);
  book_.RemoveStream(first.get());
  book_.RemoveStream(first.get());
  EXPECT_EQ(Ack("t1"), std::nullopt);
  EXPECT_EQ(Ack("t2"), 2u);
  Note(first, "t3", 3);
  EXPECT_EQ(Ack("t3"), std::nullopt) << "nothing is noted for a stream that has ended";
  EXPECT_EQ(book_.size(), 0u);
}

TEST_F(OutstandingTest, StreamsAreFoundByTheirClient) {
  const auto first = NewStream({"me", "a"});
  const auto second = NewStream({"me", "a"});
  const auto third = NewStream({"me", "b"});
  const auto foreign = NewStream({"other", "a"});
  EXPECT_EQ(book_.StreamsOf({"me", "a"}).size(), 2u);
  EXPECT_EQ(book_.StreamsOf({"me", "b"}), std::vector{third});
  EXPECT_EQ(book_.StreamsOf({"other", "a"}), std::vector{foreign});
  EXPECT_TRUE(book_.StreamsOf({"me", "c"}).empty());
  book_.RemoveStream(third.get());
  EXPECT_TRUE(book_.StreamsOf({"me", "b"}).empty());
}

}  // namespace
}  // namespace postroad::killbill
