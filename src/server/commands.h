// The server's part of the command line: `postroad serve` and `postroad config`.
#ifndef POSTROAD_SERVER_COMMANDS_H_
#define POSTROAD_SERVER_COMMANDS_H_

namespace CLI {
class App;
}

namespace postroad::server {

// How the program ends (a part of cli/exit_codes.h). The systemd unit does not start it again after
// 2, 6 and 9.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitBadSettings = 2;
inline constexpr int kExitStoreLocked = 6;
inline constexpr int kExitStoreCorrupt = 9;

// Each adds a subcommand whose callback runs it to its end, having printed what there was to say
// (results on standard output, problems on standard error), and sets `exit_code`.
//
// serve: opens the store, listens, and serves until SIGTERM or SIGINT.
void AddServeCommand(CLI::App& program, int& exit_code);
// config show | check | docs | metrics
void AddConfigCommand(CLI::App& program, int& exit_code);

}  // namespace postroad::server

#endif  // POSTROAD_SERVER_COMMANDS_H_
