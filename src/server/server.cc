// See server.h.
#include "server/server.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <utility>

#include "auth/static_keys.h"
#include "broker/broker.h"
#include "delivery/delivery.h"
#include "gateway/grpc/grpc_server.h"
#include "gateway/grpc/message.h"
#include "gateway/grpc/status_map.h"
#include "gateway/http/http_server.h"
#include "gateway/killbill/killbill_service.h"
#include "gateway/rsocket/rsocket_gateway.h"
#include "journal/journal.h"
#include "kafka/bridge/bridge.h"
#include "outbox/log/log_target.h"
#include "outbox/relay.h"
#include "outbox/sources/sources.h"
#include "outbox/state_json.h"
#include "runtime/clock.h"
#include "runtime/executor.h"
#include "runtime/log.h"
#include "server/config/address.h"
#include "server/grpc_credentials.h"
#include "server/memory.h"
#include "server/net/tls_files.h"
#include "server/outbox_admin.h"
#include "server/outbox_target.h"
#include "server/process_metrics.h"
#include "server/rsocket_upgrade.h"
#include "server/store_metrics.h"
#include "server/version.h"
#include "store/rocks/rocks_store.h"

namespace postroad::server {
namespace {

// Of the drain's time, what is left to the connections once the broker has drained: enough for last
// answers. gRPC may hold a silent connection for longer, to agree with its client on the end.
constexpr Duration kLastWords = std::chrono::seconds(2);

Result<std::unique_ptr<auth::Authenticator>> MakeAuthenticator(const Config& config) {
  if (config.keys.empty()) return auth::AllowAll();
  return auth::StaticKeys(config.keys);
}

}  // namespace

// Members are in the order they are opened; each uses those above it.
struct Server::Impl {
  explicit Impl(const Config& c) : config(c), cores(c.server.threads) {}

  Status Open();
  Status OpenTls();
  Status OpenData();
  Status ListenGrpc();
  void NoteGrpcAddresses();
  Status ListenRSocket();
  Status ListenHttp();
  Status StartKafka();
  Status StartRelays();
  void WritePortsFile();
  gateway::HttpPages Pages();
  void Close();

  const Config config;
  Clock& clock = SystemClock();
  Metrics metrics;
  Metrics::Registration process_metrics = AddProcessMetrics(metrics, clock);
  CorePool cores;
  std::unique_ptr<TlsFiles> tls;
  std::unique_ptr<store::Store> store;
  Metrics::Registration store_metrics;
  std::unique_ptr<journal::Journal> journal;
  std::unique_ptr<delivery::DeliveryEngine> delivery;
  std::unique_ptr<broker::Broker> broker;
  std::unique_ptr<auth::Authenticator> authenticator;
  std::unique_ptr<killbill::KillBillService> killbill;
  std::unique_ptr<gateway::GrpcServer> grpc;
  std::unique_ptr<rsocket_gateway::RSocketGateway> rsocket;
  std::vector<std::unique_ptr<outbox::Relay>> relays;  // before http: its page shows them
  std::unique_ptr<gateway::HttpServer> http;
  std::unique_ptr<kafka::Bridge> kafka;
  std::vector<Listening> listening;
  std::atomic<bool> ready = false;
  bool closed = false;
};

Status Server::Impl::Open() {
  POSTROAD_TRY(OpenTls());
  POSTROAD_TRY(OpenData());
  POSTROAD_TRY(ListenGrpc());
  POSTROAD_TRY(ListenRSocket());
  POSTROAD_TRY(StartRelays());
  POSTROAD_TRY(ListenHttp());
  POSTROAD_TRY(StartKafka());
  WritePortsFile();
  ready = true;
  ReturnFreeMemory();  // what recovery needed
  return {};
}

Status Server::Impl::OpenTls() {
  if (!config.tls.enabled()) return {};
  auto on_change = [](const Status& status) {
    if (status) return LogInfo("tls files changed: new connections use them");
    LogError("tls files changed, but are no good: the old ones stay in use",
             {{"error", status.error()}});
  };
  POSTROAD_ASSIGN(tls, TlsFiles::Open(config.tls.certificate_file, config.tls.key_file,
                                      config.tls.refresh_interval, cores.at(0), on_change));
  return {};
}

Status Server::Impl::OpenData() {
  store::RocksOptions options = config.store;
  options.notice = [](const std::string& line) { LogWarn(line); };
  POSTROAD_ASSIGN(store, store::OpenRocksStore(options));
  store_metrics = AddStoreMetrics(metrics, *store);
  POSTROAD_ASSIGN(journal,
                  journal::Journal::Open(*store, config.journal, clock, cores.at(0), metrics));
  POSTROAD_ASSIGN(delivery,
                  delivery::DeliveryEngine::Open(*journal, *store, cores, clock, metrics));
  broker =
      std::make_unique<broker::Broker>(*journal, *delivery, *store, clock, metrics, config.users);
  return {};
}

Status Server::Impl::ListenGrpc() {
  POSTROAD_ASSIGN(authenticator, MakeAuthenticator(config));
  gateway::GrpcOptions options = config.grpc;
  options.version = kVersion;
  for (const std::string& address : config.listen.grpc) {
    options.listen.push_back({address, nullptr});
    if (!tls) continue;
    options.listen.back().credentials =
        TlsServerCredentials([files = tls.get()] { return files->Current(); });
  }
  killbill = std::make_unique<killbill::KillBillService>(
      killbill::KillBillOptions{*broker, *authenticator, cores, clock, metrics,
                                gateway::ToGrpcStatus, gateway::ParseMessage});
  POSTROAD_ASSIGN(grpc, gateway::GrpcServer::Start(options, *broker, *authenticator, cores, clock,
                                                   metrics, {killbill->service()}));
  NoteGrpcAddresses();
  return {};
}

void Server::Impl::NoteGrpcAddresses() {
  for (size_t i = 0; i < config.listen.grpc.size(); ++i) {
    std::string shown = config.listen.grpc[i];
    if (auto address = ParseAddress(shown); address && !IsUnixSocket(shown)) {
      address->port = static_cast<uint16_t>(grpc->ports()[i]);
      shown = address->ToString();
    }
    listening.push_back({"grpc", shown});
  }
}

Status Server::Impl::ListenRSocket() {
  rsocket_gateway::RSocketOptions options = config.rsocket;
  options.tcp = !config.listen.rsocket.empty();
  // RESUME carries no key: where keys are asked for, its token has to be as hard to guess.
  options.min_resume_token_bytes = config.keys.empty() ? 1 : 16;
  Address address;
  if (options.tcp) {
    POSTROAD_ASSIGN(address, ParseAddress(config.listen.rsocket));
    options.host = address.host;
    options.port = address.port;
  }
  TlsIdentitySource identity;
  if (tls) identity = [files = tls.get()] { return files->Current(); };
  POSTROAD_ASSIGN(rsocket,
                  rsocket_gateway::RSocketGateway::Start(options, std::move(identity), *broker,
                                                         *authenticator, cores, clock, metrics));
  if (!options.tcp) return {};
  address.port = rsocket->server().port();
  listening.push_back({"rsocket", address.ToString()});
  return {};
}

Status Server::Impl::ListenHttp() {
  if (config.listen.http.empty()) return {};
  POSTROAD_ASSIGN(Address address, ParseAddress(config.listen.http));
  gateway::HttpOptions options = config.http;
  options.host = address.host;
  options.port = address.port;
  options.version = kVersion;
  options.pages = Pages();
  options.outbox = MakeOutboxCalls(relays);
  options.check_host = config.keys.empty() && address.IsLoopback();
  options.hosts.push_back(address.host);
  if (tls) options.tls = [files = tls.get()] { return files->Current(); };
  if (!config.rsocket_path.empty()) {
    options.upgrades[config.rsocket_path] = ToRSocket(rsocket->server());
  }
  POSTROAD_ASSIGN(http, gateway::HttpServer::Start(
                            std::move(options), {*broker, *authenticator, cores, clock, metrics}));
  address.port = http->port();
  listening.push_back({"http", address.ToString()});
  return {};
}

Status Server::Impl::StartKafka() {
  POSTROAD_ASSIGN(kafka, kafka::Bridge::Start(config.kafka, {*broker, cores, clock, metrics}));
  return {};
}

// A database that is away keeps nobody from being served: its relay tries until it is there.
Status Server::Impl::StartRelays() {
  for (const outbox::SourceOptions& source : config.outbox_sources) {
    const auto log = [this] { return outbox::NewLogTarget(*broker, cores.Next()); };
    POSTROAD_ASSIGN(auto target, MakeOutboxTarget(config, source, log, clock));
    relays.push_back(std::make_unique<outbox::Relay>(source, outbox::NewSource, std::move(target),
                                                     clock, metrics));
  }
  return {};
}

gateway::HttpPages Server::Impl::Pages() {
  using gateway::HttpPage;
  gateway::HttpPages pages;
  pages["/metrics"] = [this] {
    return HttpPage{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                    .body = metrics.Render()};
  };
  pages["/healthz"] = [] { return HttpPage{.body = "ok\n"}; };
  pages["/readyz"] = [this] {
    if (ready) return HttpPage{.body = "ready\n" + kafka->Describe()};
    return HttpPage{.status = 503, .body = "starting or draining\n"};
  };
  if (!relays.empty()) {
    pages["/outbox"] = [this] {
      return HttpPage{.content_type = "application/json", .body = outbox::StateJson(relays)};
    };
  }
  return pages;
}

// Written beside and renamed, so that whoever waits for it sees it whole.
void Server::Impl::WritePortsFile() {
  const std::filesystem::path path = std::filesystem::path(config.store.directory) / kPortsFile;
  const std::filesystem::path draft = path.string() + ".new";
  {
    std::ofstream file(draft, std::ios::trunc);
    for (const Listening& one : listening) file << one.protocol << ' ' << one.address << '\n';
  }
  std::error_code error;
  std::filesystem::rename(draft, path, error);
  if (error) LogWarn("cannot write the ports file", {{"path", path.string()}});
}

// In the reverse order of opening. What the executors still hold may touch all of it, so the pool
// stops before anything is destroyed.
void Server::Impl::Close() {
  if (std::exchange(closed, true)) return;
  ready = false;
  if (kafka) kafka->Stop();
  for (const auto& relay : relays) relay->StartDrain();
  for (const auto& relay : relays) relay->Stop();
  if (grpc) grpc->Stop(Duration{});
  if (killbill) killbill->WaitForCalls();
  if (http) http->Stop({});
  if (rsocket) rsocket->server().Stop();
  if (delivery) delivery->Stop();
  if (journal) journal->Stop();
  cores.Stop();
  if (!listening.empty()) {
    std::error_code ignored;
    std::filesystem::remove(std::filesystem::path(config.store.directory) / kPortsFile, ignored);
  }
  http.reset();
  rsocket.reset();
  grpc.reset();
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() { impl_->Close(); }

Result<std::unique_ptr<Server>> Server::Start(const Config& config) {
  std::unique_ptr<Server> server(new Server(std::make_unique<Impl>(config)));
  POSTROAD_TRY(server->impl_->Open());
  return server;
}

const std::vector<Listening>& Server::listening() const { return impl_->listening; }
Metrics& Server::metrics() { return impl_->metrics; }

bool Server::Responds(Duration timeout) {
  // Shared with tasks that may come too late.
  struct Waiting {
    std::mutex mutex;
    std::condition_variable changed;
    size_t answered = 0;
  };
  const auto waiting = std::make_shared<Waiting>();
  for (size_t i = 0; i < impl_->cores.size(); ++i) {
    impl_->cores.at(i).Post([waiting] {
      std::lock_guard lock(waiting->mutex);
      ++waiting->answered;
      waiting->changed.notify_all();
    });
  }
  std::unique_lock lock(waiting->mutex);
  return waiting->changed.wait_for(lock, timeout,
                                   [&] { return waiting->answered == impl_->cores.size(); });
}

void Server::Drain() {
  impl_->ready = false;
  const Duration timeout = impl_->config.server.drain_timeout;
  const MonotonicTime end = impl_->clock.Monotonic() + timeout;
  for (const auto& relay : impl_->relays) {
    relay->StartDrain(std::min(outbox::Relay::kDrainTime, timeout / 2));
  }
  impl_->grpc->StartDrain();
  impl_->rsocket->server().Drain("the server is going down; connect again in a moment");
  if (impl_->http) impl_->http->StartDrain();
  impl_->kafka->Stop();
  for (const auto& relay : impl_->relays) relay->Stop();  // what they post is stored yet
  const Duration rest = std::max(end - impl_->clock.Monotonic(), Duration{});
  impl_->broker->Drain(std::max(rest - kLastWords, rest / 2));
  const auto left = [&] {
    return std::clamp(end - impl_->clock.Monotonic(), Duration{}, kLastWords);
  };
  if (impl_->http) impl_->http->Stop(left());
  impl_->grpc->Stop(left());
  impl_->Close();
}

}  // namespace postroad::server
