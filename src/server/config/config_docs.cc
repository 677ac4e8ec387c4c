// docs/configuration.md, from the declarations.
#include "server/config/config.h"

namespace postroad::server {
namespace {

constexpr const char* kIntro = R"(# Configuration

<!-- Made by `postroad config docs` from the declarations in src/server/config/config_settings.cc. -->

`postroad serve` takes its settings from three places, each stronger than the one before:

1. a TOML file: the one named by `--config`, else `./postroad.toml`, else
   `/etc/postroad/postroad.toml`, else none;
2. variables: `store.directory` is `POSTROAD_STORE_DIRECTORY`;
3. flags: `--store.directory /srv/postroad`. Lists are separated by commas in both.

Short flags: `--data DIR` is `--store.directory`; `--listen HOST` sets both addresses to that host
with their usual ports; `--insecure` is `--server.insecure true`.

`postroad config check` says what is wrong; `postroad config show` prints every value and where it
comes from. A setting that is unknown or out of its bounds stops the start, with its place and the
nearest name that is known.

Sizes are numbers of bytes or texts with a unit (`"64MiB"`, `"1GB"`). Durations are texts with units
`ns us ms s m h d` (`"1h30m"`).

```toml
[store]
directory = "/var/lib/postroad"

[listen]
grpc = "0.0.0.0:7401"
http = "127.0.0.1:7400"

[tls]
certificate_file = "/etc/postroad/server.pem"
key_file = "/etc/postroad/server.key"

[[topics]]
pattern = "user/*"
retention_age = "30d"
retention_count = 1000

[[keys]]
name = "shop"
key_file = "/etc/postroad/shop.key"
post = ["orders", "user/*"]
read = ["orders"]
```

Without TLS and keys the server only listens on addresses that other machines cannot reach, unless
`--insecure` is given.
)";

constexpr const char* kTopics = R"(
## [[topics]]

Rules by topic name. They apply in their order; where several match a topic, the later one wins,
setting by setting. What no rule sets is: )";

// What applies where no rule says otherwise, shown through the same declarations.
std::string TopicDefaults() {
  const journal::TopicSettings defaults;
  TopicRuleText rule;
  rule.rule.durability = defaults.durability;
  rule.rule.retention_age = defaults.retention_age;
  rule.rule.retention_count = defaults.retention_count;
  rule.rule.retention_bytes = defaults.retention_bytes;
  rule.rule.max_event_bytes = defaults.max_event_bytes;
  rule.rule.dedup_window = defaults.dedup_window;
  std::string list;
  for (const Setting& setting : DeclareTopicRule(rule).all()) {
    if (setting.name == "pattern") continue;
    list += (list.empty() ? "" : ", ") + setting.name + " `" + setting.show() + "`";
  }
  return list + ".\n";
}

constexpr const char* kRoutes = R"(
## [[routes]]

What RSocket clients may ask for by request-stream (docs/rsocket.md). With none, the routes `""`, `"/"` and
`"notifications.stream"` read `user/{user}`, from its end.
)";

constexpr const char* kOutboxSources = R"(
## [[outbox.source]]

Outbox tables in SQL databases that the server relays events from (docs/outbox.md), also for `postroad relay`.
What a name of `columns` does not set comes from the layout.
)";

constexpr const char* kOutboxTargets = R"(
### [[outbox.source.target]]

Where a source's events go by their topic: as the first of its targets says that matches; to the log if that has no
`kafka`. What none matches goes where the source itself says.
)";

constexpr const char* kKeys = R"(
## [[keys]]

Who may call, by API key, sent as `authorization: Bearer <key>` or `x-api-key: <key>`. With no keys,
everybody who can reach the server may do everything. A `*` does not reach topics that begin with
`_` (dead letters): grant `_dead/*` for them. `openssl rand -hex 24` makes a good key;
`printf %s "$key" | sha256sum` its hash.
)";

constexpr const char* kConnections = R"(
## [[kafka.connection]]

Brokers and properties that several others use, by name: `connection = "<name>"` in a [[kafka.out]] or [[kafka.in]],
`kafka.connection` in an [[outbox.source]] or one of its targets. Properties set there go before those set here.
)";

constexpr const char* kKafka = R"(
## [[kafka.out]]

Topics to Kafka; docs/kafka.md explains it. `properties` holds librdkafka's own settings:

```toml
[[kafka.out]]
name = "orders"
brokers = "kafka-1:9093,kafka-2:9093"
topics = ["orders", "user/*"]
to = "shop.{topic}"
properties = { "security.protocol" = "sasl_ssl", "sasl.mechanism" = "SCRAM-SHA-512", "sasl.username" = "postroad", "sasl.password" = "…" }
```

A property that librdkafka does not know, or that order and safety rest on, stops the start.
)";

void AddRow(std::string& out, const Setting& setting, bool with_default) {
  std::string kind = setting.kind;
  if (!setting.bounds.empty()) kind += ", " + setting.bounds;
  out += "| `" + setting.name + "` | " + kind + " | ";
  if (with_default) out += (setting.initial.empty() ? "" : "`" + setting.initial + "`") + " | ";
  out += setting.text + " |\n";
}

void AddTable(std::string& out, const Settings& settings, bool with_default = false) {
  out += with_default ? "\n| setting | value | default | what it is |\n|---|---|---|---|\n"
                      : "\n| setting | value | what it is |\n|---|---|---|\n";
  for (const Setting& setting : settings.all()) AddRow(out, setting, with_default);
}

}  // namespace

std::string ConfigurationDocs() {
  std::string out = kIntro;
  Config config;
  std::string section;
  for (const Setting& setting : DeclareSettings(config).all()) {
    const std::string of_setting = setting.name.substr(0, setting.name.find('.'));
    if (of_setting != section) {
      section = of_setting;
      out += "\n## [" + section +
             "]\n\n| setting | value | default | what it is |\n|---|---|---|---|\n";
    }
    AddRow(out, setting, true);
  }
  TopicRuleText rule;
  out += kTopics + TopicDefaults();
  AddTable(out, DeclareTopicRule(rule));
  rsocket_gateway::Route route;
  out += kRoutes;
  AddTable(out, DeclareRoute(route));
  outbox::SourceOptions source;
  out += kOutboxSources;
  AddTable(out, DeclareOutboxSource(source), true);
  kafka::TargetOptions outbox_kafka;
  AddTable(out, DeclareOutboxKafka(outbox_kafka), true);
  OutboxRouteText outbox_route;
  out += kOutboxTargets;
  AddTable(out, DeclareOutboxRoute(outbox_route));
  out += "| `kafka.…` | | as above |\n";
  KeyText key;
  out += kKeys;
  AddTable(out, DeclareKey(key));
  KafkaConnection connection;
  out += kConnections;
  AddTable(out, DeclareKafkaConnection(connection));
  kafka::OutOptions kafka_out;
  out += kKafka;
  AddTable(out, DeclareKafkaOut(kafka_out), true);
  kafka::InOptions kafka_in;
  out += "\n## [[kafka.in]]\n\nKafka topics to Postroad's.\n";
  AddTable(out, DeclareKafkaIn(kafka_in), true);
  return out;
}

}  // namespace postroad::server
