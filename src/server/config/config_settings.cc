// The declarations of all settings.
#include "server/config/address.h"
#include "server/config/config.h"

namespace postroad::server {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr uint64_t kKiB = 1 << 10;
constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kGiB = 1 << 30;

Status CheckHttpAddress(const std::string& text) {
  if (text.empty()) return {};
  POSTROAD_TRY(ParseAddress(text));
  return {};
}

Status CheckGrpcAddress(const std::string& text) {
  if (IsUnixSocket(text)) return {};
  POSTROAD_TRY(ParseAddress(text));
  return {};
}

Status CheckPattern(const std::string& text) {
  const auto pattern = TopicPattern::Parse(text, {});
  if (!pattern) return Invalid({}, "is no topic pattern: " + pattern.error().message);
  return {};
}

void DeclareServer(Settings& settings, Config& config) {
  settings.Text(
      "listen.http",
      "Address of the HTTP API, event streams, /metrics, /healthz and /readyz. Empty: none.",
      config.listen.http, CheckHttpAddress);
  settings.List("listen.grpc",
                "Addresses of the gRPC API, also \"unix:/path\". Port 0 takes any free port.",
                config.listen.grpc, CheckGrpcAddress);
  settings.Text("listen.rsocket",
                "Address of RSocket on TCP. Empty: none. (On WebSocket it is at rsocket.path of "
                "listen.http.)",
                config.listen.rsocket, CheckHttpAddress);
  settings.Text("tls.certificate_file",
                "Certificate chain in PEM. With it, both ports speak TLS; read again when it "
                "changes.",
                config.tls.certificate_file);
  settings.Text("tls.key_file", "The certificate's private key in PEM.", config.tls.key_file);
  settings.Time("tls.refresh_interval", "How often the two files are looked at for changes.",
                config.tls.refresh_interval, {milliseconds(100), hours(24)});
  settings.Count("server.threads", "Threads that serve connections; 0: one a core.",
                 config.server.threads, {0, 1024});
  settings.Time("server.drain_timeout",
                "On SIGTERM, how long what is in flight has to be settled before the server "
                "returns it and exits.",
                config.server.drain_timeout, {Duration{}, hours(1)});
  settings.Flag("server.insecure",
                "Allows addresses that other machines can reach without TLS and keys.",
                config.server.insecure);
  settings.Choice<LogLevel>("log.level", "The least important entries that are logged.",
                            config.log.level,
                            {{"debug", LogLevel::kDebug},
                             {"info", LogLevel::kInfo},
                             {"warn", LogLevel::kWarn},
                             {"error", LogLevel::kError},
                             {"off", LogLevel::kOff}});
  settings.Choice<LogFormat>("log.format", "How log lines on standard error look.",
                             config.log.format,
                             {{"text", LogFormat::kText}, {"json", LogFormat::kJson}});
}

void DeclareStore(Settings& settings, store::RocksOptions& store) {
  settings.Text("store.directory", "Folder of the data; made if it is missing.", store.directory,
                [](const std::string& text) -> Status {
                  if (text.empty()) return Invalid({}, "must name a folder");
                  return {};
                });
  settings.Bytes("store.write_buffer_bytes", "Memory for writes that are not in sorted files yet.",
                 store.write_buffer_bytes, {kMiB, 16 * kGiB});
  settings.Bytes("store.block_cache_bytes", "Memory for blocks read from disk.",
                 store.block_cache_bytes, {kMiB, 256 * kGiB});
  settings.Bytes("store.disk_reserve_bytes",
                 "Posts are refused (DISK_FULL) while less than this is free on the disk.",
                 store.disk_reserve_bytes, {0, 1024 * kGiB});
}

void DeclareJournal(Settings& settings, journal::JournalOptions& journal) {
  settings.Bytes("journal.max_pending_bytes",
                 "Posts that wait to be committed; more are refused (OVERLOADED).",
                 journal.max_pending_bytes, {kMiB, 64 * kGiB});
  settings.Bytes("journal.max_group_bytes", "The most that one group commit takes.",
                 journal.max_group_bytes, {64 * kKiB, kGiB});
  settings.Bytes("journal.hot_tail_bytes", "Recent events kept in memory for readers.",
                 journal.hot_tail_bytes, {kMiB, 64 * kGiB});
  settings.Bytes("journal.dedup_memory_bytes", "Memory for recognising repeated event ids.",
                 journal.dedup_memory_bytes, {kMiB, 64 * kGiB});
  settings.Time("journal.retention_interval", "How often retention is applied.",
                journal.retention_interval, {milliseconds(100), hours(24)});
  settings.Count("journal.max_scheduled", "Future-dated events kept; more are refused.",
                 journal.max_scheduled, {0, 1'000'000'000});
}

void DeclareGrpc(Settings& settings, gateway::GrpcOptions& grpc) {
  settings.Time("grpc.keepalive_time", "A connection that is silent this long is pinged.",
                grpc.keepalive_time, {seconds(1), hours(24)});
  settings.Time("grpc.keepalive_timeout", "A ping unanswered this long ends the connection.",
                grpc.keepalive_timeout, {milliseconds(100), minutes(10)});
  settings.Flag("grpc.keepalive_without_calls", "Whether connections without calls are pinged too.",
                grpc.keepalive_without_calls);
  settings.Time("grpc.min_client_ping_interval",
                "A client that pings more often is sent away (ENHANCE_YOUR_CALM).",
                grpc.min_client_ping_interval, {Duration{}, hours(1)});
  settings.Bytes("grpc.max_message_bytes",
                 "The largest message taken; must exceed every topic's max_event_bytes.",
                 grpc.max_message_bytes, {64 * kKiB, kGiB});
  settings.Count("grpc.max_concurrent_streams",
                 "Calls at once on one connection; more wait in the client.",
                 grpc.max_concurrent_streams, {1, 1'000'000});
  settings.Bytes("grpc.memory_quota_bytes",
                 "Memory for gRPC's buffers, over all connections; beyond it they read no further.",
                 grpc.memory_quota_bytes, {16 * kMiB, 256 * kGiB});
  settings.Count("grpc.post_window_batches", "Batches of one posting stream committed at once.",
                 grpc.post_window_batches, {1, 10'000});
  settings.Bytes("grpc.post_window_bytes", "Bytes of one posting stream committed at once.",
                 grpc.post_window_bytes, {64 * kKiB, kGiB});
}

Status CheckPath(const std::string& text) {
  if (text.empty() || text.starts_with('/')) return {};
  return Invalid({}, "must begin with /");
}

Status CheckOrigin(const std::string& text) {
  const size_t scheme = text.find("://");
  const bool origin = scheme != std::string::npos && scheme > 0 &&
                      text.find('/', scheme + 3) == std::string::npos && text.size() > scheme + 3;
  if (text == "*" || origin) return {};
  return Invalid({}, "must be an origin as in \"https://app.example.com\", or \"*\"");
}

Status CheckHost(const std::string& text) {
  if (!text.empty() && text.find_first_of(":/* ") == std::string::npos) return {};
  return Invalid({}, "must be a name as in \"dev.example.com\", without scheme and port");
}

void DeclareRSocket(Settings& settings, Config& config) {
  rsocket_gateway::RSocketOptions& rsocket = config.rsocket;
  settings.Text("rsocket.path", "Where RSocket is on listen.http, by WebSocket. Empty: nowhere.",
                config.rsocket_path, CheckPath);
  settings.Flag("rsocket.require_user",
                "Whether SETUP must name a user; one that does not is refused (REJECTED_SETUP).",
                rsocket.require_user);
  settings.List("rsocket.origins",
                "Web pages that may connect, by their Origin (\"https://app.example\"); \"*\": "
                "all. With none, pages of the same host.",
                rsocket.origins, CheckOrigin);
  settings.Count("rsocket.max_connections", "More are closed as they come.",
                 rsocket.max_connections, {1, 10'000'000});
  settings.Count("rsocket.max_streams", "Open streams of one connection; more are REJECTED.",
                 rsocket.max_streams, {1, 1'000'000});
  settings.Bytes("rsocket.max_frame_bytes", "The largest frame taken.", rsocket.max_frame_bytes,
                 {kKiB, 16 * kMiB - 1});
  settings.Bytes("rsocket.max_payload_bytes", "The largest message taken in fragments.",
                 rsocket.max_payload_bytes, {kKiB, kGiB});
  settings.Bytes("rsocket.max_incomplete_bytes",
                 "Frames and messages in fragments of all connections together that are not whole "
                 "yet; beyond it they are refused (OVERLOADED).",
                 rsocket.max_incomplete_bytes, {kMiB, 1024 * kGiB});
  settings.Bytes("rsocket.max_queued_bytes",
                 "What may wait to be sent to one client; streams pause at an eighth of it, and "
                 "one whose answers pile up beyond it is disconnected.",
                 rsocket.max_queued_bytes, {64 * kKiB, kGiB});
  settings.Time("rsocket.setup_timeout", "How long a connection may take to send SETUP.",
                rsocket.setup_timeout, {milliseconds(100), hours(1)});
  settings.Time("rsocket.max_lifetime",
                "A client silent this long is taken for gone, whatever lifetime it asked for.",
                rsocket.max_lifetime, {seconds(1), hours(24)});
  settings.Time("rsocket.write_timeout",
                "A client that takes nothing of what is sent for this long is disconnected.",
                rsocket.write_timeout, {milliseconds(100), hours(1)});
  settings.Time("rsocket.resume_window",
                "How long a session whose connection is lost can be resumed; 0: never.",
                rsocket.resume_window, {Duration{}, hours(24)});
  settings.Bytes("rsocket.resume_bytes", "Sent frames kept for that, for each session.",
                 rsocket.resume_bytes, {0, kGiB});
  settings.Count("rsocket.max_suspended",
                 "Sessions whose connection is lost that wait to be resumed; of more those that "
                 "wait longest end. Each core has its share, and at least one.",
                 rsocket.max_suspended, {1, 10'000'000});
  settings.Flag(
      "rsocket.deflate",
      "Whether WebSocket messages of 128 bytes and more are compressed where the client "
      "offers it (permessage-deflate): less to send, more to compute for each connection.",
      rsocket.deflate);
}

Status CheckUserTopic(const std::string& text) {
  const size_t at = text.find(broker::kUserPlaceholder);
  if (at == std::string::npos) return Invalid({}, "must have {user} in it");
  return CheckTopicName(broker::UserTopic({.topic = text}, "u"), {});
}

void DeclareUsers(Settings& settings, broker::UserOptions& users) {
  settings.Text("users.topic",
                "A user's own topic. HTTP streams of it are connections of that user; who may read "
                "it sees who is connected, who may post to it asks questions.",
                users.topic, CheckUserTopic);
  settings.Count("users.max_connections", "Of one user, by RSocket and HTTP streams; 0: no limit.",
                 users.max_connections, {0, 1'000'000});
  settings.Choice<broker::WhenFull>(
      "users.when_full",
      "What becomes of a connection too many: reject refuses it (TOO_MANY_CONNECTIONS), close ends "
      "the user's oldest (REPLACED).",
      users.when_full,
      {{"reject", broker::WhenFull::kReject}, {"close", broker::WhenFull::kClose}});
}

void DeclareHttp(Settings& settings, gateway::HttpOptions& http) {
  settings.Count("http.max_connections",
                 "Connections at once; more are answered 503 and closed as they come.",
                 http.max_connections, {1, 1'000'000});
  settings.Time("http.idle_timeout", "A connection without a request this long is closed.",
                http.idle_timeout, {milliseconds(1), hours(24)});
  settings.Time("http.header_timeout",
                "For the TLS handshake, and from a request's first byte to the end of its header.",
                http.header_timeout, {milliseconds(1), hours(1)});
  settings.Time("http.body_timeout", "For each 16 KiB of a request's body, or what is left of it.",
                http.body_timeout, {milliseconds(1), hours(1)});
  settings.Time("http.write_timeout",
                "For the peer to take an answer, or a piece of a stream; then it is closed.",
                http.write_timeout, {milliseconds(1), hours(1)});
  settings.Time("http.heartbeat",
                "A stream with nothing to tell says this often that it lives, unless its reader "
                "asks otherwise.",
                http.heartbeat, {seconds(1), hours(1)});
  settings.Bytes("http.max_header_bytes", "The longest header of a request.", http.max_header_bytes,
                 {kKiB, gateway::kMaxHeaderBytes});
  settings.Bytes("http.max_body_bytes",
                 "The longest body of a request, unpacked; of NDJSON, the longest line.",
                 http.max_body_bytes, {kKiB, kGiB});
  settings.Bytes("http.body_memory_bytes",
                 "Of all bodies together that are being gathered or handled; a request whose body "
                 "finds no room is answered 429 OVERLOADED.",
                 http.body_memory_bytes, {kKiB, 1024 * kGiB});
  settings.List("http.cors_origins",
                "Origins of web pages that may use the API (CORS), as in "
                "\"https://app.example.com\"; \"*\": all. Empty: only pages of this address.",
                http.cors_origins, CheckOrigin);
  settings.List("http.hosts",
                "Names beside localhost and addresses by which a server that asks for no keys, and "
                "listens on this machine only, may be called (Host, without the port); others are "
                "answered 421, since a web page could point its own name here (DNS rebinding).",
                http.hosts, CheckHost);
  settings.Flag("http.query_tokens",
                "Whether a key may stand in the query as `access_token`, for EventSource, which "
                "sets no headers. Proxies tend to log queries.",
                http.query_tokens);
}

}  // namespace

Config::Config() { store.directory = "./var"; }

Settings DeclareSettings(Config& config) {
  Settings settings;
  DeclareServer(settings, config);
  DeclareStore(settings, config.store);
  DeclareJournal(settings, config.journal);
  DeclareGrpc(settings, config.grpc);
  DeclareRSocket(settings, config);
  DeclareUsers(settings, config.users);
  DeclareHttp(settings, config.http);
  return settings;
}

Settings DeclareTopicRule(TopicRuleText& rule) {
  using journal::Durability;
  Settings settings;
  settings.Text("pattern", "The topics it applies to; `*` stands for any characters.", rule.pattern,
                CheckPattern);
  settings.Choice<Durability>(
      "durability",
      "What an acknowledged post has reached: disk survives power loss, memory only the process.",
      rule.rule.durability, {{"disk", Durability::kDisk}, {"memory", Durability::kMemory}});
  settings.Time("retention_age", "Older events are removed; 0: none by age.",
                rule.rule.retention_age);
  settings.Count("retention_count", "More events than this: the oldest are removed; 0: no limit.",
                 rule.rule.retention_count);
  settings.Bytes("retention_bytes", "More bytes than this: the oldest are removed; 0: no limit.",
                 rule.rule.retention_bytes);
  settings.Bytes("max_event_bytes", "The largest event, all fields together.",
                 rule.rule.max_event_bytes, {1, kMaxEventBytes});
  settings.Time("dedup_window", "How long a repeated event id is recognised; 0: never.",
                rule.rule.dedup_window);
  return settings;
}

Settings DeclareRoute(rsocket_gateway::Route& route) {
  using rsocket_gateway::Receivers;
  using rsocket_gateway::RouteStart;
  Settings settings;
  settings.Text("route", "The route, which is the first routing tag of a request's metadata.",
                route.route);
  settings.Text("topic", "The topic it reads; `{user}` stands for the user whom SETUP names.",
                route.topic);
  settings.Choice<RouteStart>("start", "Where a stream begins for a client that gives no cursor.",
                              route.start,
                              {{"end", RouteStart::kEnd}, {"beginning", RouteStart::kBeginning}});
  settings.Choice<Receivers>(
      "receivers",
      "Which of a user's connections that read by it get an event: all, the newest, or one in "
      "turn.",
      route.receivers,
      {{"all", Receivers::kAll}, {"newest", Receivers::kNewest}, {"one", Receivers::kOne}});
  return settings;
}

Settings DeclareKey(KeyText& key) {
  Settings settings;
  settings.Text("name", "Who uses the key; appears in logs.", key.name);
  settings.Secret("key", "The key, or `sha256:` and the hexadecimal SHA-256 of it.", key.key);
  settings.Text("key_file", "A file that holds what `key` would.", key.key_file);
  settings.List("post", "Patterns of topics it may post to.", key.post, CheckPattern);
  settings.List("read", "Patterns of topics it may read and subscribe to.", key.read, CheckPattern);
  settings.List("administer",
                "Patterns of topics it may administer; `*` also allows what concerns the server.",
                key.administer, CheckPattern);
  return settings;
}

}  // namespace postroad::server
