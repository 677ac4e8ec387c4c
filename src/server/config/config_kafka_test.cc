// The settings of Kafka connectors: what is taken, what is refused and how it is said.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/config/config.h"

namespace postroad::server {
namespace {

using ::testing::HasSubstr;

Result<LoadedConfig> Load(std::string text) {
  return LoadConfig({.file_name = "postroad.toml", .file_text = std::move(text)});
}
std::string Refusal(std::string text) {
  const auto loaded = Load(std::move(text));
  return loaded ? "accepted" : loaded.error().message;
}

constexpr const char* kOut = R"([[kafka.out]]
name = "o"
brokers = "localhost:9092"
topics = ["orders", "user/*"]
)";
constexpr const char* kIn = R"([[kafka.in]]
name = "i"
brokers = "localhost:9092"
topics = ["orders"]
)";

TEST(KafkaSettings, AreReadWithTheirProperties) {
  const auto loaded = Load(std::string(kOut) + R"(to = "shop.{topic}"
format = "cloudevents-binary"
properties = { "linger.ms" = 20, "sasl.mechanism" = "PLAIN", "sasl.password" = "hush", "socket.keepalive.enable" = true }
)" + kIn + R"(commit_mode = "AutoCommit"
[kafka.in.properties]
"enable.auto.commit" = true
"auto.commit.interval.ms" = 100
)");
  ASSERT_TRUE(loaded) << loaded.error().message;
  const kafka::OutOptions& out = loaded->config.kafka.out.at(0);
  EXPECT_EQ(out.to, "shop.{topic}");
  EXPECT_EQ(out.format, kafka::Format::kCloudEventsBinary);
  EXPECT_EQ(out.properties.at("linger.ms"), "20");
  EXPECT_EQ(out.properties.at("socket.keepalive.enable"), "true");
  EXPECT_EQ(loaded->config.kafka.in.at(0).commit_mode, kafka::CommitMode::kAutoCommit);
  for (const EffectiveSetting& setting : loaded->effective) {
    EXPECT_THAT(setting.value, ::testing::Not(HasSubstr("hush"))) << setting.name;
  }
}

constexpr const char* kConnection = R"([[kafka.connection]]
name = "main"
brokers = "kafka-1:9092"
properties = { "linger.ms" = 5, "sasl.password" = "hush" }
)";
constexpr const char* kSource = R"([[outbox.source]]
name = "shop"
url = "postgres:///shop"
)";

TEST(KafkaSettings, AConnectionLendsItsBrokersAndProperties) {
  const auto loaded = Load(std::string(kConnection) + R"([[kafka.in]]
name = "i"
connection = "main"
topics = ["orders"]
properties = { "client.id" = "mine" }
[[outbox.source]]
name = "shop"
url = "postgres:///shop"
kafka = { connection = "main", to = "rest", properties = { "linger.ms" = 7 } }
)");
  ASSERT_TRUE(loaded) << loaded.error().message;
  const kafka::InOptions& in = loaded->config.kafka.in.at(0);
  EXPECT_EQ(in.brokers, "kafka-1:9092");
  EXPECT_EQ(in.properties.at("client.id"), "mine");
  EXPECT_EQ(in.properties.at("linger.ms"), "5");
  const auto& rest = loaded->config.outbox_targets.at("shop").rest;
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->brokers, "kafka-1:9092");
  EXPECT_EQ(rest->properties.at("linger.ms"), "7");
  EXPECT_EQ(rest->properties.at("sasl.password"), "hush");
  for (const EffectiveSetting& setting : loaded->effective) {
    EXPECT_THAT(setting.value, ::testing::Not(HasSubstr("hush"))) << setting.name;
  }
}

TEST(KafkaSettings, ASourcesTargetsKeepTheirOrder) {
  const auto loaded = Load(std::string(kConnection) + kSource + R"(
[[outbox.source.target]]
topics = ["audit/*"]
[[outbox.source.target]]
topics = ["payments", "refunds/*"]
kafka = { connection = "main", to = "shop.{topic}", format = "raw" }
[[outbox.source]]
name = "other"
url = "postgres:///other"
)");
  ASSERT_TRUE(loaded) << loaded.error().message;
  const OutboxTargets& targets = loaded->config.outbox_targets.at("shop");
  ASSERT_EQ(targets.routes.size(), 2u);
  EXPECT_FALSE(targets.rest);
  EXPECT_TRUE(targets.routes[0].topics.Matches("audit/1"));
  EXPECT_FALSE(targets.routes[0].kafka);
  ASSERT_TRUE(targets.routes[1].kafka);
  EXPECT_TRUE(targets.routes[1].topics.Matches("refunds/1"));
  EXPECT_EQ(targets.routes[1].kafka->to, "shop.{topic}");
  EXPECT_EQ(targets.routes[1].kafka->format, kafka::Format::kRaw);
  EXPECT_TRUE(loaded->config.outbox_targets.at("other").routes.empty());
  const auto shown = [&](const std::string& name) {
    for (const auto& one : loaded->effective) {
      if (one.name == name) return one.value + " " + one.origin;
    }
    return std::string("missing");
  };
  EXPECT_EQ(shown("outbox.source[0].target[1].kafka.to"), "\"shop.{topic}\" postroad.toml:13:32");
}

struct RefusedCase {
  std::string text, says;
};
class KafkaRefusals : public ::testing::TestWithParam<RefusedCase> {};

TEST_P(KafkaRefusals, SayWhatAndWhere) {
  EXPECT_THAT(Refusal(GetParam().text), HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    All, KafkaRefusals,
    ::testing::Values(
        RefusedCase{std::string(kOut) + "properties = { \"sasl.mechansim\" = \"PLAIN\" }",
                    "postroad.toml:5:16: `kafka.out[0].properties.sasl.mechansim` is no property "
                    "that librdkafka knows; did you mean sasl.mechanism"},
        RefusedCase{std::string(kOut) + "properties = { \"linger.ms\" = \"soon\" }",
                    "`kafka.out[0].properties.linger.ms`"},
        RefusedCase{std::string(kOut) + "properties = { \"acks\" = \"1\" }",
                    "`kafka.out[0].properties.acks` must be all"},
        RefusedCase{std::string(kOut) + "properties = { \"enable.idempotence\" = false }",
                    "`kafka.out[0].properties.enable.idempotence` must be true"},
        RefusedCase{std::string(kOut) + "properties = { \"bootstrap.servers\" = \"x\" }",
                    "use the setting `brokers`"},
        RefusedCase{std::string(kOut) + "to = \"a/{topic}\"", "`kafka.out[0].to` must be a Kafka"},
        RefusedCase{std::string(kOut) + "tpoics = []",
                    "unknown setting `kafka.out[0].tpoics`; did you mean `kafka.out[0].topics`?"},
        RefusedCase{"[[kafka.out]]\nname = \"o\"\ntopics = [\"a\"]", "`kafka.out[0].brokers` must"},
        RefusedCase{std::string(kOut) + kOut, "`kafka.out[1].name` is the name of another"},
        RefusedCase{"[[kafka.outt]]\nname = \"o\"", "unknown list [[kafka.outt]]; did you mean"},
        RefusedCase{std::string(kIn) + "commit_mode = \"AutoCommit\"",
                    "`kafka.in[0].commit_mode` AutoCommit needs the property "
                    "enable.auto.commit=true"},
        RefusedCase{std::string(kIn) +
                        "commit_mode = \"AutoCommit\"\nproperties = { \"enable.auto.commit\" = "
                        "true }",
                    "AutoCommit needs the property auto.commit.interval.ms"},
        RefusedCase{std::string(kIn) +
                        "commit_mode = \"MessageCommit\"\nproperties = { \"enable.auto.commit\" = "
                        "true }",
                    "MessageCommit needs the property enable.auto.commit=false"},
        RefusedCase{std::string(kIn) + "properties = { \"enable.auto.commit\" = true }",
                    "EndOfBatchCommit needs the property enable.auto.commit=false"},
        RefusedCase{std::string(kIn) + "to = \"_dead/x\"", "`kafka.in[0].to` must be a topic"},
        RefusedCase{std::string(kSource) + "[[outbox.source.target]]\ntopics = [\"a b\"]",
                    "postroad.toml:5:1: `outbox.source[0].target[0].topics[0]`"},
        RefusedCase{std::string(kSource) + "[[outbox.source.target]]\nkafka.brokers = \"b\"",
                    "`outbox.source[0].target[0].topics`"},
        RefusedCase{std::string(kConnection) + kSource +
                        "[[outbox.source.target]]\ntopics = [\"a\"]\nkafka.connection = \"mian\"",
                    "postroad.toml:10:7: `outbox.source[0].target[0].kafka.connection` names no "
                    "[[kafka.connection]]: \"mian\"; did you mean `main`?"},
        RefusedCase{
            std::string(kSource) + "[[outbox.source.target]]\ntopics = [\"a\"]\nkafka.to = \"t\"",
            "`outbox.source[0].target[0].kafka.brokers` must name Kafka brokers"},
        RefusedCase{
            std::string(kSource) +
                "[[outbox.source.target]]\ntopics = [\"a\"]\nkafka = { brokers = \"b\", to = "
                "\"a/b\" }",
            "postroad.toml:6:26: `outbox.source[0].target[0].kafka.to` must be a Kafka"},
        RefusedCase{std::string(kSource) + "[[outbox.source.target]]\ntopic = [\"a\"]",
                    "unknown setting `outbox.source[0].target[0].topic`; did you mean "
                    "`outbox.source[0].target[0].topics`?"},
        RefusedCase{std::string(kSource) + "[outbox.source.target]\ntopics = [\"a\"]",
                    "`outbox.source[0].target` is a list"},
        RefusedCase{std::string(kConnection) +
                        "[[kafka.out]]\nname = \"o\"\nbrokers = \"b\"\nconnection = \"main\"\n",
                    "`kafka.out[0].connection` has brokers of its own"},
        RefusedCase{std::string(kConnection) + kConnection, "`kafka.connection[1].name` is the"},
        RefusedCase{"[[kafka.connection]]\nname = \"x\"", "`kafka.connection[0]` has no brokers"},
        RefusedCase{std::string(kIn) + "properties = { \"group.id\" = \"x\" }",
                    "use the setting `group`"}));

}  // namespace
}  // namespace postroad::server
