// What callers may do, by the patterns granted to them.
#include "auth/principal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postroad::auth {
namespace {

std::vector<TopicPattern> Patterns(const std::vector<std::string>& texts) {
  std::vector<TopicPattern> patterns;
  for (const auto& text : texts) patterns.push_back(*TopicPattern::Parse(text, ""));
  return patterns;
}

Principal Reader(const std::vector<std::string>& read) {
  return Principal("reader", {}, Patterns(read), {});
}

bool Covers(const std::string& granted, const std::string& asked) {
  return Reader({granted}).MayAll(Right::kRead, *TopicPattern::Parse(asked, ""));
}

TEST(PrincipalTest, AnyoneMayDoEverything) {
  const Principal anyone = Principal::Anyone();
  EXPECT_TRUE(anyone.May(Right::kPost, "orders"));
  EXPECT_TRUE(anyone.May(Right::kRead, "_dead/orders"));
  EXPECT_TRUE(anyone.MayAll(Right::kAdminister, *TopicPattern::Parse("*", "")));
  EXPECT_TRUE(anyone.CheckServerAdmin().has_value());
}

TEST(PrincipalTest, RightsDoNotMix) {
  const Principal shop("shop", Patterns({"orders"}), Patterns({"stock/*"}), Patterns({"tmp/*"}));
  EXPECT_TRUE(shop.May(Right::kPost, "orders"));
  EXPECT_FALSE(shop.May(Right::kRead, "orders"));
  EXPECT_TRUE(shop.May(Right::kRead, "stock/1"));
  EXPECT_FALSE(shop.May(Right::kAdminister, "stock/1"));
  EXPECT_TRUE(shop.May(Right::kAdminister, "tmp/1"));
  EXPECT_FALSE(shop.May(Right::kPost, "tmp/1"));
}

TEST(PrincipalTest, NothingGrantedNothingAllowed) {
  const Principal nobody("nobody", {}, {}, {});
  EXPECT_FALSE(nobody.May(Right::kPost, "orders"));
  EXPECT_FALSE(nobody.CheckServerAdmin().has_value());
}

TEST(PrincipalTest, APatternIsAllowedWhenAllItsTopicsAre) {
  EXPECT_TRUE(Covers("*", "*"));
  EXPECT_TRUE(Covers("*", "user/*"));
  EXPECT_TRUE(Covers("user/*", "user/*"));
  EXPECT_TRUE(Covers("user/*", "user/42/*"));
  EXPECT_TRUE(Covers("user/*", "user/42"));
  EXPECT_TRUE(Covers("a*z", "ab*yz"));
  EXPECT_FALSE(Covers("user/*", "*"));
  EXPECT_FALSE(Covers("user/42/*", "user/*"));
  EXPECT_FALSE(Covers("user/42", "user/*"));
  EXPECT_FALSE(Covers("a*z", "a*"));
  EXPECT_FALSE(Covers("a*b*c", "a*c"));
}

TEST(PrincipalTest, AStarDoesNotGrantSystemTopics) {
  EXPECT_FALSE(Reader({"*"}).May(Right::kRead, "_dead/orders"));
  EXPECT_FALSE(Covers("*", "_dead/*"));
  EXPECT_TRUE(Covers("_dead/*", "_dead/orders"));
}

TEST(PrincipalTest, RefusalsSayWhoWhatAndWhere) {
  const Status one = Reader({"user/*"}).Check(Right::kPost, "orders");
  ASSERT_FALSE(one.has_value());
  EXPECT_EQ(one.error().code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(one.error().message, "`reader` may not post to topic `orders`");
  const auto topics = TopicSelector::Parse({"user/1", "*"}, "topics");
  const Status all = Reader({"user/*"}).CheckAll(Right::kRead, *topics);
  ASSERT_FALSE(all.has_value());
  EXPECT_EQ(all.error().message, "`reader` may not read all topics of `*`");
  EXPECT_TRUE(Reader({"*"}).CheckAll(Right::kRead, *topics).has_value());
}

TEST(PrincipalTest, ServerAdministrationNeedsEverything) {
  EXPECT_TRUE(Principal("a", {}, {}, Patterns({"*"})).CheckServerAdmin().has_value());
  const Status some = Principal("a", {}, {}, Patterns({"user/*"})).CheckServerAdmin();
  ASSERT_FALSE(some.has_value());
  EXPECT_EQ(some.error().code, ErrorCode::kPermissionDenied);
}

}  // namespace
}  // namespace postroad::auth
