#include "cli/cli.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "cli/args.h"
#include "cli/bench/bench.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/exit_codes.h"
#include "cli/terminal.h"
#include "core/names.h"
#include "server/commands.h"

namespace postroad::cli {
namespace {

struct GlobalArgs {
  Context context;
  std::string output = "table";
  std::string timeout;
};

void AddGlobals(CLI::App& app, GlobalArgs& args) {
  Context& context = args.context;
  app.add_option("--server", context.server, "the server's gRPC address")
      ->envname("POSTROAD_SERVER")
      ->type_name("HOST:PORT")
      ->capture_default_str()
      ->group("Connection");
  app.add_option("--api-key", context.api_key, "the key to show the server")
      ->envname("POSTROAD_API_KEY")
      ->type_name("KEY")
      ->group("Connection");
  app.add_flag("--tls", context.tls, "connect by TLS, trusting the system's authorities")
      ->group("Connection");
  app.add_option("--ca", context.ca_file, "connect by TLS, trusting the authorities in this file")
      ->envname("POSTROAD_CA")
      ->type_name("PEM")
      ->group("Connection");
  app.add_option("--timeout", args.timeout, "how long to wait for an answer, 10s by default")
      ->type_name("DURATION")
      ->group("Connection");
  app.add_option("-o,--output", args.output, "table for people, json for programs")
      ->check(CLI::IsMember({"table", "json", "markdown"}))
      ->capture_default_str()
      ->group("Output");
}

void AddCommands(CLI::App& app, Action& action, int& exit_code) {
  server::AddServeCommand(app, exit_code);
  server::AddConfigCommand(app, exit_code);
  AddPost(app, action);
  AddSubscribe(app, action);
  AddTail(app, action);
  AddTopics(app, action);
  AddSubscriptions(app, action);
  AddScheduled(app, action);
  AddDeadLetters(app, action);
  AddConnections(app, action);
  AddReceipts(app, action);
  AddStore(app, action);
  AddOutbox(app, action);
  AddRelay(app, action);
  bench::AddBench(app, action);
  AddCompletion(app, action, app);
}

Status FinishContext(const CLI::App& app, GlobalArgs& args) {
  args.context.server_given = app.get_option("--server")->count() > 0;
  args.context.output = args.output == "json"       ? OutputFormat::kJson
                        : args.output == "markdown" ? OutputFormat::kMarkdown
                                                    : OutputFormat::kTable;
  if (args.context.output == OutputFormat::kMarkdown && !app.got_subcommand("bench")) {
    return Invalid("--output", "only `postroad bench` prints markdown; use table or json");
  }
  if (!args.timeout.empty()) {
    POSTROAD_ASSIGN(args.context.timeout, DurationArg("--timeout", args.timeout));
    if (args.context.timeout == Duration::zero()) return Invalid("--timeout", "must not be 0");
  }
  return {};
}

std::string OneLine(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

// What to do where something listens, and does not speak with us. (That nothing does says
// remote.cc.)
std::string AdviceOnPeer(const Context& context) {
  return context.tls || !context.ca_file.empty()
             ? "; is it a Postroad server's gRPC address, with TLS, and its certificate one that "
               "--ca or this machine trusts?"
             : "; is it a Postroad server's gRPC address? one with TLS needs --tls or --ca";
}

// What to do about an error where its message does not say.
std::string Advice(const Context& context, const Error& error) {
  const auto says = [&](std::string_view text) { return error.message.find(text) != text.npos; };
  switch (error.code) {
    case ErrorCode::kUnavailable:
      return says("cannot reach ") || !error.reason.empty() ? "" : AdviceOnPeer(context);
    case ErrorCode::kDeadlineExceeded:  // it was tried until then
      return says("UNAVAILABLE") ? AdviceOnPeer(context) : "";
    case ErrorCode::kUnauthenticated:
      return "; give a key with --api-key or POSTROAD_API_KEY";
    case ErrorCode::kInternal:
      return "; this is a bug, please report it";
    default:
      return "";
  }
}

int Report(const Context& context, const Error& error) {
  std::fflush(stdout);
  const std::string field = error.field + ": ";
  const bool named = error.field.empty() || error.message.starts_with(field);
  Notice(OneLine((named ? "" : field) + error.message + Advice(context, error)));
  return ExitCodeOf(error.code);
}

// The deepest subcommand that the line named, as it is called: "postroad topics list".
std::string CommandPath(const CLI::App& app) {
  std::string path = app.get_name();
  for (const CLI::App* at = &app; !at->get_subcommands().empty();) {
    at = at->get_subcommands().front();
    path += " " + at->get_name();
  }
  return path;
}

std::vector<std::string> CommandNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

// "there is no command 'topics lst', …" if the first words are none; CLI11 would only say that one
// lacks.
std::string UnknownCommand(const CLI::App& app, int argc, char** argv) {
  const CLI::App* at = &app;
  std::string path;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const std::vector<std::string> names = CommandNames(*at);
    if (names.empty() || word.starts_with('-')) return "";
    if (std::ranges::find(names, word) == names.end()) {
      const std::string near = NearestName(word, names);
      return "there is no command '" + path + word + "'" +
             (near.empty() ? "" : "; did you mean `postroad " + path + near + "`?");
    }
    at = at->get_subcommand(word);
    path += word + " ";
  }
  return "";
}

int ReportUsage(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) {  // --help, --version
    return app.exit(error);
  }
  Notice(OneLine(error.what()) + "; see `" + CommandPath(app) + " --help`");
  return kExitUsage;
}

}  // namespace

int Run(int argc, char** argv) {
  CLI::App app("Postroad: a durable event-notification server, and the tools for it", "postroad");
  app.set_version_flag("--version", "postroad " POSTROAD_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  GlobalArgs globals;
  Action action;
  int exit_code = kExitOk;
  AddGlobals(app, globals);
  AddCommands(app, action, exit_code);
  if (const std::string unknown = UnknownCommand(app, argc, argv); !unknown.empty()) {
    Notice(unknown);
    return kExitUsage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return ReportUsage(app, error);
  }
  if (!action) return exit_code;  // serve and config have run
  // What gRPC has to say of a connection comes with the error, once.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  if (auto ready = FinishContext(app, globals); !ready)
    return Report(globals.context, ready.error());
  if (auto done = action(globals.context); !done) return Report(globals.context, done.error());
  if (std::fflush(stdout) != 0) {
    return Report(globals.context, {ErrorCode::kInternal, "cannot write to standard output"});
  }
  return kExitOk;
}

}  // namespace postroad::cli
