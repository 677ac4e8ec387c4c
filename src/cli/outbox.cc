// `postroad outbox`: makes outbox tables, looks at rows set aside; and `postroad relay`, which
// relays from this machine to a server elsewhere, or to Kafka.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>

#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/remote.h"
#include "cli/remote_target.h"
#include "outbox/relay.h"
#include "outbox/sources/sources.h"
#include "runtime/clock.h"
#include "runtime/log.h"
#include "runtime/metrics.h"
#include "server/config/config.h"
#include "server/outbox_target.h"

namespace postroad::cli {
namespace json = boost::json;
namespace {

using outbox::SourceOptions;

constexpr const char* kUsualFiles[] = {"postroad.toml", "/etc/postroad/postroad.toml"};

// Which source: one of a settings file, or one by its URL.
struct SourceArgs {
  std::string config, source, url, table, layout;
  std::string row, reader;
  bool all = false;
  uint64_t limit = 1000;

  void AddTo(CLI::App& command) {
    command.add_option("--config", config, "settings file with [[outbox.source]]")
        ->type_name("FILE");
    command.add_option("--source", source, "name of the source, where there are several")
        ->type_name("NAME");
    command.add_option("--url", url, "the database, instead of a settings file")->type_name("URL");
    command.add_option("--table", table, "the table, with --url")->type_name("TABLE");
    command.add_option("--layout", layout, "the table's layout, with --url")
        ->check(CLI::IsMember({"postroad", "recorded_events", "debezium"}));
  }
};

std::string FindFile(const std::string& given) {
  if (!given.empty()) return given;
  for (const char* usual : kUsualFiles) {
    std::error_code error;
    if (std::filesystem::exists(usual, error)) return usual;
  }
  return "";
}

Result<server::LoadedConfig> LoadFile(const std::string& given) {
  const std::string name = FindFile(given);
  if (name.empty()) {
    return Invalid("--config", "there is no settings file; give one, or --url");
  }
  std::ifstream file(name, std::ios::binary);
  if (!file) return Invalid("--config", name + " cannot be read");
  server::ConfigSources sources{.file_name = name};
  sources.file_text.emplace(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  return server::LoadConfig(sources);
}

Result<SourceOptions> FromUrl(const SourceArgs& args) {
  SourceOptions options{
      .name = args.source.empty() ? "outbox" : args.source, .url = args.url, .table = args.table};
  if (args.layout == "recorded_events") options.layout = outbox::Layout::kRecordedEvents;
  if (args.layout == "debezium") options.layout = outbox::Layout::kDebezium;
  return outbox::Complete(std::move(options));
}

// The one that `name` names, or the only one there is.
Result<SourceOptions> SourceOf(const server::Config& config, const std::string& name) {
  const auto& sources = config.outbox_sources;
  if (sources.empty()) return Invalid("--config", "the settings have no [[outbox.source]]");
  if (name.empty() && sources.size() == 1) return sources[0];
  std::string names;
  for (const SourceOptions& one : sources) {
    if (one.name == name) return one;
    names += (names.empty() ? "" : ", ") + one.name;
  }
  return Fail(ErrorCode::kNotFound, "name one of the sources with --source: " + names);
}

Result<SourceOptions> FindSource(const SourceArgs& args) {
  if (!args.url.empty()) return FromUrl(args);
  POSTROAD_ASSIGN(const auto loaded, LoadFile(args.config));
  return SourceOf(loaded.config, args.source);
}

Status PrintDdl(const SourceArgs& args) {
  SourceArgs given = args;
  // Without anything to go by: Postroad's own table in PostgreSQL.
  if (given.url.empty() && FindFile(given.config).empty()) given.url = "postgres://";
  POSTROAD_ASSIGN(const SourceOptions options, FindSource(given));
  Print(outbox::Ddl(options));
  return {};
}

Status Install(const SourceArgs& args) {
  POSTROAD_ASSIGN(const SourceOptions options, FindSource(args));
  POSTROAD_TRY(outbox::Install(options));
  Print("ready: " + Printable(options.table) + "\n");
  return {};
}

// A connected source, for a moment's work.
class Tool {
 public:
  Status Open(const SourceArgs& args) {
    POSTROAD_ASSIGN(options_, FindSource(args));
    source_ = outbox::NewSource(options_, waker_);
    return source_->Connect();
  }
  outbox::Source* operator->() { return source_.get(); }

 private:
  outbox::Waker waker_;
  SourceOptions options_;
  std::unique_ptr<outbox::Source> source_;
};

Status Check(const SourceArgs& args) {
  Tool tool;
  POSTROAD_TRY(tool.Open(args));
  Print("all is well: the table, its columns and this user's rights\n");
  POSTROAD_ASSIGN(const auto advice, tool->Advice());
  for (const std::string& one : advice) Print("but: " + one + "\n");
  return {};
}

json::object RowObject(const outbox::PoisonRow& row) {
  return {{"id", row.id},         {"event_id", row.event_id},       {"topic", row.topic},
          {"reason", row.reason}, {"since", FormatTime(row.since)}, {"tries", row.tries},
          {"retry", row.retry}};
}

Status ListPoison(const Context& context, const SourceArgs& args) {
  Tool tool;
  POSTROAD_TRY(tool.Open(args));
  POSTROAD_ASSIGN(const auto rows, tool->ListPoison(args.limit));
  if (context.json()) {
    PrintJson<outbox::PoisonRow>(rows, RowObject);
    return {};
  }
  Table table({{"ID", Table::Align::kRight},
               {"SINCE"},
               {"TRIES", Table::Align::kRight},
               {"EVENT"},
               {"TOPIC"},
               {"REASON"}});
  const Timestamp now = std::chrono::system_clock::now();
  for (const outbox::PoisonRow& row : rows) {
    table.Row({Printable(row.id), HumanAge(row.since, now), std::to_string(row.tries),
               Printable(row.event_id), Printable(row.topic),
               row.retry ? "(is to be sent again)" : Printable(row.reason)});
  }
  PrintTable(table, "no rows are set aside");
  return {};
}

Status ChangePoison(const SourceArgs& args, bool retry) {
  if (args.row.empty() == !args.all) return Invalid("--id", "give either --id or --all");
  Tool tool;
  POSTROAD_TRY(tool.Open(args));
  const std::optional<std::string> row = args.all ? std::nullopt : std::optional(args.row);
  POSTROAD_ASSIGN(const uint64_t count, retry ? tool->RetryPoison(row) : tool->DropPoison(row));
  if (count == 0 && row) return Fail(ErrorCode::kNotFound, "no row " + *row + " is set aside");
  Print(Counted(count, "row") + (retry ? " to be sent again\n" : " forgotten\n"));
  return {};
}

json::object ReaderObject(const outbox::Reader& reader) {
  json::object object = {
      {"name", reader.name}, {"leads", reader.leads}, {"poison_rows", reader.poison}};
  if (reader.noted) object["noted"] = FormatTime(*reader.noted);
  return object;
}

Status ListReaders(const Context& context, const SourceArgs& args) {
  Tool tool;
  POSTROAD_TRY(tool.Open(args));
  POSTROAD_ASSIGN(const auto readers, tool->ListReaders());
  if (context.json()) {
    PrintJson<outbox::Reader>(readers, ReaderObject);
    return {};
  }
  Table table({{"NAME"}, {"WORKS"}, {"LAST NOTED"}, {"SET ASIDE", Table::Align::kRight}});
  const Timestamp now = std::chrono::system_clock::now();
  for (const outbox::Reader& reader : readers) {
    table.Row({Printable(reader.name), reader.leads ? "yes" : "no",
               reader.noted ? HumanAge(*reader.noted, now) : "", std::to_string(reader.poison)});
  }
  PrintTable(table, "nothing is kept of any relay");
  return {};
}

// One that the settings still have would begin again with all rows that are there.
Status CheckRetired(const SourceArgs& args) {
  if (!args.url.empty()) return {};
  POSTROAD_ASSIGN(const auto loaded, LoadFile(args.config));
  for (const SourceOptions& source : loaded.config.outbox_sources) {
    if (source.name != args.reader) continue;
    return Fail(ErrorCode::kFailedPrecondition,
                args.reader + " is a source of the settings: take it out first");
  }
  return {};
}

Status ForgetReader(const SourceArgs& args) {
  POSTROAD_TRY(CheckRetired(args));
  Tool tool;
  POSTROAD_TRY(tool.Open(args));
  POSTROAD_TRY(tool->ForgetReader(args.reader));
  Print("forgotten: " + Printable(args.reader) + "\n");
  return {};
}

// Blocks the two signals for all threads to come, and waits for one.
class StopSignal {
 public:
  StopSignal() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  }
  void Wait() {
    int signal = 0;
    sigwait(&set_, &signal);
  }

 private:
  sigset_t set_;
};

// With the sources to work on: all of a settings file, one of them, or one by its URL.
Result<server::Config> RelayConfig(const SourceArgs& args) {
  server::Config config;
  if (!args.url.empty()) {
    POSTROAD_ASSIGN(SourceOptions one, FromUrl(args));
    config.outbox_sources.push_back(std::move(one));
    return config;
  }
  POSTROAD_ASSIGN(auto loaded, LoadFile(args.config));
  config = std::move(loaded.config);
  ConfigureLog(config.log.level, config.log.format);
  if (args.source.empty() && !config.outbox_sources.empty()) return config;
  POSTROAD_ASSIGN(SourceOptions one, SourceOf(config, args.source));
  config.outbox_sources = {std::move(one)};
  return config;
}

Status RunRelay(const Context& context, const SourceArgs& args) {
  POSTROAD_ASSIGN(const server::Config config, RelayConfig(args));
  StopSignal stop;
  std::optional<Client> client;  // where there is something for the server
  Metrics metrics;
  std::vector<std::unique_ptr<outbox::Relay>> relays;
  const auto log = [&]() -> Result<std::unique_ptr<outbox::Target>> {
    if (!client) {
      POSTROAD_ASSIGN(client, ConnectToStream(context));
    }
    return NewRemoteTarget(*client);
  };
  for (const SourceOptions& source : config.outbox_sources) {
    POSTROAD_ASSIGN(auto target, server::MakeOutboxTarget(config, source, log, SystemClock()));
    relays.push_back(std::make_unique<outbox::Relay>(source, outbox::NewSource, std::move(target),
                                                     SystemClock(), metrics));
  }
  stop.Wait();
  for (const auto& relay : relays) relay->StartDrain();
  relays.clear();
  return {};
}

void AddPoison(CLI::App& outbox, Action& action, const std::shared_ptr<SourceArgs>& args) {
  CLI::App* poison = outbox.add_subcommand("poison", "Rows set aside, since they can be no events");
  poison->require_subcommand(1);
  CLI::App* list = poison->add_subcommand("list", "Show them, with the reason");
  args->AddTo(*list);
  list->add_option("--limit", args->limit, "at most so many")->capture_default_str();
  list->callback([args, &action] {
    action = [args](const Context& context) { return ListPoison(context, *args); };
  });
  for (const bool retry : {true, false}) {
    CLI::App* change = poison->add_subcommand(
        retry ? "retry" : "drop", retry ? "Send them again, mended or not" : "Forget them");
    args->AddTo(*change);
    change->add_option("--id", args->row, "the row's id")->type_name("ID");
    change->add_flag("--all", args->all, "all rows that are set aside");
    change->callback([args, retry, &action] {
      action = [args, retry](const Context&) { return ChangePoison(*args, retry); };
    });
  }
}

void AddReaders(CLI::App& outbox, Action& action, const std::shared_ptr<SourceArgs>& args) {
  CLI::App* readers =
      outbox.add_subcommand("readers", "What is kept of relays of the table, by their names");
  readers->require_subcommand(1);
  CLI::App* list = readers->add_subcommand("list", "Show them");
  args->AddTo(*list);
  list->callback([args, &action] {
    action = [args](const Context& context) { return ListReaders(context, *args); };
  });
  CLI::App* forget = readers->add_subcommand(
      "forget", "Forget one that is no more, so that the table is not kept for it");
  args->AddTo(*forget);
  forget->add_option("name", args->reader, "its name")->required()->type_name("NAME");
  forget->callback(
      [args, &action] { action = [args](const Context&) { return ForgetReader(*args); }; });
}

}  // namespace

void AddOutbox(CLI::App& app, Action& action) {
  CLI::App* outbox = app.add_subcommand("outbox", "Outbox tables in SQL databases");
  outbox->require_subcommand(1);
  auto args = std::make_shared<SourceArgs>();
  const auto add = [&](const char* name, const char* text, Status (*run)(const SourceArgs&)) {
    CLI::App* command = outbox->add_subcommand(name, text);
    args->AddTo(*command);
    command->callback(
        [args, run, &action] { action = [args, run](const Context&) { return run(*args); }; });
  };
  add("ddl", "Print the SQL that makes the table", PrintDdl);
  add("install", "Make the table, or what a table that is there lacks", Install);
  add("check", "Say whether a relay could work", Check);
  AddPoison(*outbox, action, args);
  AddReaders(*outbox, action, args);
}

void AddRelay(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "relay", "Relay outbox tables to a server (--server) or to Kafka; `serve` does so, too");
  auto args = std::make_shared<SourceArgs>();
  args->AddTo(*command);
  command->callback([args, &action] {
    action = [args](const Context& context) { return RunRelay(context, *args); };
  });
}

}  // namespace postroad::cli
