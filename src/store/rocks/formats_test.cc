// The bytes on disk are those that docs/formats/store.md states.
#include "store/rocks/formats.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "store/rocks/crc32c.h"

namespace postroad::store {
namespace {

// The example of docs/formats/store.md that is fenced as "```hex name".
std::string Documented(const std::string& name) {
  std::ifstream page(POSTROAD_FORMATS_DIR "/store.md");
  std::string line, bytes;
  while (std::getline(page, line) && line != "```hex " + name) continue;
  while (std::getline(page, line) && line != "```") {
    std::istringstream words(line.substr(0, line.find('#')));
    for (std::string word; words >> word;) {
      bytes.push_back(static_cast<char>(std::stoi(word, nullptr, 16)));
    }
  }
  EXPECT_FALSE(bytes.empty()) << "the page has no example '" << name << "'";
  return bytes;
}

std::string EncodeRun(std::string_view key, const RunHeader& header, std::string_view body) {
  std::string value;
  PutRunHeader(value, key, header, body);
  return value.append(body);
}

const Timestamp kTime = FromNanos(1'700'000'000'000'000'000);

TEST(Formats, Crc32cIsCastagnolis) {
  EXPECT_EQ(ExtendCrc32c(0, "123456789"), 0xe3069283u);
  EXPECT_EQ(ExtendCrc32c(0, std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(ExtendCrc32c(ExtendCrc32c(0, "12345"), "6789"), 0xe3069283u);
}

TEST(Formats, ARunIsAsDocumented) {
  const std::string key = RunKey(TopicId(7), Offset(258));
  EXPECT_EQ(key, Documented("run-key"));
  const std::string body =
      "\"\x03"
      "abc";
  const std::string value = Documented("run-value");
  EXPECT_EQ(
      EncodeRun(key, {.count = 1, .stored_at = kTime, .bytes_before = 4096, .topic_name = "orders"},
                body),
      value);
  EXPECT_TRUE(RunChecksumHolds(key, value));
  const auto place = ParseRunKey(key);
  EXPECT_EQ(place->topic, TopicId(7));
  EXPECT_EQ(place->first, Offset(258));
  const auto header = ParseRunHeader(value);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->count, 1u);
  EXPECT_EQ(header->stored_at, kTime);
  EXPECT_EQ(header->bytes_before, 4096u);
  EXPECT_EQ(header->topic_name, "orders");
  EXPECT_EQ(value.substr(header->size), body);
}

TEST(Formats, ARunsChecksumCoversKeyHeaderAndBody) {
  const std::string key = RunKey(TopicId(7), Offset(258));
  const std::string good = EncodeRun(key, {.count = 1, .topic_name = "a"}, "body");
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] ^= 0x10;
    EXPECT_FALSE(RunChecksumHolds(key, bad)) << "byte " << i;
  }
  EXPECT_FALSE(RunChecksumHolds(RunKey(TopicId(7), Offset(259)), good));
  EXPECT_FALSE(ParseRunHeader(good.substr(0, 25)));
  EXPECT_FALSE(ParseRunHeader("\x02" + good.substr(1))) << "a later version";
}

TEST(Formats, ACommitIsAsDocumented) {
  FeedValueBuilder builder(kTime);
  builder.Add(TopicId(7), "orders", Offset(258), 3);
  builder.Add(TopicId(7), "orders", Offset(261), 2);
  builder.Add(TopicId(300), "user/1", Offset(0), 1);
  EXPECT_EQ(builder.value(), Documented("commit"));
  std::vector<FeedEntry> entries;
  ASSERT_TRUE(ParseFeedValue(FeedPosition(1000), Documented("commit"), entries));
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[1].position, FeedPosition(1003));
  EXPECT_EQ(entries[1].topic_name, "orders");
  EXPECT_EQ(entries[1].first, Offset(261));
  EXPECT_EQ(entries[2].position, FeedPosition(1005));
  EXPECT_EQ(entries[2].topic, TopicId(300));
  EXPECT_EQ(entries[2].topic_name, "user/1");
  EXPECT_EQ(entries[2].stored_at, kTime);
  EXPECT_EQ(NumberKey(258), std::string("\0\0\0\0\0\0\1\2", 8));
}

TEST(Formats, AMalformedCommitIsRefused) {
  FeedValueBuilder builder(kTime);
  builder.Add(TopicId(7), "orders", Offset(258), 3);
  std::vector<FeedEntry> entries;
  const std::string& good = builder.value();
  for (size_t bytes = 0; bytes < good.size(); ++bytes) {
    if (bytes == 9) continue;  // a commit of no runs
    EXPECT_FALSE(ParseFeedValue(FeedPosition(0), good.substr(0, bytes), entries)) << bytes;
  }
  FeedValueBuilder nameless(kTime);
  nameless.Add(TopicId(7), "", Offset(0), 1);
  EXPECT_FALSE(ParseFeedValue(FeedPosition(0), nameless.value(), entries));
}

TEST(Formats, ATopicAndATrimAreAsDocumented) {
  std::string value;
  PutTopicValue(value, {TopicId(7), FromNanos(1)});
  EXPECT_EQ(value, Documented("topic"));
  EXPECT_EQ(ParseTopicValue(Documented("topic"))->id, TopicId(7));
  EXPECT_EQ(
      EncodeTrimValue({.first = 5, .next = 9, .bytes = 77, .last = FromNanos(2), .name = "orders"}),
      Documented("trim"));
  const auto trim = ParseTrimValue(Documented("trim"));
  EXPECT_EQ(trim->first, 5u);
  EXPECT_EQ(trim->next, 9u);
  EXPECT_EQ(trim->bytes, 77u);
  EXPECT_EQ(trim->last, FromNanos(2));
  EXPECT_EQ(trim->name, "orders");
}

}  // namespace
}  // namespace postroad::store
