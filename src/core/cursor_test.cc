#include "core/cursor.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace postroad {
namespace {

constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();

std::vector<Cursor> Samples() {
  std::vector<Cursor> cursors = {
      TopicCursor{},
      TopicCursor{Epoch(kMost), Offset(kMost), 0xffffffff},
      FeedCursor{Epoch(0), {FeedPosition(0)}},
      FeedCursor{Epoch(kMost), std::vector<FeedPosition>(1024, FeedPosition(kMost))},
  };
  std::mt19937_64 random(1);
  for (int i = 0; i < 500; ++i) {
    cursors.push_back(TopicCursor{Epoch(random()), Offset(random() >> (random() % 64)),
                                  static_cast<uint32_t>(random())});
    FeedCursor feed{Epoch(random()), {}};
    for (uint64_t n = 1 + random() % 20; n > 0; --n) {
      feed.next.emplace_back(random() >> (random() % 64));
    }
    cursors.push_back(std::move(feed));
  }
  return cursors;
}

size_t LongestText(const Cursor& cursor) {
  const auto* feed = std::get_if<FeedCursor>(&cursor);
  return 24 + 14 * (feed == nullptr ? 1 : feed->next.size());
}

TEST(CursorTest, RoundTripsInUrlSafeTextOfBoundedLength) {
  for (const Cursor& cursor : Samples()) {
    const std::string text = EncodeCursor(cursor);
    EXPECT_LE(text.size(), LongestText(cursor));
    EXPECT_EQ(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789-_"),
              std::string::npos);
    const auto decoded = DecodeCursor(text, "cursor");
    ASSERT_TRUE(decoded) << text;
    EXPECT_EQ(*decoded, cursor) << text;
  }
}

void ExpectRefused(std::string_view text) {
  const auto decoded = DecodeCursor(text, "start.cursor");
  ASSERT_FALSE(decoded) << text;
  EXPECT_EQ(decoded.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(decoded.error().reason, "BAD_CURSOR");
  EXPECT_EQ(decoded.error().field, "start.cursor");
}

TEST(CursorTest, RefusesForeignText) {
  for (const char* text : {"", "A", "hello", "not a cursor!", "AAAA",
                           "AQEjRWeJq83v5S_97qwCesJ0Bg==", "AQEjRWeJq83v5S/97qwCesJ0Bg"}) {
    ExpectRefused(text);
  }
  ExpectRefused(std::string(100'000, 'A'));
}

// Also the bits of the last character that stand for no byte.
TEST(CursorTest, RefusesEveryOtherSpelling) {
  for (const Cursor& cursor : {Cursor(TopicCursor{Epoch(5), Offset(300), 7}),
                               Cursor(FeedCursor{Epoch(5), {FeedPosition(1), FeedPosition(2)}})}) {
    const std::string text = EncodeCursor(cursor);
    for (size_t i = 0; i < text.size(); ++i) {
      for (const char c :
           std::string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz012-_=")) {
        std::string other = text;
        other[i] = c;
        if (other != text) ExpectRefused(other);
      }
      ExpectRefused(text.substr(0, i));
    }
    ExpectRefused(text + "A");
    ExpectRefused(text + text);
  }
}

TEST(CursorTest, TopicHashIsTheCrc32OfTheName) {
  EXPECT_EQ(TopicCursorHash("123456789"), 0xcbf43926u);  // the check value of every CRC table
  EXPECT_EQ(TopicCursorHash(""), 0u);
  EXPECT_NE(TopicCursorHash("orders"), TopicCursorHash("order"));
}

}  // namespace
}  // namespace postroad
