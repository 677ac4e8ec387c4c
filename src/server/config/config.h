// The server's configuration: what the file, the environment and the flags say, in rising order.
#ifndef POSTROAD_SERVER_CONFIG_CONFIG_H_
#define POSTROAD_SERVER_CONFIG_CONFIG_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/static_keys.h"
#include "broker/presence.h"
#include "core/error.h"
#include "core/names.h"
#include "core/time.h"
#include "gateway/grpc/grpc_server.h"
#include "gateway/http/http_server.h"
#include "gateway/rsocket/options.h"
#include "journal/journal.h"
#include "kafka/options.h"
#include "outbox/options.h"
#include "runtime/log.h"
#include "server/config/setting.h"
#include "store/rocks/rocks_store.h"

namespace postroad::server {

struct ListenSettings {
  std::string http = "127.0.0.1:7400";
  std::vector<std::string> grpc = {"127.0.0.1:7401"};
  std::string rsocket = "127.0.0.1:7402";
};

struct TlsSettings {
  std::string certificate_file;
  std::string key_file;
  Duration refresh_interval = std::chrono::seconds(5);

  bool enabled() const { return !certificate_file.empty(); }
};

struct ServerSettings {
  uint32_t threads = 0;
  Duration drain_timeout = std::chrono::seconds(30);
  bool insecure = false;
};

struct LogSettings {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;
};

// Where events of a source go whose topic matches.
struct OutboxRoute {
  TopicSelector topics;
  std::optional<kafka::TargetOptions> kafka;  // nothing: the log
};
// Where those of a source go: as the first route says that matches, else as `rest` does.
struct OutboxTargets {
  std::vector<OutboxRoute> routes;
  std::optional<kafka::TargetOptions> rest;  // nothing: the log
};

struct Config {
  Config();  // the defaults

  ServerSettings server;
  ListenSettings listen;
  TlsSettings tls;
  LogSettings log;
  store::RocksOptions store;
  journal::JournalOptions journal;          // its rules are the [[topics]]
  rsocket_gateway::RSocketOptions rsocket;  // its address is filled in when serving
  std::string rsocket_path = "/rsocket";    // on the HTTP port; empty: no WebSocket
  broker::UserOptions users;
  gateway::GrpcOptions grpc;       // its addresses and version are filled in when serving
  gateway::HttpOptions http;       // the same
  std::vector<auth::ApiKey> keys;  // those in key files have been read
  kafka::BridgeOptions kafka;      // the [[kafka.out]] and [[kafka.in]]
  std::vector<outbox::SourceOptions> outbox_sources;    // complete
  std::map<std::string, OutboxTargets> outbox_targets;  // by source; of others all is the log's
};

// The declarations of every setting outside of lists; they fill `config`, which must outlive them.
Settings DeclareSettings(Config& config);

// One of the [[topics]] and [[keys]] while it is read.
struct TopicRuleText {
  std::string pattern;
  journal::TopicRule rule;
};
Settings DeclareTopicRule(TopicRuleText& rule);
Settings DeclareRoute(rsocket_gateway::Route& route);
Settings DeclareOutboxSource(outbox::SourceOptions& source);
Settings DeclareOutboxKafka(kafka::TargetOptions& target);
struct OutboxRouteText {
  std::vector<std::string> topics;
};
Settings DeclareOutboxRoute(OutboxRouteText& route);
struct KeyText {
  std::string name, key, key_file;
  std::vector<std::string> post, read, administer;
};
Settings DeclareKey(KeyText& key);

// Brokers and how to reach them, for who names them.
struct KafkaConnection {
  std::string name, brokers;
  kafka::Properties properties;
};
// Without their properties, whose names are librdkafka's.
Settings DeclareKafkaConnection(KafkaConnection& connection);
Settings DeclareKafkaOut(kafka::OutOptions& out);
Settings DeclareKafkaIn(kafka::InOptions& in);

// What a configuration is made from.
struct ConfigSources {
  std::string file_name;  // as it is called in messages
  std::optional<std::string> file_text;
  std::map<std::string, std::string> variables;            // the whole environment
  std::vector<std::pair<std::string, std::string>> flags;  // setting's name and value
};

// Where a setting's value comes from: "default", "postroad.toml:7:1", "POSTROAD_STORE_DIRECTORY" or
// "--store.directory".
struct EffectiveSetting {
  std::string name;   // "topics[0].pattern" in lists
  std::string value;  // as in the file; secrets are shown as "(hidden)"
  std::string origin;
};

struct LoadedConfig {
  Config config;
  std::vector<EffectiveSetting> effective;
};

// Reads, checks each setting and what they are together. INVALID_ARGUMENT: all that is wrong, one
// problem a line, each with its place and, for a name that is not known, the nearest that is.
// Reads key files; nothing else of the outside world.
Result<LoadedConfig> LoadConfig(const ConfigSources& sources);

// The variable that sets a setting: POSTROAD_STORE_DIRECTORY.
std::string VariableFor(std::string_view setting);

// docs/configuration.md, made from the declarations.
std::string ConfigurationDocs();

}  // namespace postroad::server

#endif  // POSTROAD_SERVER_CONFIG_CONFIG_H_
