// A Kafka that asks for TLS, user and password: the properties get there, and where they are wrong
// the log and the status say what is.
#include <algorithm>

#include "kafka/fixture.h"
#include "support/identity.h"
#include "support/postgres.h"

namespace postroad::testing {
namespace {

constexpr int kKeys = 3;

KafkaBroker& SecuredKafka() {
  static KafkaBroker kafka({}, KafkaSecurity::kTlsAndSasl);
  return kafka;
}

struct Access {
  std::string protocol = "sasl_ssl";
  std::string mechanism = "SCRAM-SHA-512";
  std::string password = kKafkaPassword;
  std::string trusted = SecuredKafka().certificate();
};

std::string Properties(const Access& access) {
  return R"(properties = { "security.protocol" = ")" + access.protocol +
         R"(", "sasl.mechanism" = ")" + access.mechanism + R"(", "sasl.username" = ")" +
         kKafkaUser + R"(", "sasl.password" = ")" + access.password +
         R"(", "ssl.ca.location" = ")" + access.trusted + R"(" })";
}

// There and back over one topic of Kafka.
std::string Config(const std::string& topic, const Access& access) {
  const std::string common =
      "brokers = \"" + SecuredKafka().secure_address() + "\"\n" + Properties(access) + "\n";
  return "[[kafka.out]]\nname = \"out\"\nstart = \"beginning\"\ntopics = [\"" + topic + "\"]\n" +
         common + "[[kafka.in]]\nname = \"in\"\ntopics = [\"" + topic +
         "\"]\nto = \"back/{kafka_topic}\"\n" + common;
}

std::vector<Event> Numbered(const std::string& topic, int from, int to) {
  std::vector<Event> events;
  for (int i = from; i < to; ++i) events.push_back(NumberedEvent(topic, i, kKeys));
  return events;
}

class SecureKafka : public ::testing::TestWithParam<std::string> {};

TEST_P(SecureKafka, BothWays) {
  POSTROAD_NEEDS_KAFKA();
  const std::string topic = "secure-" + GetParam();
  CreateKafkaTopic(SecuredKafka().address(), topic, 2);
  ServerProcess server({.config = Config(topic, {.mechanism = GetParam()})});
  PostEvents(server, Numbered(topic, 0, 100));
  EXPECT_TRUE(ExactlyOnce(NumbersByKey(ReadEvents(server, {"back/" + topic}, 100)), 100, kKeys));
  EXPECT_EQ(server.Stop().code, 0);
}

INSTANTIATE_TEST_SUITE_P(Mechanisms, SecureKafka, ::testing::Values("PLAIN", "SCRAM-SHA-512"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase(name, '-');
                           return name;
                         });

// What is said of a connector that is refused, and how the events go once it is not.
class RefusedByKafka : public ::testing::Test {
 protected:
  void SaysThenMended(const std::string& topic, const Access& wrong,
                      const std::vector<std::string>& words) {
    CreateKafkaTopic(SecuredKafka().address(), topic, 1);
    TempFolder data;
    {
      ServerProcess server({.data = data.path(), .config = Config(topic, wrong)});
      ASSERT_TRUE(server.ready());
      PostEvents(server, Numbered(topic, 0, 50));
      for (const char* direction : {"out out", "in in"}) {
        EXPECT_TRUE(Says(server, direction, words)) << Ready(server);
      }
      for (const std::string& word : words) {
        EXPECT_THAT(server.process().Output(), ::testing::HasSubstr(word));
      }
      EXPECT_THAT(server.process().Output(), ::testing::Not(::testing::HasSubstr(wrong.password)));
      EXPECT_EQ(server.Stop().code, 0);
    }
    ServerProcess server({.data = data.path(), .config = Config(topic, {})});
    EXPECT_TRUE(ExactlyOnce(NumbersByKey(ReadEvents(server, {"back/" + topic}, 50)), 50, kKeys));
    EXPECT_EQ(server.Stop().code, 0);
  }

  static std::string Ready(const ServerProcess& server) {
    return HttpGet(server.http(), "/readyz").body;
  }
  // All of the words in the connector's line.
  static bool Says(const ServerProcess& server, const std::string& connector,
                   const std::vector<std::string>& words) {
    return Eventually([&] {
      const std::string page = Ready(server);
      const size_t at = page.find("kafka " + connector + ": not connected; ");
      if (at == page.npos) return false;
      const std::string line = page.substr(at, page.find('\n', at) - at);
      return std::ranges::all_of(words,
                                 [&](const auto& word) { return line.find(word) != line.npos; });
    });
  }
};

TEST_F(RefusedByKafka, ForTheWrongPassword) {
  POSTROAD_NEEDS_KAFKA();
  SaysThenMended("wrong-password", {.password = "swordfish"},
                 {"Authentication failed", "invalid credentials"});
}

TEST_F(RefusedByKafka, ForACertificateThatIsNotTrusted) {
  POSTROAD_NEEDS_KAFKA();
  TempFolder folder;
  MakeIdentity(folder, "somebody-else");
  SaysThenMended("untrusted", {.trusted = folder / "somebody-else.pem"},
                 {"certificate verify failed", "ssl.ca.location"});
}

TEST_F(RefusedByKafka, ForNotSpeakingTls) {
  POSTROAD_NEEDS_KAFKA();
  SaysThenMended("no-tls", {.protocol = "sasl_plaintext"}, {"security.protocol"});
}

TEST_F(RefusedByKafka, OutboxRowsWaitAndTheReasonIsShown) {
  POSTROAD_NEEDS_KAFKA();
  CreateKafkaTopic(SecuredKafka().address(), "rows", 1);
  PostgresServer database;
  const std::string url = database.NewDatabase();
  const Ended installed = RunProgram({PostroadProgram(), "outbox", "install", "--url", url});
  ASSERT_EQ(installed.code, 0) << installed.output;
  PgSession(url).Run(
      "SELECT postroad_post('rows', i::text, key => 'k' || i % 3) FROM generate_series(0, 49) i");
  const auto config = [&](const Access& access) {
    return "[[outbox.source]]\nname = \"shop\"\nurl = \"" + url + "\"\nkafka = { brokers = \"" +
           SecuredKafka().secure_address() +
           R"(", to = "{topic}", format = "raw", send_timeout = "2s", )" + Properties(access) +
           " }\n";
  };
  {
    ServerProcess server({.config = config({.password = "swordfish"})});
    EXPECT_TRUE(Eventually([&] {
      return HttpGet(server.http(), "/outbox").body.find("Authentication failed") !=
             std::string::npos;
    })) << HttpGet(server.http(), "/outbox").body;
    EXPECT_EQ(server.Stop().code, 0);
  }
  ServerProcess server({.config = config({})});
  EXPECT_TRUE(
      ExactlyOnce(NumbersByKey(ReadKafka(SecuredKafka().address(), "rows", 50)), 50, kKeys));
  EXPECT_EQ(server.Stop().code, 0);
}

}  // namespace
}  // namespace postroad::testing
