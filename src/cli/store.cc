// `postroad store`: check, stats, backup, restore. Check and restore work on files that no server
// has open; a backup is made by the running server.
#include <CLI/CLI.hpp>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/remote.h"
#include "store/rocks/rocks_store.h"

namespace postroad::cli {
namespace json = boost::json;
namespace {

struct StoreArgs {
  std::string directory, backup;
};

std::string Absolute(const std::string& path) {
  return std::filesystem::absolute(path).lexically_normal().string();
}

// As the server shows it: 16 hexadecimal digits.
std::string EpochText(Epoch epoch) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016" PRIx64, epoch.value());
  return text.data();
}

Status RequireDirectory(const std::string& directory) {
  std::error_code error;
  if (std::filesystem::is_directory(directory, error)) return {};
  return Fail(ErrorCode::kNotFound,
              directory + " is no directory; name the one that holds the store");
}

Status Check(const Context& context, const StoreArgs& args) {
  POSTROAD_TRY(RequireDirectory(args.directory));
  POSTROAD_ASSIGN(const auto report, store::CheckRocksStore(args.directory));
  if (context.json()) {
    json::array problems;
    for (const std::string& problem : report.problems) problems.emplace_back(problem);
    PrintJson({{"topics", report.topics},
               {"runs", report.runs},
               {"events", report.events},
               {"feed_entries", report.feed_entries},
               {"problems", std::move(problems)}});
  } else {
    Print(HumanCount(report.topics) + " topics, " + HumanCount(report.events) + " events in " +
          HumanCount(report.runs) + " runs, " + HumanCount(report.feed_entries) +
          " feed entries: " + (report.problems.empty() ? "all is well" : "damaged") + "\n");
    for (const std::string& problem : report.problems) Print("  " + Printable(problem) + "\n");
  }
  if (report.problems.empty()) return {};
  return Fail(ErrorCode::kDataLoss, Counted(report.problems.size(), "problem") + " in " +
                                        args.directory +
                                        "; restore a backup with `postroad store restore`");
}

void AddDetails(Table& table, const auto& details) {
  for (const auto& [name, value] : details) table.Row({Printable(name), Printable(value)});
}

Status OnlineStats(const Context& context) {
  POSTROAD_ASSIGN(Admin admin, ConnectAdmin(context));
  POSTROAD_ASSIGN(const ServerStats stats, admin.GetStats());
  if (context.json()) {
    json::object details;
    for (const auto& [name, value] : stats.details) details[name] = value;
    PrintJson({{"version", stats.version},
               {"epoch", stats.epoch},
               {"disk_bytes", stats.disk_bytes},
               {"free_disk_bytes", stats.free_disk_bytes},
               {"topics", stats.topics},
               {"subscriptions", stats.subscriptions},
               {"feed_first", stats.feed_first},
               {"feed_next", stats.feed_next},
               {"started", FormatTime(stats.started)},
               {"details", std::move(details)}});
    return {};
  }
  Table table({{"STORE"}, {"of the server at " + context.server}});
  table.Row({"version", stats.version});
  table.Row({"epoch", stats.epoch});
  table.Row({"on disk",
             HumanBytes(stats.disk_bytes) + ", " + HumanBytes(stats.free_disk_bytes) + " free"});
  table.Row({"topics", HumanCount(stats.topics)});
  table.Row({"subscriptions", HumanCount(stats.subscriptions)});
  table.Row({"feed", std::to_string(stats.feed_first) + " to " + std::to_string(stats.feed_next) +
                         " (the next)"});
  table.Row({"started", FormatTime(stats.started)});
  AddDetails(table, stats.details);
  Print(table.Render());
  return {};
}

Status OfflineStats(const Context& context, const std::string& directory) {
  POSTROAD_TRY(RequireDirectory(directory));
  POSTROAD_ASSIGN(const auto store, store::OpenRocksStore({.directory = directory}));
  POSTROAD_ASSIGN(const store::StoreStats stats, store->Stats());
  if (context.json()) {
    json::object details;
    for (const auto& [name, value] : stats.details) details[name] = value;
    PrintJson({{"epoch", EpochText(store->epoch())},
               {"disk_bytes", stats.disk_bytes},
               {"free_disk_bytes", stats.free_disk_bytes},
               {"topics", stats.topics},
               {"feed_first", stats.feed.first.value()},
               {"feed_next", stats.feed.next.value()},
               {"details", std::move(details)}});
    return {};
  }
  Table table({{"STORE"}, {directory}});
  table.Row({"epoch", EpochText(store->epoch())});
  table.Row({"on disk",
             HumanBytes(stats.disk_bytes) + ", " + HumanBytes(stats.free_disk_bytes) + " free"});
  table.Row({"topics", HumanCount(stats.topics)});
  table.Row({"feed", std::to_string(stats.feed.first.value()) + " to " +
                         std::to_string(stats.feed.next.value()) + " (the next)"});
  AddDetails(table, stats.details);
  Print(table.Render());
  return {};
}

Status Stats(const Context& context, const StoreArgs& args) {
  return args.directory.empty() ? OnlineStats(context) : OfflineStats(context, args.directory);
}

Status Backup(const Context& context, const StoreArgs& args) {
  const std::string directory = Absolute(args.backup);
  POSTROAD_ASSIGN(Admin admin, ConnectAdmin(context));
  POSTROAD_ASSIGN(const uint64_t bytes, admin.Backup(directory));
  if (context.json())
    PrintJson({{"directory", directory}, {"bytes", bytes}});
  else
    Print(HumanBytes(bytes) + " backed up to " + directory + " on the server's machine\n");
  return {};
}

Status Restore(const Context& context, const StoreArgs& args) {
  POSTROAD_TRY(store::RestoreRocksStore(args.backup, args.directory));
  if (context.json())
    PrintJson({{"directory", Absolute(args.directory)}});
  else
    Print("restored to " + args.directory + ", with a new epoch; start it with `postroad serve`\n");
  return {};
}

}  // namespace

void AddStore(CLI::App& app, Action& action) {
  auto args = std::make_shared<StoreArgs>();
  CLI::App* command =
      app.add_subcommand("store", "check, back up and restore what the server stores");
  command->require_subcommand(1);
  using Run = Status (*)(const Context&, const StoreArgs&);
  const auto add = [&](const char* name, const char* about, Run run) {
    CLI::App* sub = command->add_subcommand(name, about);
    sub->callback([args, run, &action] {
      action = [args, run](const Context& context) { return run(context, *args); };
    });
    return sub;
  };
  add("check", "read everything in a stopped server's store, and say what is damaged", Check)
      ->add_option("directory", args->directory, "the store's directory")
      ->required();
  add("stats", "what is stored, by the running server or in a stopped one's directory", Stats)
      ->add_option("directory", args->directory, "of a stopped server; none: ask the running one");
  add("backup", "have the running server write a consistent copy", Backup)
      ->add_option("directory", args->backup, "a new directory on the server's machine")
      ->required();
  CLI::App* restore = add("restore", "make a new store from a backup", Restore);
  restore->add_option("backup", args->backup, "what `store backup` wrote")->required();
  restore->add_option("directory", args->directory, "the new store: missing or empty")->required();
}

}  // namespace postroad::cli
