// `postroad connections`: who is connected.
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/remote.h"

namespace postroad::cli {
namespace {

struct ConnectionsArgs {
  std::string user;
  uint64_t limit = 0;
};

boost::json::object ConnectionObject(const ConnectionInfo& connection) {
  return {{"connection", connection.connection},   {"user", connection.user},
          {"transport", connection.transport},     {"peer", connection.peer},
          {"since", FormatTime(connection.since)}, {"suspended", connection.suspended}};
}

Status List(const Context& context, const ConnectionsArgs& args) {
  POSTROAD_ASSIGN(Admin admin, ConnectAdmin(context));
  POSTROAD_ASSIGN(const auto connections,
                  AllPages<ConnectionInfo>(args.limit, [&](std::string_view page, uint32_t size) {
                    return admin.ListConnections(args.user, page, size);
                  }));
  if (context.json()) {
    PrintJson<ConnectionInfo>(connections, ConnectionObject);
    return {};
  }
  Table table({{"USER"}, {"CONNECTION"}, {"BY"}, {"FROM"}, {"SINCE"}, {"STATE"}});
  const Timestamp now = std::chrono::system_clock::now();
  for (const ConnectionInfo& connection : connections) {
    table.Row({Printable(connection.user), connection.connection, connection.transport,
               Printable(connection.peer), HumanAge(connection.since, now),
               connection.suspended ? "suspended" : "open"});
  }
  PrintTable(table, "nobody is connected");
  return {};
}

}  // namespace

void AddConnections(CLI::App& app, Action& action) {
  auto args = std::make_shared<ConnectionsArgs>();
  CLI::App* command = app.add_subcommand("connections", "who is connected: users, by any protocol");
  command->add_option("user", args->user, "one user; all if not given");
  command->add_option("--limit", args->limit, "at most so many; all if 0")->capture_default_str();
  command->callback([args, &action] {
    action = [args](const Context& context) { return List(context, *args); };
  });
}

}  // namespace postroad::cli
