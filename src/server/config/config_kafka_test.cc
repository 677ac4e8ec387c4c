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
        RefusedCase{std::string(kIn) + "properties = { \"group.id\" = \"x\" }",
                    "use the setting `group`"}));

}  // namespace
}  // namespace postroad::server
