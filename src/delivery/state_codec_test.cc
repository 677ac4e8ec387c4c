// The saved forms: golden bytes of docs/formats/subscriptions.md, round trips, and broken ones.
#include "delivery/state_codec.h"

#include <gtest/gtest.h>

#include <random>

namespace postroad::delivery {
namespace {

std::string Bytes(std::string_view hex) {
  std::string out;
  for (size_t i = 0; i < hex.size();) {
    if (hex[i] == ' ') {
      ++i;
      continue;
    }
    out.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
    i += 2;
  }
  return out;
}
std::string Hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    out.push_back(kDigits[static_cast<uint8_t>(c) >> 4]);
    out.push_back(kDigits[static_cast<uint8_t>(c) & 15]);
  }
  return out;
}

SavedState ExampleState() {
  SavedState state{.end = 300, .origin = 5, .topic = 7, .generation = 2, .next_dead_letter = 9};
  for (uint64_t s = 10; s < 13; ++s) state.unsettled.push_back({.sequence = s});
  state.unsettled.push_back({.sequence = 200,
                             .key = 0x1122334455667788,
                             .failures = 3,
                             .due = FromNanos(1'000'000'000),
                             .remaining = Duration(128)});
  return state;
}

// The example of docs/formats/subscriptions.md.
constexpr std::string_view kStateGolden =
    "01 ac02 05 07 02 09"
    "03 0a 00"
    "01 bb01 03 1122334455667788 03 000000003b9aca00 8001"
    "00";

TEST(StateCodec, SettledStateIsAsDocumented) {
  EXPECT_EQ(Hex(EncodeState(ExampleState())), Hex(Bytes(kStateGolden)));
  const auto decoded = DecodeState(Bytes(kStateGolden));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, ExampleState());
}

TEST(StateCodec, AttemptsAndReceiptsAreAsDocumented) {
  const std::vector<Attempt> attempts = {{2, FromNanos(256), "no"}};
  EXPECT_EQ(Hex(EncodeAttempts(attempts)), "0101020000000000000100026e6f");
  const SavedReceipt receipt{ReceiptState::kAcked, 2, FromNanos(256), "", "ok"};
  EXPECT_EQ(Hex(EncodeReceipt(receipt)),
            "0103020000000000000100"
            "00"
            "026f6b");
  const auto decoded = DecodeReceipt(EncodeReceipt(receipt));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->reply, "ok");
}

TEST(StateCodec, KeysAreAsDocumented) {
  EXPECT_EQ(Hex(DefinitionKey("ab")), "64616200");
  EXPECT_EQ(Hex(StateKey("ab")), "73616200");
  EXPECT_EQ(Hex(FailureKey("ab", 258)), "666162000000000000000102");
  EXPECT_EQ(Hex(DeadLetterKey("ab", 1)), "6c6162000000000000000001");
  EXPECT_EQ(Hex(ReceiptKey("t", Offset(1), "ab")),
            "7274000000000000000001"
            "6162");
  EXPECT_EQ(Hex(ReceiptAgeKey(FromNanos(1), "r")),
            "610000000000000001"
            "72");
}

TEST(StateCodec, DeadLettersAndDefinitionsComeBack) {
  SavedDeadLetter dead{.sequence = 4, .generation = 1};
  dead.letter.topic = "t";
  dead.letter.offset = Offset(4);
  dead.letter.record = "record";
  dead.letter.died = FromNanos(77);
  dead.letter.reason = "why";
  dead.letter.attempts = {{1, FromNanos(5), "a"}, {2, FromNanos(6), "b"}};
  dead.letter.resending = true;
  const auto back = DecodeDeadLetter(EncodeDeadLetter(dead));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->letter.record, "record");
  EXPECT_EQ(back->letter.attempts[1].reason, "b");
  EXPECT_TRUE(back->letter.resending);
  EXPECT_EQ(back->generation, 1u);

  Definition definition{.created = FromNanos(3)};
  definition.settings.topics = *TopicSelector::Parse({"a", "b/*"}, "topics");
  definition.settings.filter.keys = {"k"};
  definition.settings.filter.headers["h"] = "v";
  definition.settings.start = Start::kTime;
  definition.settings.ordering = Ordering::kKey;
  const auto read = DecodeDefinition(EncodeDefinition(definition));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->settings, definition.settings);
  EXPECT_EQ(read->created, definition.created);
}

TEST(StateCodec, ALaterVersionAndBrokenBytesAreRefused) {
  std::string later = Bytes(kStateGolden);
  later[0] = 2;
  EXPECT_EQ(DecodeState(later).error().reason, "NEWER_FORMAT");
  const std::string whole = Bytes(kStateGolden);
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(DecodeState(whole.substr(0, size)).error().code, ErrorCode::kDataLoss) << size;
  }
  EXPECT_FALSE(DecodeState(whole + "x"));
  // A run of far more events than there can be asks for no memory.
  EXPECT_FALSE(DecodeState(Bytes("01 ffffffffffffffff7f 00 00 00 01 ffffffffffff7f 00 00 00")));
}

TEST(StateCodec, RandomBytesNeverHarm) {
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(random() % 64, 0);
    for (char& c : bytes) c = static_cast<char>(random());
    if (!bytes.empty()) bytes[0] = 1;
    (void)DecodeState(bytes);
    (void)DecodeDefinition(bytes);
    (void)DecodeAttempts(bytes);
    (void)DecodeDeadLetter(bytes);
    (void)DecodeReceipt(bytes);
  }
}

}  // namespace
}  // namespace postroad::delivery
