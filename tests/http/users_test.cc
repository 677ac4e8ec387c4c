// Users' connections by HTTP: who may see them and answer for them, and how they are listed.
#include <algorithm>
#include <utility>

#include "tests/http/http_house.h"

namespace postroad::testing {
namespace {

class UsersTest : public HttpHouse {
 protected:
  // Two keys: one for everything, one that reads the topics of users whose name begins with "a".
  void StartWithKeys() {
    auth::ApiKey all{.name = "all", .secret = "0123456789abcdef", .post = Topics("*")};
    all.read = all.administer = all.post;
    authenticator = Must(auth::StaticKeys(
        {all, {.name = "usera", .secret = "abcdef0123456789", .read = Topics("user/a*")}}));
    Start();
  }
  static std::vector<TopicPattern> Topics(const char* pattern) {
    return {*TopicPattern::Parse(pattern, "")};
  }
  const std::string all_ = "X-API-Key: 0123456789abcdef\r\n";
  const std::string usera_ = "X-API-Key: abcdef0123456789\r\n";

  // A stream of the user's topic, and the name of its connection.
  std::pair<std::unique_ptr<HttpClient>, std::string> Connect(const std::string& user) {
    auto client = std::make_unique<HttpClient>(port());
    client->Send("GET /v1/events?format=sse&topic=user/" + user + " HTTP/1.1\r\nHost: x\r\n" +
                 all_ + "\r\n");
    client->ReadHead();
    client->ReadEvent();  // where it begins
    const std::string opened = client->ReadEvent();
    EXPECT_NE(opened.find("event: opened\n"), std::string::npos) << opened;
    return {std::move(client), After(opened, "\"connection\":\"", 16)};
  }
  static std::string After(const std::string& text, const std::string& mark, size_t length) {
    const size_t at = text.find(mark);
    EXPECT_NE(at, std::string::npos) << text;
    return text.substr(at + mark.size(), length);
  }
  // All pages of a list: what `name` is in each item, joined; and the tokens between them.
  struct Listed {
    std::string names, tokens;
    size_t longest = 0;
  };
  Listed ListAll(const std::string& target, const std::string& key, const std::string& list,
                 const std::string& name) {
    Listed listed;
    std::string token;
    for (int pages = 0; pages < 1'000; ++pages) {
      const auto page = Ask("GET", target + "&page_token=" + token, "", key).Json();
      const auto& items = page.at(list).as_array();
      listed.longest = std::max(listed.longest, items.size());
      for (const auto& item : items) {
        listed.names += std::string(item.at(name).as_string()) + " ";
      }
      if (!page.as_object().contains("next_page_token")) break;
      token = std::string(page.at("next_page_token").as_string());
      listed.tokens += token + " ";
    }
    return listed;
  }
};

TEST_F(UsersTest, NobodyAnswersForAnother) {
  StartWithKeys();
  auto [bob, connection] = Connect("bob");
  HttpClient asker(port());
  asker.Send("POST /v1/questions?user=bob&timeout=1m HTTP/1.1\r\nHost: x\r\n" + all_ +
             "Content-Length: 5\r\n\r\nsure?");
  std::string question;
  while (question.find("event: question") == std::string::npos) {
    question = bob->ReadEvent();
    ASSERT_NE(question, "");
  }
  const std::string answers = "/v1/questions/" + After(question, "\"question\":\"", 16) +
                              "/answers?connection=" + connection;
  const HttpReply forged = Ask("POST", answers, "\"forged\"", usera_);
  EXPECT_EQ(forged.status, 403);
  EXPECT_EQ(forged.Reason(), "NOT_ALLOWED");
  EXPECT_EQ(Ask("POST", answers, "\"mine\"", all_).status, 204);
  EXPECT_EQ(asker.Read().Json().at("answers").at(0).at("answer"), "mine");
}

// Of pages as of their tokens: nothing tells of what the key may not see.
TEST_F(UsersTest, ListsTellNothingOfWhatTheKeyMayNotSee) {
  StartWithKeys();
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (const char* user : {"a1", "a1", "a1", "a2", "bob-secret", "bob-secret", "carol"}) {
    clients.push_back(Connect(user).first);
  }
  for (const char* name : {"payroll", "people", "zeta"}) {
    const std::string topic = name == std::string("people") ? "user/a1" : "secret/t";
    ASSERT_EQ(Ask("PUT", "/v1/subscriptions/" + std::string(name),
                  R"({"topics":[")" + topic + R"("]})", all_)
                  .status,
              201);
  }
  for (const char* topic : {"user/a1", "secret/1", "user/a2", "secret/2", "secret/3"}) {
    ASSERT_EQ(Ask("POST", "/v1/events?topic=" + std::string(topic),
                  R"({"id":"later","deliver_at":"+1h"})", all_)
                  .status,
              200);
  }
  const Listed users = ListAll("/v1/presence?page_size=1", usera_, "connections", "user");
  EXPECT_EQ(users.names, "a1 a1 a1 a2 ");
  EXPECT_EQ(users.longest, 1u);
  EXPECT_EQ(users.tokens.find("bob"), std::string::npos) << users.tokens;
  EXPECT_EQ(users.tokens.find("carol"), std::string::npos) << users.tokens;
  const Listed names = ListAll("/v1/subscriptions?page_size=1", usera_, "subscriptions", "name");
  EXPECT_EQ(names.names, "people ");
  EXPECT_EQ(names.tokens, "people ");
  const Listed later = ListAll("/v1/scheduled?page_size=1", usera_, "events", "topic");
  EXPECT_EQ(later.names, "user/a1 user/a2 ");
  EXPECT_LE(std::ranges::count(later.tokens, ' '), 2) << later.tokens;
  // Who may see all sees all, a connection at a time.
  EXPECT_EQ(ListAll("/v1/presence?page_size=2", all_, "connections", "user").names,
            "a1 a1 a1 a2 bob-secret bob-secret carol ");
  EXPECT_EQ(ListAll("/v1/subscriptions?page_size=2", all_, "subscriptions", "name").names,
            "payroll people zeta ");
  EXPECT_EQ(ListAll("/v1/scheduled?page_size=2", all_, "events", "topic").names.size(),
            std::string("user/a1 secret/1 user/a2 secret/2 secret/3 ").size());
  EXPECT_EQ(Ask("GET", "/v1/presence?page_token=x", "", all_).status, 400);
}

}  // namespace
}  // namespace postroad::testing
