// The bytes on disk are those that docs/formats/store.md states.
#include "store/rocks/formats.h"

#include <gtest/gtest.h>

#include "store/rocks/crc32c.h"

namespace postroad::store {
namespace {

std::string Hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    out += kDigits[static_cast<uint8_t>(c) >> 4];
    out += kDigits[static_cast<uint8_t>(c) & 15];
  }
  return out;
}

TEST(Formats, Crc32cIsCastagnolis) {
  EXPECT_EQ(ExtendCrc32c(0, "123456789"), 0xe3069283u);
  EXPECT_EQ(ExtendCrc32c(0, std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(ExtendCrc32c(ExtendCrc32c(0, "12345"), "6789"), 0xe3069283u);
}

// The example of docs/formats/store.md, "runs".
TEST(Formats, ARunsGoldenBytes) {
  const std::string key = RunKey(TopicId(7), Offset(258));
  EXPECT_EQ(Hex(key), "0000000000000007" "0000000000000102");
  const std::string body = "\"\x03" "abc";
  const std::string value = EncodeRunHeader(key,
                                            {.count = 1,
                                             .stored_at = FromNanos(1'700'000'000'000'000'000),
                                             .bytes_before = 4096,
                                             .topic_name = "orders"},
                                            body) +
                            body;
  EXPECT_EQ(Hex(value), "01" "430ab6fa" "00000001" "17979cfe362a0000" "0000000000001000" "06"
                        "6f7264657273" "2203616263");
  const auto header = ParseRunHeader(value);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->count, 1u);
  EXPECT_EQ(ToNanos(header->stored_at), 1'700'000'000'000'000'000);
  EXPECT_EQ(header->bytes_before, 4096u);
  EXPECT_EQ(header->topic_name, "orders");
  EXPECT_EQ(value.substr(header->size), body);
  EXPECT_TRUE(RunChecksumHolds(key, value));
}

TEST(Formats, ARunsChecksumCoversKeyHeaderAndBody) {
  const std::string key = RunKey(TopicId(7), Offset(258));
  const std::string good = EncodeRunHeader(key, {.count = 1, .topic_name = "a"}, "body") + "body";
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] ^= 0x10;
    EXPECT_FALSE(RunChecksumHolds(key, bad)) << "byte " << i;
  }
  EXPECT_FALSE(RunChecksumHolds(RunKey(TopicId(7), Offset(259)), good));
  EXPECT_FALSE(ParseRunHeader(good.substr(0, 25)));
  EXPECT_FALSE(ParseRunHeader(std::string("\x02") + good.substr(1))) << "a later version";
}

// The example of docs/formats/store.md, "feed".
TEST(Formats, ACommitsGoldenBytes) {
  FeedValueBuilder builder(FromNanos(1'700'000'000'000'000'000));
  builder.Add(TopicId(7), "orders", Offset(258), 3);
  builder.Add(TopicId(7), "orders", Offset(261), 2);
  builder.Add(TopicId(300), "user/1", Offset(0), 1);
  EXPECT_EQ(Hex(builder.value()), "01" "17979cfe362a0000"
                                  "07" "06" "6f7264657273" "8202" "03"
                                  "07" "00" "8502" "02"
                                  "ac02" "06" "757365722f31" "00" "01");
  std::vector<FeedEntry> entries;
  ASSERT_TRUE(ParseFeedValue(FeedPosition(1000), builder.value(), entries));
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[1].position, FeedPosition(1003));
  EXPECT_EQ(entries[1].topic_name, "orders");
  EXPECT_EQ(entries[1].first, Offset(261));
  EXPECT_EQ(entries[2].position, FeedPosition(1005));
  EXPECT_EQ(entries[2].topic, TopicId(300));
  EXPECT_EQ(entries[2].topic_name, "user/1");
  EXPECT_EQ(ToNanos(entries[2].stored_at), 1'700'000'000'000'000'000);
}

TEST(Formats, AMalformedCommitIsRefused) {
  FeedValueBuilder builder(FromNanos(1));
  builder.Add(TopicId(7), "orders", Offset(258), 3);
  std::vector<FeedEntry> entries;
  const std::string& good = builder.value();
  for (size_t bytes = 0; bytes < good.size(); ++bytes) {
    if (bytes == 9) continue;  // a commit of no runs
    EXPECT_FALSE(ParseFeedValue(FeedPosition(0), good.substr(0, bytes), entries)) << bytes;
  }
  FeedValueBuilder nameless(FromNanos(1));
  nameless.Add(TopicId(7), "", Offset(0), 1);
  EXPECT_FALSE(ParseFeedValue(FeedPosition(0), nameless.value(), entries));
}

TEST(Formats, ATopicsAndATrimsGoldenBytes) {
  const std::string topic = EncodeTopicValue({TopicId(7), FromNanos(1)});
  EXPECT_EQ(Hex(topic), "01" "0000000000000007" "0000000000000001");
  EXPECT_EQ(ParseTopicValue(topic)->id, TopicId(7));
  const std::string trim = EncodeTrimValue(
      {.first = 5, .next = 9, .bytes = 77, .last = FromNanos(2), .name = "orders"});
  EXPECT_EQ(Hex(trim), "01" "0000000000000005" "0000000000000009" "000000000000004d"
                       "0000000000000002" "6f7264657273");
  const auto back = ParseTrimValue(trim);
  EXPECT_EQ(back->first, 5u);
  EXPECT_EQ(back->next, 9u);
  EXPECT_EQ(back->bytes, 77u);
  EXPECT_EQ(back->name, "orders");
  EXPECT_EQ(Hex(NumberKey(258)), "0000000000000102");
}

}  // namespace
}  // namespace postroad::store
