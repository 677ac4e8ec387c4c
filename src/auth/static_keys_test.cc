// API keys from the configuration.
#include "auth/static_keys.h"

#include <gtest/gtest.h>

namespace postroad::auth {
namespace {

constexpr const char* kKey = "correct horse battery";
// Of kKey, by sha256sum.
constexpr const char* kKeyHash =
    "sha256:9028ea0d15decaa35b2da21c0290af3b1a5ba0a30a591906f89b5074e209ea72";

ApiKey Key(std::string name, std::string secret) {
  return ApiKey{std::move(name), std::move(secret), {*TopicPattern::Parse("orders", "")}, {}, {}};
}
std::string FieldOf(std::vector<ApiKey> keys) {
  const auto made = StaticKeys(std::move(keys));
  return made ? "no error" : made.error().field;
}
Result<std::shared_ptr<const Principal>> Show(Authenticator& keys, std::string token) {
  return keys.Authenticate({.token = std::move(token), .peer = "test"});
}

TEST(StaticKeysTest, KnowsCallersByPlainAndHashedKeys) {
  const auto keys = StaticKeys({Key("other", "0123456789abcdef"), Key("hashed", kKeyHash)});
  ASSERT_TRUE(keys.has_value());
  const auto hashed = Show(**keys, kKey);
  ASSERT_TRUE(hashed.has_value());
  EXPECT_EQ((*hashed)->name(), "hashed");
  EXPECT_TRUE((*hashed)->May(Right::kPost, "orders"));
  EXPECT_FALSE((*hashed)->May(Right::kRead, "orders"));
  const auto plain = Show(**keys, "0123456789abcdef");
  ASSERT_TRUE(plain.has_value());
  EXPECT_EQ((*plain)->name(), "other");
}

TEST(StaticKeysTest, RefusesWhatItDoesNotKnow) {
  const auto keys = StaticKeys({Key("a", kKey)});
  ASSERT_TRUE(keys.has_value());
  for (const std::string token : {"", "correct horse batter", "correct horse battery ", kKeyHash}) {
    const auto refused = Show(**keys, token);
    ASSERT_FALSE(refused.has_value()) << token;
    EXPECT_EQ(refused.error().code, ErrorCode::kUnauthenticated);
    EXPECT_EQ(refused.error().reason, token.empty() ? "KEY_MISSING" : "KEY_UNKNOWN");
  }
}

TEST(StaticKeysTest, NoKeysKnowNobody) {
  const auto keys = StaticKeys({});
  ASSERT_TRUE(keys.has_value());
  EXPECT_FALSE(Show(**keys, kKey).has_value());
}

TEST(StaticKeysTest, BadKeysAreNamed) {
  EXPECT_EQ(FieldOf({Key("a", kKey), Key("", "0123456789abcdef")}), "keys[1].name");
  EXPECT_EQ(FieldOf({Key("a", kKey), Key("a", "0123456789abcdef")}), "keys[1].name");
  EXPECT_EQ(FieldOf({Key("a", "short")}), "keys[0].key");
  EXPECT_EQ(FieldOf({Key("a", "sha256:12")}), "keys[0].key");
  EXPECT_EQ(FieldOf({Key("a", std::string(kKeyHash).replace(9, 1, "g"))}), "keys[0].key");
  EXPECT_EQ(FieldOf({Key("a", kKey), Key("b", kKeyHash)}), "keys[1].key");
}

TEST(AllowAllTest, AsksForNothing) {
  const auto all = AllowAll();
  const auto caller = Show(*all, "");
  ASSERT_TRUE(caller.has_value());
  EXPECT_TRUE((*caller)->CheckServerAdmin().has_value());
}

}  // namespace
}  // namespace postroad::auth
