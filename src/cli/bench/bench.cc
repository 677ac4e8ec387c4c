#include "cli/bench/bench.h"

#include <absl/synchronization/mutex.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <fstream>
#include <memory>
#include <thread>

#include "cli/bench/bare.h"
#include "cli/bench/rows.h"
#include "cli/commands.h"
#include "cli/remote.h"
#include "cli/terminal.h"
#include "cli/text.h"
#include "core/names.h"

namespace postroad::cli::bench {
namespace {

struct BenchArgs {
  std::vector<std::string> rows;
  bool quick = false;
  bool bare_server = false;
};

// "2 cores of AMD EPYC 7B13, 23 GiB, Linux 6.1.0, 2026-01-31".
std::string Machine() {
  std::string model = "unknown processor", line;
  for (std::ifstream file("/proc/cpuinfo"); std::getline(file, line);) {
    if (!line.starts_with("model name")) continue;
    model = line.substr(line.find(':') + 2);
    break;
  }
  uint64_t kib = 0;
  for (std::ifstream file("/proc/meminfo"); std::getline(file, line);) {
    if (line.starts_with("MemTotal:")) kib = std::strtoull(line.c_str() + 9, nullptr, 10);
  }
  utsname system{};
  uname(&system);
  return std::to_string(std::thread::hardware_concurrency()) + " cores of " + model + ", " +
         HumanBytes(kib << 10) + ", Linux " + system.release + ", " +
         FormatTime(std::chrono::system_clock::now()).substr(0, 10);
}

Result<std::vector<Row>> ChosenRows(const std::vector<std::string>& names) {
  if (names.empty()) return Rows();
  std::vector<Row> chosen;
  std::vector<std::string> known;
  for (const Row& row : Rows()) known.emplace_back(row.name);
  for (const std::string& name : names) {
    const auto at = std::ranges::find(known, name);
    if (at == known.end()) {
      const std::string near = NearestName(name, known);
      std::string all;
      for (const std::string& each : known) all += " " + each;
      return Invalid("row", "there is no row '" + name + "'" +
                                (near.empty() ? "" : ", did you mean " + near + "?") +
                                "; rows:" + all);
    }
    chosen.push_back(Rows()[static_cast<size_t>(at - known.begin())]);
  }
  return chosen;
}

struct Line {
  Row row;
  Measured measured;
};

void PrintLines(const Context& context, const std::vector<Line>& lines, bool quick) {
  const std::string machine = Machine() + (quick ? ", quick (small sizes)" : "");
  if (context.json()) {
    boost::json::array rows;
    for (const auto& [row, measured] : lines) {
      rows.push_back(boost::json::object{{"row", row.name},
                                         {"what", row.what},
                                         {"measured", measured.ours},
                                         {"bare", measured.bare},
                                         {"ratio", measured.ratio},
                                         {"at_least", measured.at_least},
                                         {"reached", measured.reached}});
    }
    Print(boost::json::serialize(boost::json::object{{"machine", machine}, {"rows", rows}}) + "\n");
    return;
  }
  Table table({{"what"}, {"measured"}, {"bare, in the same run"}, {"ratio"}, {"aim"}, {"reached"}});
  for (const auto& [row, measured] : lines) {
    table.Row({row.what, measured.ours, measured.bare, measured.ratio, measured.at_least,
               measured.reached ? "yes" : "no"});
  }
  const bool markdown = context.output == OutputFormat::kMarkdown;
  Print((markdown ? table.RenderMarkdown() : table.Render()) + "\n" + machine + "\n");
}

Status RunBench(const Context& context, const BenchArgs& args) {
  // As in the server (gateway/grpc), so that the bare calls are of the same gRPC.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  if (args.bare_server) return ServeBareUnary();
  POSTROAD_ASSIGN(const std::vector<Row> rows, ChosenRows(args.rows));
  Bench bench(context, args.quick ? Sizes::Quick() : Sizes());
  std::vector<Line> lines;
  Status outcome;  // the first row's that could not be measured; the others are printed yet
  for (const Row& row : rows) {
    if (row.own_server_only && !bench.own_server()) {
      Notice(std::string(row.name) + " is left out: it needs a server of the bench's own");
      continue;
    }
    Notice(std::string(row.name) + ": " + row.what + " …");
    ::sync();  // what the row before it left to be written is not measured with this one
    auto measured = row.measure(bench);
    if (!measured) {
      Error error = std::move(measured).error();
      error.message = std::string(row.name) + ": " + error.message;
      Notice(error.message);
      lines.push_back({row, {.ours = "not measured", .at_least = "", .reached = false}});
      if (outcome) outcome = Fail(std::move(error));
      // What it left behind must not be measured with the next.
      if (bench.own_server()) POSTROAD_TRY(bench.Renew());
      continue;
    }
    lines.push_back({row, *std::move(measured)});
  }
  PrintLines(context, lines, args.quick);
  return outcome;
}

}  // namespace

Sizes Sizes::Quick() {
  return {.events = 200'000,
          .length = std::chrono::seconds(1),
          .topics = 400'000,
          .stored = 500'000,
          .idle = 2'000,
          .rounds = 1};
}

const std::vector<Row>& Rows() {
  static const std::vector<Row> rows = {
      {"idle", "server idle, nothing connected", true, Idle},
      {"post-stream", "durable posts, streaming, batches of 100", false, PostStream},
      {"post-unary", "durable posts, unary, 64 in flight", false, PostUnary},
      {"read-history", "one stream reading history", false, ReadHistory},
      {"read-live", "one stream reading live", false, ReadLive},
      {"subscribe", "one subscription, delivered and acked one by one", false, SubscribeAndAck},
      {"post-latency", "post to acknowledgement at 1,000/s, p99", false, PostLatency},
      {"delivery-latency", "post acknowledged to delivered, at 1,000/s", false, DeliveryLatency},
      {"fan-out", "one topic to 1,000 browsers (WebSocket), one event at a time", true, FanOut},
      {"fan-out-backlog", "the same, 2,000 events at once", true, FanOutBacklog},
      {"fan-out-sse", "one topic to 1,000 readers of server-sent events", true, FanOutSse},
      {"browser-latency", "post by HTTP to seen by a browser, at 100/s", true, BrowserLatency},
      {"idle-browsers", "idle browsers with an open stream each", true, IdleBrowsers},
      {"topics", "many topics of one event each", true, ManyTopics},
      {"start", "events stored, kill -9, start to ready", true, StartAfterKill},
  };
  return rows;
}

Result<std::string> Bench::Address() {
  if (!own_server()) return context_.server;
  if (!server_) POSTROAD_TRY(Renew());
  return server_->address();
}

Status Bench::Renew() {
  if (folder_.path().empty()) {
    return Fail(ErrorCode::kUnavailable, "cannot make a folder; name one by POSTROAD_BENCH_DIR");
  }
  server_ = std::make_unique<ServerProcess>();
  data_ = Folder("data" + std::to_string(++generation_));
  return server_->Serve(data_);
}

Result<Client> Bench::Connect() {
  Context context = context_;
  POSTROAD_ASSIGN(context.server, Address());
  return cli::Connect(context);
}

void AddBench(CLI::App& app, Action& action) {
  auto args = std::make_shared<BenchArgs>();
  CLI::App* command = app.add_subcommand(
      "bench",
      "how fast this is here, next to what the machine can do; starts its own server, "
      "unless --server is given");
  command->add_option("rows", args->rows, "only these rows of the table");
  command->add_flag("--quick", args->quick,
                    "small sizes: seconds instead of minutes, and less exact");
  command->add_flag("--bare-server", args->bare_server)->group("");
  command->callback([args, &action] {
    action = [args](const Context& context) { return RunBench(context, *args); };
  });
}

}  // namespace postroad::cli::bench
