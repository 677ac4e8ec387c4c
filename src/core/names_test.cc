#include "core/names.h"

#include <gtest/gtest.h>

namespace postroad {
namespace {

TEST(NamesTest, TopicsThatAreGood) {
  for (const std::string& name :
       {std::string("orders"), std::string("user/42/notifications"), std::string("_dead/billing"),
        std::string("größe/語/😀"), std::string("a.b-c_d:e"), std::string(255, 'x')}) {
    EXPECT_TRUE(CheckTopicName(name, "topic")) << name;
    EXPECT_TRUE(CheckName(name, "subscription")) << name;
  }
}

TEST(NamesTest, NamesThatAreBad) {
  for (const std::string& name :
       {std::string(),         std::string(256, 'x'),  std::string("a b"),
        std::string("a\tb"),   std::string("a\0b", 3), std::string("a\x7f"),
        std::string("*"),      std::string("user/*"),  std::string("\xff"),
        std::string("\xc3"),   std::string("\u0085"),  std::string("a\u00a0b"),
        std::string("\u1680"), std::string("\u2000"),  std::string("\u200a"),
        std::string("\u2028"), std::string("\u2029"),  std::string("\u202f"),
        std::string("\u205f"), std::string("\u3000")}) {
    for (const auto& status :
         {CheckTopicName(name, "events[1].topic"), CheckName(name, "events[1].topic")}) {
      ASSERT_FALSE(status) << name;
      EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
      EXPECT_EQ(status.error().field, "events[1].topic");
      EXPECT_EQ(status.error().reason, "BAD_NAME");
    }
  }
}

TEST(NamesTest, NeighboursOfBlanksAreNoBlanks) {
  for (const char* name : {"\u00a1", "\u1681", "\u200b", "\u2027", "\u202a", "\u2030", "\u205e",
                           "\u2060", "\u3001", "\u00e0"}) {
    EXPECT_TRUE(CheckName(name, "name")) << name;
  }
}

TEST(NamesTest, TopicLevelsAreNotEmpty) {
  for (const char* name : {"/", "/a", "a/", "a//b"}) {
    EXPECT_FALSE(CheckTopicName(name, "topic")) << name;
    EXPECT_TRUE(CheckName(name, "subscription")) << name;
  }
}

TEST(NamesTest, TheMessageSaysWhereAndWhat) {
  EXPECT_EQ(CheckTopicName("ab c", "topic").error().message, "contains a blank at byte 2");
  EXPECT_EQ(CheckName(std::string(300, 'x'), "n").error().message,
            "has 300 bytes, at most 255 are allowed");
}

bool Matches(std::string_view pattern, std::string_view topic) {
  const auto parsed = TopicPattern::Parse(pattern, "topics[0]");
  EXPECT_TRUE(parsed) << pattern;
  return parsed && parsed->Matches(topic);
}

TEST(TopicPatternTest, Matches) {
  const std::tuple<std::string_view, std::string_view, bool> kCases[] = {
      {"orders", "orders", true},
      {"orders", "orders2", false},
      {"orders", "order", false},
      {"user/*", "user/42", true},
      {"user/*", "user/42/inbox", true},
      {"user/*", "user/", true},
      {"user/*", "user", false},
      {"user/*", "users/42", false},
      {"*", "anything/at/all", true},
      {"*", "_dead/x", false},
      {"*dead*", "_dead/x", false},
      {"_*", "_dead/x", true},
      {"_dead/*", "_dead/x", true},
      {"a*z", "az", true},
      {"a*z", "abz", true},
      {"a*z", "abzc", false},
      {"a*a", "a", false},
      {"a*a", "aa", true},
      {"*a*b*", "xxayyb", true},
      {"*a*b*", "xxbyya", false},
      {"a*bc*bc", "abc", false},
      {"a*bc*bc", "abcbc", true},
      {"a*b*b", "ab", false},
      {"**", "x", true},
      {"a**b", "ab", true},
      {"user/*/inbox", "user/42/inbox", true},
      {"user/*/inbox", "user/inbox", false},
      {"user/*/inbox", "user/42/43/inbox", true},
  };
  for (const auto& [pattern, topic, matches] : kCases) {
    EXPECT_EQ(Matches(pattern, topic), matches) << pattern << " on " << topic;
  }
}

TEST(TopicPatternTest, TellsItsPartsAndRefusesWhatIsNone) {
  const auto pattern = TopicPattern::Parse("user/*/inbox", "t");
  ASSERT_TRUE(pattern);
  EXPECT_FALSE(pattern->IsLiteral());
  EXPECT_EQ(pattern->prefix(), "user/");
  EXPECT_EQ(pattern->text(), "user/*/inbox");
  EXPECT_TRUE(TopicPattern::Parse("orders", "t")->IsLiteral());
  EXPECT_EQ(TopicPattern::Parse("orders", "t")->prefix(), "orders");
  EXPECT_EQ(*TopicPattern::Parse("a*", "t"), *TopicPattern::Parse("a*", "u"));
  for (const std::string& bad :
       {std::string(), std::string("a *"), std::string("/a*"), std::string("*//*"),
        std::string(256, '*'), std::string("\xff*")}) {
    const auto refused = TopicPattern::Parse(bad, "topics[7]");
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().field, "topics[7]");
  }
}

// A backtracking matcher would take for ever.
TEST(TopicPatternTest, ManyStarsAreNoTrap) {
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "a*";
  EXPECT_FALSE(Matches(pattern + "b", std::string(255, 'a')));
  EXPECT_TRUE(Matches(pattern + "b", std::string(254, 'a') + "b"));
}

TEST(TopicSelectorTest, SelectsByAnyOfItsEntries) {
  const auto selector = TopicSelector::Parse({"orders", "user/*"}, "topics");
  ASSERT_TRUE(selector);
  EXPECT_TRUE(selector->Matches("orders"));
  EXPECT_TRUE(selector->Matches("user/1"));
  EXPECT_FALSE(selector->Matches("invoices"));
  EXPECT_EQ(selector->SingleTopic(), "");
  EXPECT_EQ(selector->Texts(), (std::vector<std::string>{"orders", "user/*"}));
  EXPECT_EQ(TopicSelector::Parse({"orders"}, "topics")->SingleTopic(), "orders");
  EXPECT_EQ(TopicSelector::Parse({"orders*"}, "topics")->SingleTopic(), "");
}

TEST(TopicSelectorTest, NamesTheEntryAtFault) {
  EXPECT_EQ(TopicSelector::Parse({"a", "b", " "}, "topics").error().field, "topics[2]");
  EXPECT_EQ(TopicSelector::Parse({}, "topics").error().field, "topics");
  EXPECT_EQ(TopicSelector::Parse(std::vector<std::string>(101, "a"), "topics").error().field,
            "topics");
  EXPECT_TRUE(TopicSelector::Parse(std::vector<std::string>(100, "a"), "topics"));
}

TEST(NearestNameTest, FindsSlipsAndNothingElse) {
  const std::vector<std::string> known = {"data_dir", "grpc.listen", "http.listen", "log.level"};
  EXPECT_EQ(NearestName("data-dir", known), "data_dir");
  EXPECT_EQ(NearestName("datadir", known), "data_dir");
  EXPECT_EQ(NearestName("dtaa_dir", known), "data_dir");
  EXPECT_EQ(NearestName("GRPC.Listen", known), "grpc.listen");
  EXPECT_EQ(NearestName("log.levle", known), "log.level");
  EXPECT_EQ(NearestName("retention", known), "");
  EXPECT_EQ(NearestName("", known), "");
  EXPECT_EQ(NearestName("x", {}), "");
}

}  // namespace
}  // namespace postroad
