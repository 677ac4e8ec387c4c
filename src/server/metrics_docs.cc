// See metrics_docs.h.
#include "server/metrics_docs.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "delivery/metrics.h"
#include "kafka/bridge/metrics.h"
#include "outbox/relay_metrics.h"
#include "server/config/config.h"
#include "server/server.h"

namespace postroad::server {
namespace {

constexpr const char* kIntro = R"(# Metrics

<!-- Made by `postroad config metrics` from what a running server declares. -->

`GET /metrics` on the HTTP port (7400) gives these in Prometheus's text format. Times are in seconds,
sizes in bytes; what ends in `_total` only rises while the server runs.

| metric | type | labels | what it is |
|---|---|---|---|
)";

// What no server sees. Its text is that of clients/cpp/enqueue/outbox_metrics.cc.
constexpr const char* kOutro = R"(
## In services

Writing an event into a transaction happens in the service. There the C++ library measures it, and
`postroad::outbox::StoreMetricsText()` gives it for the service's own page ([outbox.md](outbox.md)):

| metric | type | labels | what it is |
|---|---|---|---|
| `postroad_outbox_store_errors_total` | counter |  | Events that could not be written into the application's transaction. |
| `postroad_outbox_store_seconds` | histogram |  | Time to write an event into the application's transaction. |

The C++ event bus has these, its relay's `postroad_outbox_…` and its streams' `postroad_event_bus_…` in `MetricsText()`
([event-bus.md](event-bus.md#metrics)).
)";

class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = std::filesystem::temp_directory_path() / "postroad-XXXXXX";
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string LabelList(const std::vector<std::string>& labels) {
  std::string list;
  for (const std::string& label : labels) list += (list.empty() ? "`" : ", `") + label + "`";
  return list;
}

}  // namespace

Result<std::string> MetricsDocs() {
  const ScratchFolder folder;
  if (folder.path().empty()) return Fail(ErrorCode::kUnavailable, "cannot make a scratch folder");
  Config config;
  config.store.directory = folder.path() + "/data";
  config.store.disk_reserve_bytes = 0;
  config.listen.grpc = {"127.0.0.1:0"};
  config.listen.http = "127.0.0.1:0";
  config.listen.rsocket = "127.0.0.1:0";
  POSTROAD_ASSIGN(const auto server, Server::Start(config));
  delivery::DeliveryMetrics(server->metrics(), "any");  // as the first subscription does
  kafka::OutMetrics(server->metrics(), "any");          // as connectors do
  kafka::InMetrics(server->metrics(), "any");
  outbox::RelayMetrics(server->metrics(), "any");
  server->metrics().Render();  // some are declared by their first refresh
  std::string docs = kIntro;
  for (const Metrics::Family& family : server->metrics().Families()) {
    docs += "| `" + family.name + "` | " + family.type + " | " + LabelList(family.labels) + " | " +
            family.help + " |\n";
  }
  return docs + kOutro;
}

}  // namespace postroad::server
