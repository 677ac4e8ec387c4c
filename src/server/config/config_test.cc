// The configuration: what is read from where, what is refused and how it is said.
#include "server/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace postroad::server {
namespace {

using ::testing::HasSubstr;

ConfigSources File(std::string text) {
  return {.file_name = "postroad.toml", .file_text = std::move(text)};
}

// The whole message of a configuration that is refused.
std::string Refusal(const ConfigSources& sources) {
  const auto loaded = LoadConfig(sources);
  return loaded ? "accepted" : loaded.error().message;
}
std::string Refusal(std::string file) { return Refusal(File(std::move(file))); }

Config Load(const ConfigSources& sources) {
  auto loaded = LoadConfig(sources);
  EXPECT_TRUE(loaded.has_value()) << loaded.error().message;
  return loaded ? loaded->config : Config();
}

EffectiveSetting Effective(const ConfigSources& sources, const std::string& name) {
  const auto loaded = LoadConfig(sources);
  if (!loaded) return {};
  for (const auto& setting : loaded->effective) {
    if (setting.name == name) return setting;
  }
  return {};
}

TEST(ConfigTest, NothingGivesTheDefaults) {
  const Config config = Load({});
  EXPECT_EQ(config.listen.http, "127.0.0.1:7400");
  EXPECT_EQ(config.listen.grpc, std::vector<std::string>{"127.0.0.1:7401"});
  EXPECT_EQ(config.store.directory, "./var");
  EXPECT_EQ(config.grpc.keepalive_time, std::chrono::seconds(10));
  EXPECT_TRUE(config.keys.empty());
  EXPECT_FALSE(config.tls.enabled());
}

TEST(ConfigTest, ReadsEveryKindOfValue) {
  const Config config = Load(File(R"(
[store]
directory = "/srv/data"
write_buffer_bytes = "128MiB"
block_cache_bytes = 2_000_000
[server]
threads = 3
drain_timeout = "1m30s"
[grpc]
keepalive_without_calls = false
[log]
format = "json"
level = "warn"
[listen]
grpc = ["127.0.0.1:1", "[::1]:2", "unix:/tmp/p.sock"]
http = ""
)"));
  EXPECT_EQ(config.store.directory, "/srv/data");
  EXPECT_EQ(config.store.write_buffer_bytes, 128u << 20);
  EXPECT_EQ(config.store.block_cache_bytes, 2'000'000u);
  EXPECT_EQ(config.server.threads, 3u);
  EXPECT_EQ(config.server.drain_timeout, std::chrono::seconds(90));
  EXPECT_FALSE(config.grpc.keepalive_without_calls);
  EXPECT_EQ(config.log.format, LogFormat::kJson);
  EXPECT_EQ(config.log.level, LogLevel::kWarn);
  EXPECT_EQ(config.listen.grpc.size(), 3u);
  EXPECT_EQ(config.listen.http, "");
}

TEST(ConfigTest, FlagsBeatVariablesBeatTheFile) {
  ConfigSources sources = File("[store]\ndirectory = \"file\"\n[log]\nlevel = \"error\"");
  EXPECT_EQ(Load(sources).store.directory, "file");
  EXPECT_EQ(Effective(sources, "store.directory").origin, "postroad.toml:2:1");
  sources.variables = {{"POSTROAD_STORE_DIRECTORY", "variable"}, {"PATH", "/bin"}};
  EXPECT_EQ(Load(sources).store.directory, "variable");
  EXPECT_EQ(Effective(sources, "store.directory").origin, "POSTROAD_STORE_DIRECTORY");
  sources.flags = {{"store.directory", "flag"}};
  EXPECT_EQ(Load(sources).store.directory, "flag");
  EXPECT_EQ(Effective(sources, "store.directory").origin, "--store.directory");
  EXPECT_EQ(Effective(sources, "store.directory").value, "\"flag\"");
  EXPECT_EQ(Load(sources).log.level, LogLevel::kError);
  EXPECT_EQ(Effective(sources, "server.threads").origin, "default");
}

TEST(ConfigTest, VariablesAndFlagsReadEveryKindOutOfText) {
  const Config config = Load(
      {.variables = {{"POSTROAD_SERVER_THREADS", "2"},
                     {"POSTROAD_GRPC_KEEPALIVE_WITHOUT_CALLS", "false"},
                     {"POSTROAD_STORE_BLOCK_CACHE_BYTES", "1048576"}},
       .flags = {{"listen.grpc", "127.0.0.1:1,127.0.0.1:2"}, {"journal.max_group_bytes", "1MB"}}});
  EXPECT_EQ(config.server.threads, 2u);
  EXPECT_FALSE(config.grpc.keepalive_without_calls);
  EXPECT_EQ(config.store.block_cache_bytes, 1u << 20);
  EXPECT_EQ(config.listen.grpc, (std::vector<std::string>{"127.0.0.1:1", "127.0.0.1:2"}));
  EXPECT_EQ(config.journal.max_group_bytes, 1'000'000u);
}

struct Bad {
  const char* file;
  const char* message;  // the whole of it
};
class ConfigRefusalTest : public testing::TestWithParam<Bad> {};

TEST_P(ConfigRefusalTest, SaysWhereAndWhat) {
  EXPECT_EQ(Refusal(GetParam().file), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Files, ConfigRefusalTest,
    testing::Values(
        Bad{"[store]\n\n  direktory = \"x\"",
            "postroad.toml:3:3: unknown setting `store.direktory`; did you mean "
            "`store.directory`?"},
        Bad{"[stor]\ndirectory = \"x\"",
            "postroad.toml:2:1: unknown setting `stor.directory`; did you mean "
            "`store.directory`?"},
        Bad{"[qqqqqqqq]\nzzzzzz = 1", "postroad.toml:2:1: unknown setting `qqqqqqqq.zzzzzz`"},
        Bad{"store = 1", "postroad.toml:1:1: unknown setting `store`"},
        Bad{"[store]\ndirectory = 5",
            "postroad.toml:2:1: `store.directory` must be text in quotes, not 5"},
        Bad{"[store]\ndirectory = \"\"", "postroad.toml:2:1: `store.directory` must name a folder"},
        Bad{"[store]\nwrite_buffer_bytes = \"64 monkeys\"",
            "postroad.toml:2:1: `store.write_buffer_bytes` must be a size such as 64MiB, not "
            "\"64 monkeys\""},
        Bad{"[store]\nwrite_buffer_bytes = \"99999999999TiB\"",
            "postroad.toml:2:1: `store.write_buffer_bytes` must be a size such as 64MiB, not "
            "\"99999999999TiB\""},
        Bad{"[store]\nwrite_buffer_bytes = 7",
            "postroad.toml:2:1: `store.write_buffer_bytes` must be 1MiB to 16GiB, not 7"},
        Bad{"[store]\nwrite_buffer_bytes = -7",
            "postroad.toml:2:1: `store.write_buffer_bytes` must be a size such as 64MiB, not -7"},
        Bad{"[server]\nthreads = \"2\"",
            "postroad.toml:2:1: `server.threads` must be a whole number, 0 or more, not \"2\""},
        Bad{"[server]\nthreads = 5000",
            "postroad.toml:2:1: `server.threads` must be at most 1024, not 5000"},
        Bad{"[server]\ndrain_timeout = 30",
            "postroad.toml:2:1: `server.drain_timeout` must be a duration with its unit, such as "
            "\"30s\" or \"1h30m\", not 30"},
        Bad{"[server]\ninsecure = \"true\"",
            "postroad.toml:2:1: `server.insecure` must be true or false, not \"true\""},
        Bad{"[log]\nlevel = \"loud\"",
            "postroad.toml:2:1: `log.level` must be debug, info, warn, error or off, not "
            "\"loud\""},
        Bad{"[listen]\ngrpc = [1]",
            "postroad.toml:2:1: `listen.grpc` must be a list of texts such as [\"a\", \"b\"], not "
            "[ 1 ]"},
        Bad{"[listen]\ngrpc = [\"127.0.0.1\"]",
            "postroad.toml:2:1: `listen.grpc` must be an address and port such as 127.0.0.1:7401 "
            "or [::1]:7401, not \"127.0.0.1\""},
        Bad{"[listen]\ngrpc = []",
            "postroad.toml:2:1: `listen.grpc` must name at least one address"},
        Bad{"[topics]\npattern = \"*\"",
            "postroad.toml:2:1: `topics` is a list: begin each entry with [[topics]], not "
            "[topics]"},
        Bad{"[[store]]\ndirectory = \"x\"", "postroad.toml:2:1: `store` is no list: write [store]"},
        Bad{"[[topic]]\npattern = \"x\"",
            "postroad.toml:2:1: unknown list [[topic]]; did you mean `[[topics]]`?"},
        Bad{"[[topics]]\nretention_age = \"1d\"", "postroad.toml:2:1: `topics[0]` has no pattern"},
        Bad{"[[topics]]\npattern = \"a\"\n[[topics]]\npattern = \"b\"\nretention_aeg = \"1d\"",
            "postroad.toml:5:1: unknown setting `topics[1].retention_aeg`; did you mean "
            "`topics[1].retention_age`?"},
        Bad{"[[topics]]\npattern = \"a\"\ndurability = \"paper\"",
            "postroad.toml:3:1: `topics[0].durability` must be disk or memory, not \"paper\""},
        Bad{"[[topics]]\npattern = \"a\"\nmax_event_bytes = \"1GiB\"",
            "postroad.toml:3:1: `topics[0].max_event_bytes` must be 1 to 64MiB, not 1GiB"},
        Bad{"[[outbox.source]]\nname = \"a\"\nurl = \"oracle://x\"",
            "postroad.toml:2:1: `outbox.source[0].url` must begin with postgres://, mariadb://, "
            "mysql:// or sqlite:"},
        Bad{"[[outbox.source]]\nname = \"a\"\nurl = \"postgres:///x\"\nlayout = \"columns\"",
            "postroad.toml:2:1: `outbox.source[0].table` must be set, for layout "
            "\"columns\""},
        Bad{"[[outbox.source]]\nname = \"a\"\nurl = \"postgres:///x\"\n[[outbox.source]]\n"
            "name = \"a\"\nurl = \"postgres:///y\"",
            "postroad.toml:5:1: `outbox.source[1].name` \"a\" is another's already"},
        Bad{"[[outbox.source]]\nname = \"a\"\n[outbox.source.columns]\ntopik = \"x\"",
            "postroad.toml:4:1: unknown setting `outbox.source[0].columns.topik`; did you mean "
            "`outbox.source[0].columns.topic`?"},
        Bad{"[[keys]]\nname = \"a\"",
            "postroad.toml:2:1: `keys[0]` needs either `key` or `key_file`"},
        Bad{"[[keys]]\nname = \"a\"\nkey = \"short\"",
            "postroad.toml:2:1: `keys[0].key`: a key must have at least 16 bytes; `openssl rand "
            "-hex 24` makes a good one"},
        Bad{"[tls]\nkey_file = \"a\"",
            "postroad.toml:2:1: `tls.key_file` needs tls.certificate_file beside it"},
        Bad{"[grpc]\nmax_message_bytes = \"1MiB\"",
            "postroad.toml:2:1: `grpc.max_message_bytes` must be more than the largest "
            "max_event_bytes, which is \"1MiB\""}));

TEST(ConfigTest, ASyntaxErrorNamesItsPlace) {
  EXPECT_THAT(Refusal("[store]\ndirectory = \"x"), testing::StartsWith("postroad.toml:2:"));
}

TEST(ConfigTest, AllProblemsAreToldAtOnce) {
  EXPECT_EQ(Refusal({.file_name = "p.toml",
                     .file_text = "[store]\ndirektory = \"x\"\n[log]\nlevel = 3",
                     .variables = {{"POSTROAD_LOG_FROMAT", "json"}, {"POSTROAD_JOBS", "2"}},
                     .flags = {{"server.threads", "many"}}}),
            "p.toml:2:1: unknown setting `store.direktory`; did you mean `store.directory`?\n"
            "p.toml:4:1: `log.level` must be debug, info, warn, error or off, not \"3\"\n"
            "POSTROAD_LOG_FROMAT: unknown setting; did you mean `POSTROAD_LOG_FORMAT`?\n"
            "--server.threads: `server.threads` must be a whole number, 0 or more, not \"many\"");
}

TEST(ConfigTest, TopicRulesKeepTheirOrder) {
  const Config config = Load(File(R"(
[[topics]]
pattern = "*"
retention_age = "1d"
max_event_bytes = "2MiB"
[[topics]]
pattern = "user/*"
retention_age = 0
retention_count = 100
durability = "memory"
dedup_window = "1h"
)"));
  const auto user = config.journal.rules.For("user/1");
  EXPECT_EQ(user.retention_age, Duration{});
  EXPECT_EQ(user.retention_count, 100u);
  EXPECT_EQ(user.durability, journal::Durability::kMemory);
  EXPECT_EQ(user.max_event_bytes, 2u << 20);
  EXPECT_EQ(user.dedup_window, std::chrono::hours(1));
  const auto other = config.journal.rules.For("orders");
  EXPECT_EQ(other.retention_age, std::chrono::days(1));
  EXPECT_EQ(other.durability, journal::Durability::kDisk);
}

TEST(ConfigTest, OutboxSourcesTakeWhatTheirLayoutGives) {
  const auto loaded = LoadConfig({.file_name = "postroad.toml", .file_text = R"(
[[outbox.source]]
name = "shop"
url = "postgres://relay:geheim@db/shop"
retention = "1d"
[[outbox.source]]
name = "old"
url = "mariadb://db/old"
layout = "recorded_events"
columns.key = "customer"
)"});
  ASSERT_TRUE(loaded) << loaded.error().ToString();
  const auto& sources = loaded->config.outbox_sources;
  ASSERT_EQ(sources.size(), 2u);
  EXPECT_EQ(sources[0].table, "postroad_outbox");
  EXPECT_EQ(sources[0].retention, std::chrono::days(1));
  EXPECT_EQ(sources[1].table, "recorded_events");
  EXPECT_EQ(sources[1].columns.event_id, "uuid");
  EXPECT_EQ(sources[1].columns.key, "customer");
  for (const EffectiveSetting& setting : loaded->effective) {
    EXPECT_EQ(setting.value.find("geheim"), setting.value.npos) << setting.name;
  }
}

TEST(ConfigTest, KeysAreReadAndNeverShown) {
  const std::string path = testing::TempDir() + "postroad_config_test.key";
  std::ofstream(path) << "0123456789abcdef0\n";
  ConfigSources sources = File(
      "[[keys]]\nname = \"a\"\nkey = \"0123456789abcdef\"\npost = "
      "[\"orders\", \"user/*\"]\n[[keys]]\nname = \"b\"\nkey_file = \"" +
      path + "\"\nadminister = \"*\"");
  const Config config = Load(sources);
  ASSERT_EQ(config.keys.size(), 2u);
  EXPECT_EQ(config.keys[0].name, "a");
  EXPECT_EQ(config.keys[0].post.size(), 2u);
  EXPECT_EQ(config.keys[1].secret, "0123456789abcdef0");
  EXPECT_EQ(config.keys[1].administer.size(), 1u);
  const auto loaded = LoadConfig(sources);
  for (const auto& setting : loaded->effective) {
    EXPECT_THAT(setting.value, Not(HasSubstr("0123456789abcdef")));
  }
  EXPECT_EQ(Effective(sources, "keys[0].key").value, "(hidden)");
  EXPECT_EQ(Effective(sources, "keys[0].name").origin, "postroad.toml:2:1");
}

TEST(ConfigTest, AWrongKeyIsNotRepeatedInItsRefusal) {
  EXPECT_EQ(Refusal("[[keys]]\nname = \"a\"\nkey = 123456789123456789"),
            "postroad.toml:3:1: `keys[0].key` must be text");
}

TEST(ConfigTest, OtherMachinesNeedTlsAndKeys) {
  const std::string keys = "\n[[keys]]\nname = \"a\"\nkey = \"0123456789abcdef\"\n";
  const std::string tls = "\n[tls]\ncertificate_file = \"c\"\nkey_file = \"k\"\n";
  const std::string open = "[listen]\ngrpc = \"0.0.0.0:7401\"\n";
  EXPECT_THAT(Refusal(open), HasSubstr("neither TLS nor API keys are set: set"));
  EXPECT_THAT(Refusal(open), HasSubstr("--insecure"));
  EXPECT_THAT(Refusal(open + keys), HasSubstr("but TLS is not set"));
  EXPECT_THAT(Refusal(open + tls), HasSubstr("but no API keys are set"));
  EXPECT_EQ(Refusal(open + tls + keys), "accepted");
  EXPECT_EQ(Refusal(open + "[server]\ninsecure = true"), "accepted");
  EXPECT_THAT(Refusal("[listen]\nhttp = \"[::]:7400\""), HasSubstr("other machines"));
  EXPECT_THAT(Refusal("[listen]\nhttp = \"example.org:7400\""), HasSubstr("other machines"));
  EXPECT_EQ(Refusal("[listen]\nhttp = \"[::1]:7400\"\ngrpc = [\"localhost:1\", \"127.1.2.3:4\"]"),
            "accepted");
}

TEST(ConfigTest, TheDocumentIsWhatTheDeclarationsGive) {
  std::ifstream file(POSTROAD_SOURCE_DIR "/docs/configuration.md");
  const std::string document{std::istreambuf_iterator<char>(file),
                             std::istreambuf_iterator<char>()};
  EXPECT_TRUE(document == ConfigurationDocs())
      << "run: postroad config docs > docs/configuration.md";
}

TEST(ConfigTest, TheExampleInTheDocumentIsGood) {
  const std::string docs = ConfigurationDocs();
  const size_t begin = docs.find("```toml\n") + 8;
  std::string example = docs.substr(begin, docs.find("```", begin) - begin);
  const std::string key = testing::TempDir() + "postroad_config_example.key";
  std::ofstream(key) << "0123456789abcdef\n";
  example.replace(example.find("/etc/postroad/shop.key"), 22, key);
  EXPECT_EQ(Refusal(example), "accepted");
}

}  // namespace
}  // namespace postroad::server
